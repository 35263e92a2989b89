import type { LineageId, ObjectHash } from '../base/index.ts';
import type { EntryRow } from '../catalog/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeEntryObject, noHash, objectHashOf } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { parseEntryKey } from './object-keys.ts';

/** An entry that some mirror lists. */
export interface ListedEntry {
  readonly key: string;
  readonly lineage: LineageId;
  readonly number: number;
  readonly hash: ObjectHash;
}

export interface HistoryOptions {
  readonly mirrors: MirrorSet;
  /** Was an entry written by a holder of the keys? */
  readonly isAuthentic: (bytes: Uint8Array) => boolean;
  /** Has the history taken in this entry, which lies outside it? Asked when it is read to its end. */
  readonly isMerged?: ((hash: ObjectHash) => boolean) | undefined;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The longest valid history that the mirrors hold between them, entry by entry, oldest first. Each
 * entry is read from whichever mirror has it whole. Entries that lie behind a gap or on a shorter
 * branch are reported and left out.
 */
export async function* readHistory(options: HistoryOptions): AsyncGenerator<EntryRow> {
  const byNumber = await listEntries(options);
  const chosen = hasForks(byNumber) ? await longestChain(byNumber, options) : undefined;
  let previous: ObjectHash = noHash;
  let number = 1;
  for (; byNumber.has(number); number++) {
    options.signal?.throwIfAborted();
    const listed = chosen === undefined ? byNumber.get(number)?.[0] : chosen.get(number);
    if (listed === undefined) break;
    let bytes: Uint8Array;
    try {
      bytes = await readEntry(listed, options);
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound')) throw error;
      options.monitor.problem(unreadableEntry(listed, error));
      break;
    }
    const entry = decodeEntryObject(bytes);
    if (entry.previous !== previous || entry.number !== number) {
      options.monitor.problem(unreadableEntry(listed, 'it does not follow the entry before'));
      break;
    }
    yield { number, lineage: entry.lineage, hash: listed.hash, bytes };
    previous = listed.hash;
  }
  let beyond = 0;
  for (const [at, listed] of byNumber) {
    if (at >= number && !listed.every(({ hash }) => options.isMerged?.(hash))) {
      beyond = Math.max(beyond, at);
    }
  }
  if (beyond > 0) options.monitor.problem(gapInHistory(number, beyond));
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
        if (listed.some(({ hash }) => hash === place.hash)) continue;
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

function hasForks(byNumber: ReadonlyMap<number, readonly ListedEntry[]>): boolean {
  for (const listed of byNumber.values()) if (listed.length > 1) return true;
  return false;
}

/**
 * Where several entries have one number, the branch that reaches the highest number from entry 1.
 * A take-over forks on purpose, and the new lineage is the one that goes on; of two branches of one
 * length the one with the later last entry counts.
 */
async function longestChain(
  byNumber: ReadonlyMap<number, readonly ListedEntry[]>,
  options: HistoryOptions,
): Promise<ReadonlyMap<number, ListedEntry>> {
  let ends = new Map<
    ObjectHash,
    { readonly entry: ListedEntry; readonly before: ObjectHash; readonly time: number }
  >();
  const reached = new Map<
    ObjectHash,
    { readonly entry: ListedEntry; readonly before: ObjectHash }
  >();
  for (let number = 1; byNumber.has(number); number++) {
    const next: typeof ends = new Map();
    for (const entry of byNumber.get(number) ?? []) {
      try {
        const { previous, time } = decodeEntryObject(await readEntry(entry, options));
        const follows = number === 1 ? previous === noHash : ends.has(previous);
        if (!follows) continue;
        next.set(entry.hash, { entry, before: previous, time });
        reached.set(entry.hash, { entry, before: previous });
      } catch (error) {
        if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
        const isForged = error.code === 'ENTRY_FORGED';
        options.monitor.problem(isForged ? error : unreadableEntry(entry, error));
      }
    }
    if (next.size === 0) break;
    ends = next;
  }
  const last = [...ends.values()].sort((a, b) => b.time - a.time)[0];
  const chain = new Map<number, ListedEntry>();
  for (let at = last && reached.get(last.entry.hash); at; at = reached.get(at.before)) {
    chain.set(at.entry.number, at.entry);
  }
  return chain;
}

/** Whole, and written by a holder of the keys; else `Corrupt`. */
export async function readEntry(entry: ListedEntry, options: HistoryOptions): Promise<Uint8Array> {
  const bytes = await options.mirrors.get(entry.key, {
    signal: options.signal,
    accept: (read) => objectHashOf(read) === entry.hash,
  });
  if (options.isAuthentic(bytes)) return bytes;
  throw new VersionsError(
    'Corrupt',
    'ENTRY_FORGED',
    `The journal entry ${entry.key} was not written by a holder of the repository's keys`,
    { hint: 'Somebody else has written into a mirror: see docs/threat-model.md' },
  );
}

function unreadableEntry(entry: ListedEntry, why: unknown): VersionsError {
  return new VersionsError(
    'Corrupt',
    'ENTRY_UNREADABLE',
    `Entry ${entry.number} of the journal cannot be used: ${errorMessage(why)}`,
    {
      hint: 'Bring more of the mirrors, one may have it whole; then "versions catalog rebuild" saves the rest',
    },
  );
}

function gapInHistory(from: number, to: number): VersionsError {
  return new VersionsError(
    'Corrupt',
    'HISTORY_GAP',
    `The journal ends before entry ${from}, but entries up to ${to} exist in a mirror`,
    {
      hint: 'With all mirrors at hand, run "versions catalog rebuild": it takes in what lies behind the gap',
    },
  );
}
