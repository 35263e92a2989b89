import type { PackName } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { decodeEntryObject, parseObjectName } from '../format/index.ts';
import {
  applyHeal,
  breakerTripped,
  emptyQuarantine,
  type HealChoice,
  type HealPlan,
  type HealResult,
  planHeal,
  unlistedMirrors,
} from '../heal/index.ts';
import {
  absentMembers,
  entryKey,
  expectedObjects,
  isKept,
  KeptOpening,
  mirrorUnknown,
  noteSuperseded,
  payloadKey,
  remadeFromCatalog,
  type Context,
  type Repository,
} from '../repository/index.ts';
import {
  HashThreads,
  HealthRecorder,
  KnownCopies,
  verifyMirrors,
  type ExpectedObject,
  type VerifyLevel,
  type VerifyMirrorsResult,
} from '../verify/index.ts';
import { hashThreadCount, judgeWithKeys } from './judge-with-keys.ts';
import { type Salvaged, salvagePacks } from './salvage-packs.ts';
import { findLosses, supersededPacks } from './structure-losses.ts';

export interface RunHealOptions extends HealChoice {
  /** How thoroughly to look first; what the ledger suspects is read whatever this says. */
  readonly level: VerifyLevel;
  readonly dryRun: boolean;
  readonly bytesMax?: number | undefined;
  /** For the events, and the session if something has to be salvaged. */
  readonly host: string;
  /** Shown before anything is done. */
  readonly onPlan?: ((plan: HealPlan) => void | Promise<void>) | undefined;
}

export interface HealSummary {
  readonly findings: number;
  readonly bytesRead: number;
  readonly mended: number;
  readonly left: number;
  /** Bad copies outside of what was chosen: nothing was done about them. */
  readonly unchosen: number;
  /** Objects that no mirror at hand has, and that could not be put together. */
  readonly lost: number;
  /** Configured mirrors that are not here: what is wrong in them nobody knows. */
  readonly absent: number;
  readonly bytesWritten: number;
  /** What was saved of lost packs; undefined if there was no need, or mirrors are missing. */
  readonly salvaged?: Salvaged | undefined;
  readonly durationMs: number;
}

/**
 * Looks for damage in all mirrors and mends it: see the room `heal`. What remains lost, if every
 * mirror is here, is salvaged into new packs. The repository must be open for writing, unless it is
 * a dry run.
 */
export async function runHeal(
  repository: Repository,
  options: RunHealOptions,
  context: Context,
): Promise<HealSummary> {
  const { clock, monitor, signal } = context;
  const { catalog } = repository;
  assertMirrorsHere(repository, [options.from, options.mirror]);
  const everything = await expectedObjects(repository);
  assertNamed(everything, options.object);
  const began = clock.elapsed();
  const now = clock.now();
  const known = await KnownCopies.read(catalog.ledger, now);
  const recorder = options.dryRun
    ? undefined
    : new HealthRecorder(catalog.ledger, now, ({ message }) => monitor.note(message));
  const superseded = await findSuperseded(repository, options, context);
  const expected = everything.filter(({ key }) => !superseded.has(key));
  const result = await look(repository, expected, {
    ...context,
    level: options.level,
    known,
    recorder,
  });
  await recorder?.flush();
  const plan = planHeal(result, options);
  await options.onPlan?.(plan);
  for (const tripped of breakerTripped(plan)) monitor.problem(tripped);
  const unlisted = unlistedMirrors(repository.mirrors.mirrors, result);
  for (const error of unlisted) monitor.problem(error);
  if (!options.dryRun) {
    const isAllHere = absentMembers(repository).length + repository.lostPacks.size === 0;
    const isComplete = options.level === 'data' && isAllHere && unlisted.length === 0;
    await emptyQuarantine(result, { isComplete, monitor, signal });
  }
  const healed = options.dryRun ? undefined : await apply(repository, plan, options, context);
  const salvaged = healed && (await salvage(repository, healed.lost, options, context));
  return {
    findings: result.findings.length,
    bytesRead: result.bytesRead,
    mended: healed?.mended ?? 0,
    left: healed?.left ?? 0,
    unchosen: plan.unchosen,
    lost: healed?.lost.length ?? 0,
    absent: repository.mirrors.absent.length,
    bytesWritten: healed?.bytesWritten ?? 0,
    salvaged,
    durationMs: Math.round(clock.elapsed() - began),
  };
}

/** Verifies what is there; with threads, which end before anything is mended. */
async function look(
  repository: Repository,
  expected: readonly ExpectedObject[],
  {
    level,
    known,
    recorder,
    monitor,
    signal,
  }: Context & {
    readonly level: VerifyLevel;
    readonly known: KnownCopies;
    readonly recorder: HealthRecorder | undefined;
  },
): Promise<VerifyMirrorsResult> {
  await using threads = new HashThreads(hashThreadCount(repository));
  monitor.at('verifying');
  return await verifyMirrors(repository.mirrors.mirrors, expected, {
    level,
    judge: judgeWithKeys(repository, threads),
    hasher: threads,
    isSuspect: ({ key }, { id }) => known.isSuspect(key, id),
    onCopy: (seen) => recorder?.add(seen),
    // Whether it can be mended is seen by mending it.
    canMend: async () => true,
    monitor,
    signal,
  });
}

/** A name that is mistyped must not look as if no mirror had a good copy. */
function assertMirrorsHere(
  { mirrors: { mirrors, absent } }: Repository,
  names: readonly (string | undefined)[],
): void {
  const here = mirrors.map(({ name }) => name);
  for (const name of names) {
    if (name === undefined || here.includes(name)) continue;
    const away = absent.find((place) => place.name === name);
    throw away?.error ?? mirrorUnknown(name, here);
  }
}

/** Nothing being wrong with what is not there must not look like its being mended. */
function assertNamed(expected: readonly ExpectedObject[], part: string | undefined): void {
  if (part === undefined || expected.some(({ key }) => key.includes(part))) return;
  throw new VersionsError(
    'Usage',
    'OBJECT_UNKNOWN',
    `No object of the repository has ${part} in its key`,
    {
      hint: '`versions verify` names the objects with which something is wrong',
      context: { part },
    },
  );
}

async function findSuperseded(
  repository: Repository,
  { dryRun }: RunHealOptions,
  context: Context,
): Promise<ReadonlySet<string>> {
  if (repository.lostPacks.size === 0) return new Set();
  await repository.loadIndex(context.signal);
  const superseded = supersededPacks(repository, await findLosses(repository, context));
  // Others who ask what is owed need not walk all trees to know.
  if (!dryRun) await noteSuperseded(repository, superseded.size > 0);
  return superseded;
}

async function apply(
  repository: Repository,
  plan: HealPlan,
  { from, bytesMax, host }: RunHealOptions,
  { monitor, clock, signal }: Context,
): Promise<HealResult> {
  return applyHeal(plan, {
    repository: repository.id,
    mirrors: repository.mirrors.mirrors,
    judge: judgeWithKeys(repository),
    atHand: (key) => bytesAtHand(repository, key),
    ledger: repository.catalog.ledger,
    by: host,
    isFromFixed: from !== undefined,
    bytesMax,
    monitor,
    clock,
    signal,
  });
}

/**
 * Journal entries, and payloads for a while, are in the catalog too; checkpoints follow from them;
 * what the repository was opened with is kept in the cache.
 */
async function bytesAtHand(repository: Repository, key: string): Promise<Uint8Array | undefined> {
  const { catalog, cacheDir, monitor } = repository;
  if (isKept(key)) return new KeptOpening(cacheDir, monitor).read(key);
  const part = parseObjectName(key)?.part;
  if (part === 'checkpoint') return remadeFromCatalog(repository, key);
  if (part !== 'entry' && part !== 'payload') return undefined;
  for await (const row of catalog.read(0)) {
    if (part === 'entry' && entryKey(row.lineage, row.number, row.hash) === key) return row.bytes;
    if (part !== 'payload' || row.payload === undefined) continue;
    const { payload } = decodeEntryObject(row.bytes);
    if (payload && payloadKey(payload) === key) return row.payload;
  }
  return undefined;
}

async function salvage(
  repository: Repository,
  lost: readonly string[],
  { host }: RunHealOptions,
  context: Context,
): Promise<Salvaged | undefined> {
  const names = new Map(repository.state.packs.all().map(({ name }) => [name as string, name]));
  const packs = lost.flatMap((key): PackName[] => {
    const name = names.get(key.slice(key.lastIndexOf('/') + 1));
    return name === undefined ? [] : [name];
  });
  if (packs.length === 0) return undefined;
  const absent = absentMembers(repository);
  if (absent.length > 0) {
    const who = absent.map(({ name }) => name).join(', ');
    context.monitor.note(
      `What is lost here may be whole in ${who}: bring it back and run "versions heal" again`,
    );
    return undefined;
  }
  return salvagePacks(repository, packs, { host }, context);
}
