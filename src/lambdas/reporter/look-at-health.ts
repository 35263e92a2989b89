import {
  decodeEntryObject,
  isVersionsError,
  promiseOf,
  type Catalog,
  type CopyState,
  type EntryRow,
  type Ledger,
  type LedgerCopy,
  type LedgerEvent,
  type Mirror,
} from '../../core/index.ts';

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
/** Entries looked through for who saved last; a client that has been silent for longer is gone. */
const entriesMax = 1000;
const eventsMax = 1000;
const openStates: readonly CopyState[] = ['debt', 'absent', 'damaged', 'suspect'];

/** What can be told without looking at every copy. */
export interface Health {
  /** Objects that somebody found no good copy of, and that are not whole since. */
  readonly lost: readonly string[];
  /** Names of mirrors in which healing has stopped. */
  readonly breakers: readonly string[];
  /** Ids of clients that saved before, and how long each has been silent. */
  readonly silent: readonly { readonly writer: string; readonly hours: number }[];
  readonly owed: number;
  readonly bad: number;
  /** Age of the copy that has waited longest, over all mirrors. */
  readonly oldestUnverifiedDays: number;
  readonly healed: number;
}

export interface LookOptions {
  readonly mirrors: readonly Mirror[];
  readonly now: number;
  /** For machines that have promised nothing. */
  readonly silentAfterMs: number;
}

/** Looks at the ledger's lists of what is not as it should be, at its events and at the journal. */
export async function lookAtHealth(catalog: Catalog, options: LookOptions): Promise<Health> {
  const { ledger } = catalog;
  const { mirrors, now } = options;
  const counts = new Map<CopyState, number>();
  for (const mirror of mirrors) {
    for (const state of openStates) {
      for await (const _ of ledger.copies({ mirror: mirror.id, state })) {
        counts.set(state, (counts.get(state) ?? 0) + 1);
      }
    }
  }
  const events = await ledger.events(eventsMax);
  const day = events.filter(({ at }) => at <= now && at > now - dayMs);
  const breakers = new Set(
    day.filter(({ kind }) => kind === 'breaker').map(({ mirror }) => mirror),
  );
  let oldestMs = 0;
  for (const mirror of mirrors)
    oldestMs = Math.max(oldestMs, await oldestAgeMs(ledger, mirror, now));
  return {
    lost: await stillLost(events, ledger),
    breakers: mirrors.filter(({ id }) => breakers.has(id)).map(({ name }) => name),
    silent: await silentWriters(catalog, options),
    owed: counts.get('debt') ?? 0,
    bad: openStates.slice(1).reduce((sum, state) => sum + (counts.get(state) ?? 0), 0),
    oldestUnverifiedDays: oldestMs / dayMs,
    healed: day.filter(({ kind }) => kind === 'healed' || kind === 'paid').length,
  };
}

/** An object is lost until one of its copies was read whole after that was found. */
async function stillLost(
  events: readonly LedgerEvent[],
  ledger: Ledger,
): Promise<readonly string[]> {
  const found = new Map<string, number>();
  for (const { kind, object, at } of events) {
    if (kind === 'lost' && object !== undefined && !found.has(object)) found.set(object, at);
  }
  const lost: string[] = [];
  for (const [object, at] of found) {
    if ((await ledger.lifeOf(object)) === 'swept') continue;
    const copies = await ledger.copiesOf(object);
    const isBack = copies.some(
      ({ state, lastVerified = 0 }) => state === 'stored' && lastVerified >= at,
    );
    if (!isBack) lost.push(object);
  }
  return lost;
}

/** How long ago the copy was verified that is next in line; one that never was counts from its turn. */
async function oldestAgeMs(ledger: Ledger, mirror: Mirror, now: number): Promise<number> {
  const [first] = await ledger.due(mirror.id, Number.MAX_SAFE_INTEGER, 1);
  if (first === undefined) return 0;
  const since = first.lastVerified ?? first.nextDue ?? now;
  return Math.max(0, now - since);
}

/** The last entries, newest last. */
async function lastEntries(catalog: Catalog): Promise<readonly EntryRow[]> {
  const tip = await catalog.tip();
  const rows: EntryRow[] = [];
  if (tip === undefined) return rows;
  for await (const row of catalog.read(Math.max(0, tip.number - entriesMax))) rows.push(row);
  return rows;
}

/**
 * Who wrote, and when, stands in clear in every entry; what was written does not. Each machine has
 * promised how often it saves, or it is the deployment that says so.
 */
async function silentWriters(
  catalog: Catalog,
  { now, silentAfterMs }: LookOptions,
): Promise<Health['silent']> {
  const lastOf = new Map<string, number>();
  for (const { bytes } of await lastEntries(catalog)) {
    try {
      const { writer, time } = decodeEntryObject(bytes);
      lastOf.set(writer, Math.max(lastOf.get(writer) ?? 0, Math.min(time, now)));
    } catch (error) {
      // A damaged row is the business of the clients, who have the journal in their mirrors.
      if (!isVersionsError(error, 'Corrupt', 'Unsupported')) throw error;
    }
  }
  const silent: { readonly writer: string; readonly hours: number }[] = [];
  for (const [writer, time] of lastOf) {
    const allowedMs = (await promiseOf(catalog, writer)) ?? silentAfterMs;
    const silentMs = now - time;
    if (silentMs > allowedMs) silent.push({ writer, hours: Math.floor(silentMs / hourMs) });
  }
  return silent;
}

/** Objects by the number of their good copies. */
export interface CopyCounts {
  readonly none: number;
  readonly one: number;
  readonly two: number;
  readonly more: number;
}

/** Goes through the whole ledger once, object by object; its memory does not grow with it. */
export async function countCopies(ledger: Pick<Ledger, 'copies'>): Promise<CopyCounts> {
  const counts = [0, 0, 0, 0];
  let current: string | undefined;
  let good = 0;
  const finish = (): void => {
    if (current !== undefined) counts[Math.min(good, 3)] = (counts[Math.min(good, 3)] ?? 0) + 1;
  };
  for await (const copy of ledger.copies()) {
    // Every mirror has a marker of its own: none is a copy of another.
    if (copy.object === 'mirror' || copy.life === 'swept') continue;
    if (copy.object !== current) {
      finish();
      current = copy.object;
      good = 0;
    }
    if (isGood(copy)) good += 1;
  }
  finish();
  const [none = 0, one = 0, two = 0, more = 0] = counts;
  return { none, one, two, more };
}

function isGood({ state }: LedgerCopy): boolean {
  return state === 'stored';
}
