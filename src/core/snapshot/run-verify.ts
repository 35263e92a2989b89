import { byteStringFromText, displayPath, type ObjectHash } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeConfig } from '../format/index.ts';
import { expectedObjects, type Context, type Repository } from '../repository/index.ts';
import { type Judge, judgeFor, verifyMirrors, type VerifyLevel } from '../verify/index.ts';
import type { WorkerPool } from '../workers/index.ts';
import { checkStructure, type StructureLoss } from './check-structure.ts';

export interface VerifyOptions {
  readonly level: VerifyLevel;
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
  readonly durationMs: number;
}

/**
 * Checks all mirrors. `quick`: every object is there, in its size. `structure`: also the journal,
 * the packs' tables, and that every tree can be read and every chunk it names is there. `data`: also
 * every byte of every object in every mirror. Nothing is written.
 */
export async function runVerify(
  repository: Repository,
  options: VerifyOptions,
  context: Context,
): Promise<VerifySummary> {
  const began = context.clock.elapsed();
  const { level } = options;
  const { monitor, signal } = context;
  const { mirrors, state } = repository;
  const expected = await expectedObjects(repository);
  monitor.count('objectsTotal', expected.length * mirrors.mirrors.length);
  const bytes = expected.reduce((sum, object) => sum + (object.bytes ?? 0), 0);
  if (level === 'data') monitor.count('bytesTotal', bytes * mirrors.mirrors.length);
  monitor.at('verifying');
  let losses = 0;
  const structure = async (): Promise<void> => {
    if (level === 'quick') return;
    await checkStructure(
      repository,
      (loss) => ((losses += 1), monitor.problem(incomplete(loss))),
      signal,
    );
  };
  await repository.loadIndex(signal);
  await using pool = repository.startWorkers();
  // Trees are walked here while the workers hash.
  const [result] = await Promise.all([
    verifyMirrors(mirrors.mirrors, expected, {
      level,
      judge: judgeOf(repository, pool),
      monitor,
      signal,
    }),
    structure(),
  ]);
  const absent = mirrors.absent.length;
  return {
    packs: state.packs.count,
    objects: result.objects,
    snapshots: state.snapshots.size,
    bytesRead: result.bytesRead,
    findings: result.findings.length + absent + losses,
    healable: result.findings.filter(({ healable }) => healable).length,
    lost: result.lost.length + losses,
    durationMs: Math.round(context.clock.elapsed() - began),
  };
}

function incomplete({ snapshot, path, reason }: StructureLoss): VersionsError {
  const shown = displayPath(byteStringFromText(path));
  const message = `Snapshot ${snapshot.id.slice(0, 8)} has lost ${shown}: ${reason}`;
  return new VersionsError('Corrupt', 'SNAPSHOT_INCOMPLETE', message, {
    hint: 'Add a mirror that still has it; the other snapshots and files are not concerned',
  });
}

/** Hashes in the workers; the MAC of `config` is checked too, as there are keys. */
function judgeOf(repository: Repository, pool: WorkerPool): Judge {
  const hash = async (object: Uint8Array): Promise<ObjectHash> => {
    // Stores give every object in memory of its own, so it moves.
    const { buffer } = object;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === object.byteLength;
    const task = { type: 'hash', bytes: object } as const;
    return (await pool.run(task, object.byteLength, isWhole ? [buffer] : [])).hash;
  };
  const judge = judgeFor({ repository: repository.id, hash });
  return async (key, bytes, mirror) => {
    const verdict = await judge(key, bytes, mirror);
    if (verdict !== undefined || key !== 'config') return verdict;
    const { macInput, mac } = decodeConfig(bytes);
    try {
      repository.keys.checkConfigMac(macInput, mac);
      return undefined;
    } catch (error) {
      if (!isVersionsError(error)) throw error;
      return error.message;
    }
  };
}
