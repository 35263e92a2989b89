import { isVersionsError, errorMessage } from '../errors/index.ts';
import { type CheckpointPart, type CheckpointRecord, partsOfCheckpoint } from '../format/index.ts';
import type { Context } from './context.ts';
import { makeCheckpoint, remakePart } from './make-checkpoint.ts';
import { metaKeys } from './meta-keys.ts';
import { checkpointKey } from './object-keys.ts';
import type { Repository } from './repository.ts';

/** Entries after which a checkpoint is made: some months of a backup a day. */
const entriesDefault = 256;

/**
 * Makes a checkpoint if so many entries were added since the last one that reading them one by one
 * costs more. The entry that names it comes first: of two clients only one stores objects, and
 * whoever opens the repository next stores what its writer did not come to store. It is a help, not
 * a promise: what fails is noted, and nothing else fails for it.
 */
export async function writeCheckpointIfDue(
  repository: Repository,
  { checkpointEntries: every = entriesDefault, monitor, signal }: Context,
): Promise<void> {
  const { state, log } = repository;
  const before = state.checkpoint;
  const covered = before?.checkpoint.last ?? 0;
  if (signal?.aborted || (state.tip?.number ?? 0) - covered < every) return;
  try {
    const { record, objects } = await makeCheckpoint(repository, every);
    const number = await log.append(() => (state.checkpoint === before ? [record] : undefined), {
      signal,
    });
    if (number === undefined) return;
    for (const { part, bytes } of objects) {
      await repository.mirrors.put(checkpointKey(part.name), [bytes], { signal });
    }
    await noteStored(repository, record);
  } catch (error) {
    if (!isVersionsError(error) && !signal?.aborted) throw error;
    monitor.note(`No checkpoint of the journal was made: ${errorMessage(error)}`);
  }
}

/** Stores what the writer of the last checkpoint did not come to store, because it died before. */
export async function finishCheckpoint(
  repository: Repository,
  { monitor, signal }: Context,
): Promise<void> {
  const { state, mirrors, catalog } = repository;
  const record = state.checkpoint;
  if (record === undefined) return;
  if ((await catalog.getMeta(metaKeys.checkpoint)) === record.checkpoint.name) return;
  try {
    const parts = new Map(partsOfCheckpoint(record).map((part) => [part.name, part]));
    const missing = new Set<CheckpointPart>();
    for (const { store } of mirrors.mirrors) {
      const listed = new Set<string>();
      for await (const { key } of store.list('checkpoints/', { signal })) listed.add(key);
      for (const part of parts.values()) {
        if (!listed.has(checkpointKey(part.name))) missing.add(part);
      }
    }
    for (const part of missing) {
      const bytes = await remakePart(repository, part);
      if (bytes) await mirrors.put(checkpointKey(part.name), [bytes], { signal });
    }
    await noteStored(repository, record);
  } catch (error) {
    if (!isVersionsError(error)) throw error;
    monitor.note(`The last checkpoint of the journal was not looked at: ${errorMessage(error)}`);
  }
}

function noteStored({ catalog }: Repository, { checkpoint }: CheckpointRecord): Promise<void> {
  return catalog.setMeta(metaKeys.checkpoint, checkpoint.name);
}
