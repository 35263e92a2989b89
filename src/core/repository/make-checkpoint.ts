import { checkpointPayloadBytesMax } from '../base/index.ts';
import type { EntryRow } from '../catalog/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  type CheckpointPart,
  type CheckpointRecord,
  encodeCheckpointRuns,
  encodeRun,
  runItemBytes,
} from '../format/index.ts';
import { type CheckpointSeal, sealCheckpoint, type SealedPart } from './checkpoint-codec.ts';
import { checkpointKey } from './object-keys.ts';
import { planRuns, type PlannedRun } from './plan-runs.ts';
import type { Repository } from './repository.ts';

/** A checkpoint, and the objects that are new in it. */
export interface NewCheckpoint {
  readonly record: CheckpointRecord;
  readonly objects: readonly SealedPart[];
}

type Part = Pick<CheckpointPart, 'first' | 'last'>;
type SealChoice = Pick<CheckpointSeal, 'salt' | 'epoch'>;

/** Makes a checkpoint of all entries that the catalog holds, without storing anything. */
export async function makeCheckpoint(
  repository: Repository,
  every: number,
): Promise<NewCheckpoint> {
  const { state, keys } = repository;
  const runs: CheckpointPart[] = [];
  const objects: SealedPart[] = [];
  for (const planned of planRuns(
    state.checkpoint?.runs ?? [],
    await sizesBehind(repository),
    every,
  )) {
    const run = planned.known === undefined ? await newRun(repository, planned) : undefined;
    if (run !== undefined) objects.push(run);
    const part = run?.part ?? planned.known;
    if (part !== undefined) runs.push(part);
  }
  const whole = { first: 1, last: runs.at(-1)?.last ?? 0 };
  const fresh = { salt: repository.random.bytes(32), epoch: keys.epoch };
  const checkpoint = await sealList(repository, runs, whole, fresh);
  objects.push(checkpoint);
  const { hash } = await lastEntry(repository, whole);
  return { record: { type: 'checkpoint', checkpoint: checkpoint.part, hash, runs }, objects };
}

/**
 * Makes an object again that a checkpoint names, byte for byte, from the entries of the catalog:
 * its salt is known, and all else follows. Undefined if that gives something else, which is never
 * stored. Throws `Corrupt`, `NotFound` if a payload is nowhere whole.
 */
export async function remakePart(
  repository: Repository,
  wanted: CheckpointPart,
): Promise<Uint8Array | undefined> {
  const record = repository.state.checkpoints.find(
    ({ checkpoint }) => checkpoint.name === wanted.name,
  );
  const { bytes, part } =
    record === undefined
      ? await sealRun(repository, wanted, wanted)
      : await sealList(repository, record.runs, wanted, wanted);
  return part.name === wanted.name ? bytes : undefined;
}

/**
 * The object below `checkpoints/` with this key, made again; undefined if no entry names it, or if
 * a payload that it holds is nowhere whole.
 */
export async function remadeFromCatalog(
  repository: Repository,
  key: string,
): Promise<Uint8Array | undefined> {
  const parts = repository.state.checkpointParts();
  const part = [...parts.values()].find(({ name }) => checkpointKey(name) === key);
  try {
    return part && (await remakePart(repository, part));
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'NotFound')) throw error;
    return undefined;
  }
}

function newRun(repository: Repository, planned: PlannedRun): Promise<SealedPart> {
  const { random, keys } = repository;
  return sealRun(repository, planned, { salt: random.bytes(32), epoch: keys.epoch });
}

async function sealRun(
  repository: Repository,
  { first, last }: Part,
  choice: SealChoice,
): Promise<SealedPart> {
  const entries: { readonly bytes: Uint8Array; readonly payload: Uint8Array | undefined }[] = [];
  for await (const row of repository.log.rows(first - 1)) {
    if (row.number > last) break;
    entries.push({ bytes: row.bytes, payload: await payloadGoingAlong(repository, row) });
  }
  const { lineage, hash } = await lastEntry(repository, { first, last });
  const envelope = { part: 'run', first, last, lineage, hash } as const;
  return sealCheckpoint(encodeRun(entries), envelope, sealOf(repository, choice));
}

async function sealList(
  repository: Repository,
  runs: readonly CheckpointPart[],
  { last }: Part,
  choice: SealChoice,
): Promise<SealedPart> {
  const { lineage, hash } = await lastEntry(repository, { first: 1, last });
  const envelope = { part: 'checkpoint', first: 1, last, lineage, hash } as const;
  return sealCheckpoint(encodeCheckpointRuns(runs), envelope, sealOf(repository, choice));
}

function sealOf({ keys, id }: Repository, { salt, epoch }: SealChoice): CheckpointSeal {
  return { keys, repository: id, salt, epoch };
}

async function lastEntry({ log }: Repository, { last }: Part): Promise<EntryRow> {
  for await (const row of log.rows(last - 1)) return row;
  throw new VersionsError('Internal', 'ASSERTION_FAILED', `The catalog lacks entry ${last}`);
}

async function sizesBehind(
  repository: Repository,
): Promise<readonly { readonly number: number; readonly bytes: number }[]> {
  const sizes = [];
  const covered = repository.state.checkpoint?.checkpoint.last ?? 0;
  for await (const row of repository.log.rows(covered)) {
    // What another client has appended just now is for the next one.
    if (row.number > (repository.state.tip?.number ?? 0)) break;
    const payload = await payloadGoingAlong(repository, row);
    const bytes = runItemBytes + row.bytes.byteLength + (payload?.byteLength ?? 0);
    sizes.push({ number: row.number, bytes });
  }
  return sizes;
}

/** Read for its size and again for the run: all of them together may be more than memory holds. */
async function payloadGoingAlong(
  { log }: Repository,
  row: EntryRow,
): Promise<Uint8Array | undefined> {
  const payload = await log.payloadOf(row);
  return payload && payload.byteLength <= checkpointPayloadBytesMax ? payload : undefined;
}
