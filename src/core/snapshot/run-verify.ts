import { VersionsError } from '../errors/index.ts';
import { mendable } from '../heal/index.ts';
import type { Mirror } from '../mirror/index.ts';
import {
  expectedObjects,
  neededObjects,
  type Context,
  type Repository,
} from '../repository/index.ts';
import {
  type ExpectedObject,
  HashThreads,
  HealthRecorder,
  judgeFor,
  KnownCopies,
  selectCopies,
  type Subset,
  type VerifyLevel,
  verifyMirrors,
  type VerifyMirrorsResult,
} from '../verify/index.ts';
import { hashThreadCount, judgeWithKeys } from './judge-with-keys.ts';
import { type SampleResult, sampleRestore } from './sample-restore.ts';
import {
  findLosses,
  type Losses,
  noLosses,
  reportFound,
  supersededPacks,
} from './structure-losses.ts';

export interface VerifyOptions {
  readonly level: VerifyLevel;
  /** Only this mirror is looked at. */
  readonly mirror?: string | undefined;
  /** At level `data`: which part of the packs. */
  readonly subset?: Subset | undefined;
  /** At level `data`: only packs that nobody has read for so long. */
  readonly ageMsMin?: number | undefined;
  /** Read so many files back that chance picks. */
  readonly samples?: number | undefined;
}

export interface VerifySummary {
  readonly packs: number;
  readonly objects: number;
  readonly snapshots: number;
  readonly bytesRead: number;
  readonly findings: number;
  /** Findings of which another mirror has a good copy. */
  readonly healable: number;
  /** Objects and files of which no good copy is left. */
  readonly lost: number;
  readonly samples?: SampleResult | undefined;
  readonly durationMs: number;
}

/**
 * Checks the mirrors. `quick`: every object is there, in its size. `structure`: also the journal,
 * the packs' tables, and that every tree can be read and every chunk it names is there. `data`: also
 * every byte of every object in every mirror. Nothing is written but what the ledger is told.
 */
export async function runVerify(
  repository: Repository,
  options: VerifyOptions,
  context: Context,
): Promise<VerifySummary> {
  const began = context.clock.elapsed();
  const { level } = options;
  const { mirrors, state } = repository;
  context.monitor.at('verifying');
  await repository.loadIndex(context.signal);
  await using threads = new HashThreads(hashThreadCount(repository));
  const walk = level === 'quick' ? Promise.resolve(noLosses) : findLosses(repository, context);
  const [result, found] = await Promise.all([
    verify({ repository, threads, walk }, options, context),
    walk,
  ]);
  const isPack = (key: string): boolean => key.startsWith('packs/');
  const isMendable = result.mendable.some(isPack) && !result.lost.some(isPack);
  const losses =
    repository.archivedPacks.size > 0
      ? noteUnknown(repository, context)
      : reportFound(found, isMendable, context);
  const samples = options.samples
    ? await sampleRestore(repository, options.samples, context)
    : undefined;
  return {
    packs: state.packs.count,
    objects: result.objects,
    snapshots: state.snapshots.size,
    bytesRead: result.bytesRead,
    findings: result.findings.length + mirrors.absent.length + losses,
    healable: result.findings.filter(({ healable }) => healable).length,
    lost: result.lost.length + losses + (samples?.lost ?? 0),
    samples,
    durationMs: Math.round(context.clock.elapsed() - began),
  };
}

/** What is in a pack whose table cannot be read now, may be all that a snapshot seems to lack. */
function noteUnknown({ archivedPacks }: Repository, { monitor }: Context): number {
  monitor.note(
    `What ${archivedPacks.size} packs in an archive hold is not known on this machine: whether every snapshot is whole was not checked`,
  );
  return 0;
}

async function verify(
  {
    repository,
    threads,
    walk,
  }: {
    readonly repository: Repository;
    readonly threads: HashThreads;
    readonly walk: Promise<Losses>;
  },
  options: VerifyOptions,
  { clock, monitor, signal }: Context,
): Promise<VerifyMirrorsResult> {
  const { mirrors, id, catalog } = repository;
  const { ledger } = catalog;
  const chosen = chosenMirrors(mirrors.mirrors, options.mirror);
  const now = clock.now();
  const known = await KnownCopies.read(ledger, now);
  const recorder = new HealthRecorder(ledger, now, (error) => {
    // Without a right to write, nobody expects a note.
    if (error.kind !== 'Denied') monitor.note(`Not noted in the catalog: ${error.message}`);
  });
  const expected = await objectsToVerify(repository, options.level, walk);
  const sources = { repository: id, mirrors: mirrors.mirrors, judge: judgeFor({ repository: id }) };
  const result = await verifyMirrors(chosen, expected, {
    level: options.level,
    judge: judgeWithKeys(repository, threads),
    hasher: threads,
    select: (objects) => selectCopies(objects, chosen, { ...options, known, now }),
    onCopy: (seen) => recorder.add(seen),
    canMend: mendable({ ...sources, signal }),
    monitor,
    signal,
  });
  await recorder.flush();
  return result;
}

async function objectsToVerify(
  repository: Repository,
  level: VerifyLevel,
  walk: Promise<Losses>,
): Promise<readonly ExpectedObject[]> {
  if (level === 'quick') return neededObjects(repository);
  const expected = await expectedObjects(repository);
  if (repository.lostPacks.size === 0) return expected;
  const superseded = supersededPacks(repository, await walk);
  return expected.filter(({ key }) => !superseded.has(key));
}

function chosenMirrors(mirrors: readonly Mirror[], name: string | undefined): readonly Mirror[] {
  if (name === undefined) return mirrors;
  const chosen = mirrors.filter((mirror) => mirror.name === name);
  if (chosen.length > 0) return chosen;
  throw new VersionsError('Usage', 'MIRROR_UNKNOWN', `No mirror named ${name} is here`, {
    hint: `Those that are: ${mirrors.map((mirror) => mirror.name).join(', ')}`,
    context: { mirror: name },
  });
}
