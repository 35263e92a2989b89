import type { ObjectHash } from '../base/index.ts';
import type { EntryRow } from '../catalog/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeEntryObject, noHash } from '../format/index.ts';
import { EntrySource } from './entry-source.ts';
import { type HistoryOptions, listEntries, type ListedEntry } from './list-entries.ts';
import { readAhead } from './read-ahead.ts';

/** Entries that are read ahead of the one whose turn it is. */
const readsAtOnce = 16;

/**
 * The longest valid history that the mirrors hold between them, entry by entry, oldest first. Each
 * entry is read from a run of a checkpoint that holds it, or from whichever mirror has it whole. One
 * without its payload object counts as missing: what it says is lost.
 * Entries that lie behind a gap or on a shorter branch are reported and left out.
 */
export async function* readHistory(options: HistoryOptions): AsyncGenerator<EntryRow> {
  const byNumber = await listEntries(options);
  const source = new EntrySource(byNumber, options);
  await source.prepare();
  const chain = hasForks(byNumber)
    ? await longestChain(byNumber, source, options)
    : withoutGap(byNumber);
  let previous: ObjectHash = noHash;
  let number = 1;
  for await (const [listed, read] of readAhead(chain, readsAtOnce, (entry) =>
    source.readWhole(entry),
  )) {
    options.signal?.throwIfAborted();
    if ('error' in read) {
      if (!mayPass(read.error, options)) throw read.error;
      options.monitor.problem(unreadableEntry(listed, read.error));
      break;
    }
    const { bytes, payload } = read.value;
    const entry = decodeEntryObject(bytes);
    if (entry.previous !== previous || entry.number !== number) {
      options.monitor.problem(unreadableEntry(listed, 'it does not follow the entry before'));
      break;
    }
    const row = { number, lineage: entry.lineage, hash: listed.hash, bytes, payload };
    try {
      await options.takeIn?.(row);
    } catch (error) {
      if (!mayPass(error, options)) throw error;
      options.monitor.problem(unreadableEntry(listed, error));
      break;
    }
    yield row;
    previous = listed.hash;
    number += 1;
  }
  let beyond = 0;
  for (const [at, listed] of byNumber) {
    if (at >= number && !listed.every(({ hash }) => options.isMerged?.(hash))) {
      beyond = Math.max(beyond, at);
    }
  }
  if (beyond > 0) options.monitor.problem(gapInHistory(number, beyond));
}

/** The entries from number 1 up to the first that nothing lists. */
function* withoutGap(
  byNumber: ReadonlyMap<number, readonly ListedEntry[]>,
): Generator<ListedEntry> {
  for (let number = 1; ; number++) {
    const entry = byNumber.get(number)?.[0];
    if (entry === undefined) return;
    yield entry;
  }
}

function hasForks(byNumber: ReadonlyMap<number, readonly ListedEntry[]>): boolean {
  for (const listed of byNumber.values()) if (listed.length > 1) return true;
  return false;
}

/**
 * Where several entries have one number, the branch that reaches the highest number from entry 1.
 * A take-over forks on purpose, and the new lineage is the one that goes on; of two branches of one
 * length the one with the later last entry counts, then the greater hash.
 */
async function longestChain(
  byNumber: ReadonlyMap<number, readonly ListedEntry[]>,
  source: EntrySource,
  options: HistoryOptions,
): Promise<readonly ListedEntry[]> {
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
        const { previous, time } = await source.open(entry);
        const follows = number === 1 ? previous === noHash : ends.has(previous);
        if (!follows) continue;
        next.set(entry.hash, { entry, before: previous, time });
        reached.set(entry.hash, { entry, before: previous });
      } catch (error) {
        if (!mayPass(error, options)) throw error;
        const isForged = error.code === 'ENTRY_FORGED';
        options.monitor.problem(isForged ? error : unreadableEntry(entry, error));
      }
    }
    if (next.size === 0) break;
    ends = next;
  }
  const [last] = [...ends.values()].sort(
    (a, b) => b.time - a.time || (a.entry.hash < b.entry.hash ? 1 : -1),
  );
  const chain: ListedEntry[] = [];
  for (let at = last && reached.get(last.entry.hash); at; at = reached.get(at.before)) {
    chain.push(at.entry);
  }
  return chain.reverse();
}

/**
 * Is an entry that failed so passed over? What a newer version wrote is not by a client that goes on
 * from the rest: it may say what must not be contradicted.
 */
function mayPass(error: unknown, { isForWriting }: HistoryOptions): error is VersionsError {
  if (isVersionsError(error, 'Corrupt', 'NotFound')) return true;
  return isVersionsError(error, 'Unsupported') && (isForWriting !== true || isHearsay(error));
}

/** A header tells what it wants to: whoever can write to a mirror can stop nobody with it. */
function isHearsay({ code, cause }: VersionsError): boolean {
  return code === 'FORMAT_TOO_NEW' && isVersionsError(cause, 'Unsupported');
}

function unreadableEntry(entry: ListedEntry, why: unknown): VersionsError {
  if (isVersionsError(why, 'Unsupported')) {
    if (isHearsay(why)) return why;
    return new VersionsError(
      'Unsupported',
      'FORMAT_TOO_NEW',
      `Entry ${entry.number} of the journal cannot be used: ${why.message}`,
      { hint: 'Install the newest version of Versions', context: { number: entry.number } },
    );
  }
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
