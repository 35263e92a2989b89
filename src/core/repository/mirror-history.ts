import type { LineageId, ObjectHash } from '../base/index.ts';
import type { EntryRow, Tip } from '../catalog/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { objectHashOf } from '../format/index.ts';
import type { Mirror, MirrorSet } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { EntryLog } from './entry-log.ts';
import { newerEntry } from './list-entries.ts';
import {
  afterEntries,
  afterLineage,
  type EntryAddress,
  entryKey,
  parseEntryKey,
} from './object-keys.ts';
import type { LineageStart } from './repository-state.ts';

/** Lineages in one journal: far more than any repository ever has. */
const lineagesMax = 10_000;
/** So many of the last entries are looked for in every mirror: more than can be on their way at once. */
const tailEntries = 16;

/** What a client knows of the history beside its log. */
export interface KnownHistory {
  readonly lineages: readonly LineageStart[];
  /** Entries outside the history that were taken in. */
  readonly merged: ReadonlySet<ObjectHash>;
}

/** What looking into a mirror's journal needs. */
export interface Look {
  readonly log: EntryLog;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
}

/** A mirror that does not list all of the last entries. */
export interface BehindMirror {
  readonly mirror: Mirror;
  /** Oldest first. */
  readonly missing: readonly EntryRow[];
  /** It may lack entries before these too. */
  readonly isOlder: boolean;
}

/** What a mirror lists of the last entries and beyond. */
interface Listing {
  readonly mirror: Mirror;
  readonly entries: readonly EntryAddress[];
}

/**
 * Before a client writes it looks whether the mirrors know more of the journal than its catalog
 * does: entries of its own lineage that the catalog lacks are brought in, from whichever mirror has
 * them whole; an entry of a lineage that the catalog does not know, a second entry with the number of
 * one it has, or entries behind a gap mean that there is a history which it does not know, and
 * writing is refused. Returns the mirrors that lack some of the last entries.
 *
 * Only entries that a holder of the keys has written count. Others are reported and passed over:
 * whoever can write into a mirror must not be able to stop a backup with a file.
 *
 * A mirror that cannot be listed is left out if enough others can. Costs a list call for each
 * lineage of each mirror and one more, whatever the length of the journal.
 */
export async function reconcileHistory(
  mirrors: MirrorSet,
  known: KnownHistory,
  look: Look,
): Promise<readonly BehindMirror[]> {
  const { log } = look;
  const { tip } = log;
  const listings = await listTails(mirrors, known, look);
  if (tip === undefined) return [];
  // Other processes of this machine may have appended meanwhile; their entries are no news.
  const rows = new Map<number, EntryRow>();
  for await (const row of log.rows(Math.max(0, tip.number - tailEntries))) {
    if (row.number > (log.tip?.number ?? 0)) await log.takeIn(row);
    rows.set(row.number, row);
  }
  const newer = await newerEntries(listings, [rows, known.merged], { ...look, mirrors });
  for (const row of newer) await log.bringIn(row);
  const expected = [...rows.values(), ...newer].filter(
    (row) => row.lineage === tip.lineage && (row.number <= tip.number || newer.includes(row)),
  );
  return listings.flatMap(({ mirror, entries }) => {
    const listed = new Set(entries.map((entry) => keyOf(entry)));
    const missing = expected.filter((row) => !listed.has(keyOf(row)));
    const [first] = expected;
    const isOlder = first !== undefined && first.number > 1 && missing[0] === first;
    return missing.length === 0 ? [] : [{ mirror, missing, isOlder }];
  });
}

async function listTails(
  mirrors: MirrorSet,
  known: KnownHistory,
  look: Look,
): Promise<readonly Listing[]> {
  const { tip } = look.log;
  const listings: Listing[] = [];
  let failure: VersionsError | undefined;
  for (const mirror of mirrors.mirrors) {
    try {
      if (await hasForeignHistory(mirror, known, look)) throw foreignLineage(mirror);
      listings.push({ mirror, entries: await listTail(mirror, tip, look.signal) });
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
      failure = error;
      look.monitor.note(`The journal of mirror ${mirror.name} was not looked at: ${error.message}`);
    }
  }
  if (failure !== undefined && listings.length < mirrors.mirrorsMin) throw failure;
  return listings;
}

async function listTail(
  mirror: Mirror,
  tip: Tip | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly EntryAddress[]> {
  if (tip === undefined) return [];
  const entries: EntryAddress[] = [];
  const after = afterEntries(tip.lineage, Math.max(0, tip.number - tailEntries));
  for await (const { key } of mirror.store.list(`journal/${tip.lineage}/`, { after, signal })) {
    const place = parseEntryKey(key);
    if (place !== undefined) entries.push(place);
  }
  return entries;
}

/** Entries behind the last row, oldest first, without a gap. */
async function newerEntries(
  listings: readonly Listing[],
  [rows, merged]: readonly [ReadonlyMap<number, EntryRow>, ReadonlySet<ObjectHash>],
  look: Look & { readonly mirrors: MirrorSet },
): Promise<readonly EntryRow[]> {
  const last = Math.max(...rows.keys());
  const newer = new Map<number, EntryRow>();
  const seen = new Set<string>();
  for (const { mirror, entries } of listings) {
    for (const entry of entries) {
      // By its key: a copy of an entry in a place that is not its own must not hide it.
      const key = keyOf(entry);
      const isAtHome = rows.get(entry.number)?.hash === entry.hash;
      if (isAtHome || merged.has(entry.hash) || seen.has(key)) continue;
      seen.add(key);
      const bytes = await readAuthentic(entry, look);
      if (bytes === undefined) continue;
      if (entry.number <= last || newer.has(entry.number)) {
        throw forkedHistory(mirror, entry.number);
      }
      newer.set(entry.number, { ...entry, bytes });
    }
  }
  const sorted = [...newer.values()].sort((a, b) => a.number - b.number);
  sorted.forEach(({ number }, at) => {
    if (number !== last + 1 + at) throw historyIncomplete(last + 1 + at, number);
  });
  return sorted;
}

/**
 * Takes entries of the log's own lineage that a mirror has beyond its tip into the state. Where a
 * catalog was used twice, two entries have one number: those are followed that follow one another.
 */
export async function takeInNewer(
  mirror: Mirror,
  look: Look & { readonly mirrors: MirrorSet },
): Promise<void> {
  const { log, monitor, signal } = look;
  const { tip } = log;
  if (tip === undefined) return;
  const after = afterEntries(tip.lineage, tip.number);
  for await (const { key } of mirror.store.list(`journal/${tip.lineage}/`, { after, signal })) {
    const place = parseEntryKey(key);
    if (place?.number !== (log.tip?.number ?? 0) + 1) continue;
    // From any mirror: what this one has damaged, another may have whole.
    const bytes = await readAuthentic(place, look);
    if (bytes === undefined) continue;
    if (log.follows(bytes)) await log.follow({ ...place, bytes });
    else monitor.note(`${forkedHistory(mirror, place.number).message}; the other one is shown`);
  }
}

/**
 * Has a holder of the keys written entries that this history neither holds nor has taken in: of a
 * lineage that it does not know, or of one that went on after this history had left it?
 */
export async function hasForeignHistory(
  mirror: Mirror,
  { lineages, merged }: KnownHistory,
  look: Look,
): Promise<boolean> {
  const { signal } = look;
  const ends = new Map(
    lineages.map(({ lineage }, at) => [lineage, (lineages[at + 1]?.number ?? Infinity) - 1]),
  );
  for (const lineage of await lineagesOf(mirror, signal)) {
    const end = ends.get(lineage) ?? 0;
    // What is beyond the tip of the lineage that goes on is no other history.
    if (end === Infinity) continue;
    const after = afterEntries(lineage, end);
    for await (const { key } of mirror.store.list(`journal/${lineage}/`, { after, signal })) {
      const place = parseEntryKey(key);
      if (place === undefined || merged.has(place.hash)) continue;
      if (await readAuthenticOf(mirror, place, look)) return true;
    }
  }
  return false;
}

/** The lineages that have entries in a mirror: one list call each, since the rest is skipped. */
async function lineagesOf(mirror: Mirror, signal?: AbortSignal): Promise<readonly LineageId[]> {
  const lineages: LineageId[] = [];
  let after = '';
  while (lineages.length < lineagesMax) {
    let found: LineageId | undefined;
    for await (const { key } of mirror.store.list('journal/', { after, signal })) {
      found = parseEntryKey(key)?.lineage;
      if (found !== undefined) break;
    }
    if (found === undefined) break;
    lineages.push(found);
    after = afterLineage(found);
  }
  return lineages;
}

/** From whichever mirror has it whole; what no holder of the keys has written is reported. */
async function readAuthentic(
  entry: EntryAddress,
  look: Look & { readonly mirrors: MirrorSet },
): Promise<Uint8Array | undefined> {
  const key = keyOf(entry);
  let forged: Uint8Array | undefined;
  const accept = (read: Uint8Array): boolean => {
    if (objectHashOf(read) !== entry.hash) return false;
    forged = look.log.isAuthentic(read, entry) ? undefined : read;
    return forged === undefined;
  };
  try {
    return await look.mirrors.get(key, { accept, signal: look.signal });
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'NotFound')) throw error;
    look.monitor.problem(entryUnusable(`The journal entry ${key}`, forged));
    return undefined;
  }
}

/** As `readAuthentic`, from one mirror. */
async function readAuthenticOf(
  mirror: Mirror,
  entry: EntryAddress,
  { log, monitor, signal }: Look,
): Promise<Uint8Array | undefined> {
  const key = keyOf(entry);
  const bytes = await mirror.store.get(key, { signal });
  const isWhole = objectHashOf(bytes) === entry.hash;
  if (isWhole && log.isAuthentic(bytes, entry)) return bytes;
  const which = `The journal entry ${key} of mirror ${mirror.name}`;
  monitor.problem(entryUnusable(which, isWhole ? bytes : undefined));
  return undefined;
}

function keyOf({ lineage, number, hash }: EntryAddress): string {
  return entryKey(lineage, number, hash);
}

/** `forged`: its bytes, if they are what its name says. */
function entryUnusable(which: string, forged: Uint8Array | undefined): VersionsError {
  if (forged === undefined) {
    return new VersionsError(
      'Corrupt',
      'ENTRY_DAMAGED',
      `${which} is damaged; it was passed over`,
      {
        hint: 'Run "versions verify" to see what else is',
      },
    );
  }
  return (
    newerEntry(which, forged) ??
    new VersionsError(
      'Corrupt',
      'ENTRY_FORGED',
      `${which} was not written there by a holder of the repository's keys; it was passed over`,
      {
        hint: 'Run "versions verify"; if nobody should write there but you, see docs/threat-model.md',
      },
    )
  );
}

function foreignLineage(mirror: Mirror): VersionsError {
  return new VersionsError(
    'Conflict',
    'FOREIGN_LINEAGE',
    `Mirror ${mirror.name} has a history that this machine does not know: another machine has taken the repository over, or this catalog is an old copy`,
    {
      hint: 'To write from this machine again, with everything that both histories hold: "versions catalog rebuild"',
      context: { mirror: mirror.name },
    },
  );
}

function forkedHistory(mirror: Mirror, number: number): VersionsError {
  return new VersionsError(
    'Conflict',
    'HISTORY_FORKED',
    `Mirror ${mirror.name} has another journal entry ${number} than this machine's catalog: the catalog was copied or restored and used twice`,
    {
      hint: 'To put both histories together: "versions catalog rebuild"',
      context: { mirror: mirror.name, number },
    },
  );
}

/** Entries that exist cannot be reached: to write would mean to begin a second history. */
function historyIncomplete(from: number, to: number): VersionsError {
  return new VersionsError(
    'Conflict',
    'HISTORY_INCOMPLETE',
    `A mirror has journal entry ${to}, but no mirror that is here has entry ${from}`,
    {
      hint: 'Bring the other mirrors back; if they are lost: "versions catalog rebuild"',
      context: { from, to },
    },
  );
}
