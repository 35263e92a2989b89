import type { LineageId, ObjectHash, PackName, SnapshotId } from '../base/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeEntryObject, type EntryEnvelope, type JournalRecord } from '../format/index.ts';
import type { Context } from './context.ts';
import { listEntries, readEntry, type HistoryOptions, type ListedEntry } from './list-entries.ts';
import type { LineageEnd } from './repository-state.ts';
import type { Repository } from './repository.ts';

/** Entries and packs that go into one entry at most, but for what one stray entry brings. */
const groupEntries = 256;
const groupPacks = 1000;

type SnapshotCommit = Extract<JournalRecord, { type: 'snapshot' }>;

/** An entry that a holder of the keys has written and that is not in the history. */
interface Stray {
  readonly hash: ObjectHash;
  readonly envelope: EntryEnvelope;
  readonly records: readonly JournalRecord[];
  /** It comes behind the end of the history; else it is of a branch. */
  readonly isContinuation: boolean;
}

/** The entries that mirrors list and the history neither holds nor has taken in, oldest first. */
export async function findStrays(
  repository: Repository,
  context: Context,
): Promise<readonly ListedEntry[]> {
  const known = new Set(repository.state.merged);
  for await (const { hash } of repository.catalog.read(0)) known.add(hash);
  const byNumber = await listEntries(historyOptions(repository, context));
  return [...byNumber.values()]
    .flat()
    .filter(({ hash }) => !known.has(hash))
    .sort((a, b) => a.number - b.number);
}

/**
 * Takes into the history what entries outside it say. Of an entry behind its end, which a gap cuts
 * off, everything counts; of a branch only packs and snapshots, since what it forgot or changed was
 * decided without knowing the rest. What is taken in is appended anew, together with the names of
 * the entries, so that a run that was cut short goes on where it stopped. Returns how many entries
 * were taken in. What cannot be read is told and left for a later run.
 */
export async function mergeStrays(repository: Repository, context: Context): Promise<number> {
  const listed = await findStrays(repository, context);
  const base = repository.state.rebuildBase ?? { lineage: undefined, number: 0 };
  const continues = continuing(listed, base);
  const forgotten = new Set<SnapshotId>();
  const swept = new Set<PackName>();
  let group: Stray[] = [];
  let count = 0;
  const flush = async (): Promise<void> => {
    if (group.length === 0) return;
    const strays = group;
    group = [];
    await repository.log.append(() => recordsOf(strays, repository), { signal: context.signal });
    count += strays.length;
  };
  // What a branch dropped later must be known before the first of it is taken.
  for (const entry of listed) {
    if (continues(entry)) continue;
    const stray = await openStray(entry, false, repository, context);
    for (const record of stray?.records ?? []) {
      if (record.type === 'forget') for (const id of record.snapshots) forgotten.add(id);
      if (record.type === 'swept') for (const name of record.packs) swept.add(name);
    }
  }
  for (const entry of listed) {
    context.signal?.throwIfAborted();
    const stray = await openStray(entry, continues(entry), repository, context);
    if (stray === undefined) continue;
    assertKnown(stray);
    group.push(stray.isContinuation ? stray : branchOf(stray, { forgotten, swept }));
    const packs = group.flatMap(({ records }) => records).reduce((sum, r) => sum + packsIn(r), 0);
    if (group.length >= groupEntries || packs >= groupPacks) await flush();
  }
  await flush();
  return count;
}

/**
 * Which entries go on from the end of the history: those with higher numbers that are of its last
 * lineage, or of one that began behind it.
 */
function continuing(
  listed: readonly ListedEntry[],
  base: LineageEnd,
): (entry: ListedEntry) => boolean {
  const earlier = new Set<LineageId>();
  for (const { lineage, number } of listed) if (number <= base.number) earlier.add(lineage);
  return ({ lineage, number }) =>
    number > base.number && (lineage === base.lineage || !earlier.has(lineage));
}

async function openStray(
  entry: ListedEntry,
  isContinuation: boolean,
  repository: Repository,
  context: Context,
): Promise<Stray | undefined> {
  const { lineage, number, hash } = entry;
  try {
    const bytes = await readEntry(entry, historyOptions(repository, context));
    const records = await repository.log.recordsOf({ lineage, number, hash, bytes });
    return { hash, envelope: decodeEntryObject(bytes), records, isContinuation };
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
    context.monitor.problem(strayUnreadable(entry, error));
    return undefined;
  }
}

/** What counts of an entry of a branch. */
function branchOf(
  stray: Stray,
  dropped: { readonly forgotten: ReadonlySet<SnapshotId>; readonly swept: ReadonlySet<PackName> },
): Stray {
  const records = stray.records.flatMap((record): JournalRecord[] => {
    if (record.type === 'packs') {
      const packs = record.packs.filter(({ name }) => !dropped.swept.has(name));
      return packs.length === 0 ? [] : [{ ...record, packs }];
    }
    if (record.type !== 'snapshot' || dropped.forgotten.has(record.snapshot.id)) return [];
    return [record];
  });
  return { ...stray, records };
}

/** The records of one entry that takes strays in. */
function recordsOf(strays: readonly Stray[], { state }: Repository): readonly JournalRecord[] {
  const records: JournalRecord[] = [];
  for (const { envelope, records: own } of strays) {
    if (state.fenced.has(envelope.writer)) continue;
    for (const record of own) {
      switch (record.type) {
        case 'lineage':
        case 'session':
        case 'end':
        case 'unknown':
        // Its runs hold entries that are not in this history.
        case 'checkpoint':
          break;
        case 'snapshot':
          if (!state.fenced.has(record.session) && !state.snapshots.has(record.snapshot.id))
            records.push(record);
          break;
        default:
          records.push(record);
      }
    }
  }
  const merged: JournalRecord = { type: 'merged', entries: strays.map(({ hash }) => hash) };
  return [...records, ...keptPartials(records, state), merged];
}

/**
 * A complete snapshot takes the place of the partial ones committed before it; here it is committed
 * late, so that partial ones that are younger are committed once more behind it.
 */
export function keptPartials(
  records: readonly JournalRecord[],
  { snapshots }: Pick<Repository['state'], 'snapshots'>,
): readonly SnapshotCommit[] {
  const complete = records.flatMap((record) =>
    record.type === 'snapshot' && !record.snapshot.partial ? [record] : [],
  );
  const kept: SnapshotCommit[] = [];
  for (const { record, chunk, recovered } of snapshots.values()) {
    if (!record.partial) continue;
    const over = complete.filter(({ snapshot }) => snapshot.source === record.source);
    const [first] = over;
    if (first === undefined || over.some(({ snapshot }) => snapshot.time > record.time)) continue;
    const { session } = first;
    kept.push({
      type: 'snapshot',
      session,
      record: chunk,
      snapshot: record,
      ...(recovered && { recovered }),
    });
  }
  return kept;
}

function packsIn(record: JournalRecord): number {
  return record.type === 'packs' ? record.packs.length : 0;
}

function historyOptions({ id, mirrors, log, keys }: Repository, context: Context): HistoryOptions {
  const { monitor, signal } = context;
  return {
    mirrors,
    keys,
    repository: id,
    isAuthentic: (bytes, place) => log.isAuthentic(bytes, place),
    monitor,
    signal,
  };
}

function assertKnown({ records, envelope }: Stray): void {
  const unknown = records.find((record) => record.type === 'unknown' && !record.optional);
  if (unknown?.type !== 'unknown') return;
  throw new VersionsError(
    'Unsupported',
    'RECORD_UNKNOWN',
    `Entry ${envelope.number} of the journal has a record of kind "${unknown.name}", which this version does not know`,
    { hint: 'Install the newest version of Versions to write to this repository' },
  );
}

function strayUnreadable({ key }: ListedEntry, cause: unknown): VersionsError {
  return new VersionsError(
    'Corrupt',
    'ENTRY_UNREADABLE',
    `The journal entry ${key} lies outside the history and cannot be used: ${errorMessage(cause)}`,
    {
      hint: 'Run "versions catalog rebuild" again with more of the mirrors: one may have it whole',
      cause,
    },
  );
}
