import type { ObjectHash, RepositoryId } from '../base/index.ts';
import type { EntryRow } from '../catalog/index.ts';
import type { RepositoryKeys } from '../crypto/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeEntryObject, objectHashOf } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { type EntryAddress, parseEntryKey } from './object-keys.ts';

/** An entry that some mirror lists. */
export interface ListedEntry extends EntryAddress {
  readonly key: string;
}

export interface HistoryOptions {
  readonly mirrors: MirrorSet;
  readonly keys: RepositoryKeys;
  readonly repository: RepositoryId;
  /** Was an entry written for its place by a holder of the keys? */
  readonly isAuthentic: (bytes: Uint8Array, place: EntryAddress) => boolean;
  /** Has the history taken in this entry, which lies outside it? Asked when it is read to its end. */
  readonly isMerged?: ((hash: ObjectHash) => boolean) | undefined;
  /** Opens an entry of the history before it is given out; one that cannot be opened ends it. */
  readonly takeIn?: ((row: EntryRow) => Promise<void>) | undefined;
  /** The reader will go on from the history: what it does not understand it must not pass over. */
  readonly isForWriting?: boolean | undefined;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
}

/** Every entry that any of the mirrors lists, by number; a mirror that cannot be listed is told. */
export async function listEntries(options: HistoryOptions): Promise<Map<number, ListedEntry[]>> {
  const byNumber = new Map<number, ListedEntry[]>();
  let failure: VersionsError | undefined;
  let listedCount = 0;
  for (const mirror of options.mirrors.mirrors) {
    try {
      for await (const { key } of mirror.store.list('journal/', { signal: options.signal })) {
        const place = parseEntryKey(key);
        if (place === undefined) continue;
        const listed = byNumber.get(place.number) ?? [];
        if (listed.some(({ hash, lineage }) => hash === place.hash && lineage === place.lineage))
          continue;
        listed.push({ key, ...place });
        byNumber.set(place.number, listed);
      }
      listedCount += 1;
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
      failure = error;
      const { name } = mirror;
      options.monitor.note(`The journal of mirror ${name} was not looked at: ${error.message}`);
    }
  }
  if (listedCount === 0 && failure !== undefined) throw failure;
  return byNumber;
}

/** Whole, and written by a holder of the keys; else `Corrupt`. */
export async function readEntry(entry: ListedEntry, options: HistoryOptions): Promise<Uint8Array> {
  const bytes = await options.mirrors.get(entry.key, {
    signal: options.signal,
    accept: (read) => objectHashOf(read) === entry.hash,
  });
  if (options.isAuthentic(bytes, entry)) return bytes;
  throw (
    newerEntry(`The journal entry ${entry.key}`, bytes) ??
    new VersionsError(
      'Corrupt',
      'ENTRY_FORGED',
      `The journal entry ${entry.key} was not written there by a holder of the repository's keys`,
      { hint: 'Somebody else has written into a mirror: see docs/threat-model.md' },
    )
  );
}

/**
 * The error for an entry whose header says that a newer version made it. Whether that is true
 * cannot be known: what does not open proves nothing about who wrote it.
 */
export function newerEntry(which: string, bytes: Uint8Array): VersionsError | undefined {
  try {
    decodeEntryObject(bytes);
    return undefined;
  } catch (error) {
    if (!isVersionsError(error, 'Unsupported')) return undefined;
    return new VersionsError(
      'Unsupported',
      'FORMAT_TOO_NEW',
      `${which} was made by a newer version of Versions; it was passed over`,
      { hint: 'Install the newest version of Versions', cause: error },
    );
  }
}
