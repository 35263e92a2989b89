import { isVersionsError, type VersionsError } from '../errors/index.ts';
import { goneMeanwhile, payDebt } from '../heal/index.ts';
import type { Mirror } from '../mirror/index.ts';
import { judgeFor, type ExpectedObject } from '../verify/index.ts';
import { debtRow } from './debts.ts';
import { expectedObjects, neededObjects } from './expected-objects.ts';
import { remadeFromCatalog } from './make-checkpoint.ts';
import { markerKey, parseEntryKey } from './object-keys.ts';
import type { Repository } from './repository.ts';

/** What a mirror is to be given. */
export interface SyncPlan {
  readonly mirror: Mirror;
  /** Objects that it lacks, or of which nobody has seen that it has them. */
  readonly owed: readonly ExpectedObject[];
  /** As far as their sizes are known. */
  readonly bytes: number;
  /** Keys of copies with a wrong size: that is for `heal`. */
  readonly damaged: readonly string[];
}

export interface SyncOptions {
  /** Who does it, for the ledger's events. */
  readonly by: string;
  readonly signal?: AbortSignal | undefined;
}

export interface SyncSummary {
  readonly mirror: string;
  /** Objects that the mirror has now and had not before. */
  readonly copied: number;
  /** Objects that turned out to be there, and good. */
  readonly present: number;
  readonly bytesCopied: number;
  /** Objects that it still lacks; each was reported. */
  readonly left: number;
}

const copiesAtOnce = 4;
const rowsAtOnce = 1000;
/** Failures in a row after which the mirror is given up for now. */
const failuresMax = 8;

/**
 * Compares a mirror's listing, and what the ledger says it owes, with what the journal says it must
 * hold. The listing finds also what no ledger knows, because the ledger was lost.
 */
export async function planSync(
  repository: Repository,
  mirror: Mirror,
  signal?: AbortSignal,
): Promise<SyncPlan> {
  const listed = new Map<string, number>();
  for await (const { key, bytes } of mirror.store.list('', { signal })) listed.set(key, bytes);
  const debts = new Set<string>();
  for await (const copy of repository.catalog.ledger.copies({ mirror: mirror.id, state: 'debt' })) {
    debts.add(copy.object);
  }
  const owed: ExpectedObject[] = [];
  const damaged: string[] = [];
  for (const object of await neededObjects(repository)) {
    if (object.key === markerKey) continue;
    const bytes = listed.get(object.key);
    if (bytes === undefined || debts.has(object.key)) owed.push(object);
    else if (object.bytes !== undefined && bytes !== object.bytes) damaged.push(object.key);
  }
  return { mirror, owed, bytes: bytesOf(owed), damaged };
}

/** Everything, for a mirror of which nothing is known. */
export async function planFill(repository: Repository, mirror: Mirror): Promise<SyncPlan> {
  const owed = (await expectedObjects(repository)).filter(({ key }) => key !== markerKey);
  return { mirror, owed, bytes: bytesOf(owed), damaged: [] };
}

/** Notes in the ledger what a plan found to be owed, so that it is known however the paying ends. */
export async function recordPlan(
  { catalog }: Pick<Repository, 'catalog'>,
  { mirror, owed }: SyncPlan,
): Promise<void> {
  for (let at = 0; at < owed.length; at += rowsAtOnce) {
    const rows = owed.slice(at, at + rowsAtOnce);
    await catalog.ledger.record(
      rows.map(({ key, bytes = 0 }) => ({ ...debtRow({ object: key, mirror: mirror.id }), bytes })),
    );
  }
}

/**
 * Gives a mirror what a plan says: each object from a good copy in another mirror, re-hashed there
 * and here; entries that no mirror has, from the catalog. What cannot be given is reported and stays
 * a debt. Interrupted, the next plan goes on where this one stopped.
 */
export async function applySync(
  repository: Repository,
  plan: SyncPlan,
  options: SyncOptions,
): Promise<SyncSummary> {
  const { monitor } = repository;
  const { mirror, owed } = plan;
  await recordPlan(repository, plan);
  monitor.count('objectsTotal', owed.length);
  monitor.count('bytesTotal', plan.bytes);
  monitor.at(`copying to ${mirror.name}`);
  const counts = { copied: 0, present: 0, bytesCopied: 0, left: 0 };
  const queue = owed.values();
  let failuresInARow = 0;
  const lane = async (): Promise<void> => {
    for (const object of queue) {
      options.signal?.throwIfAborted();
      if (failuresInARow >= failuresMax) {
        counts.left += 1;
        continue;
      }
      try {
        const bytes = await give(repository, object, mirror, options);
        counts[bytes > 0 ? 'copied' : 'present'] += 1;
        counts.bytesCopied += bytes;
        failuresInARow = 0;
      } catch (error) {
        if (!isVersionsError(error, 'Corrupt', 'Unavailable', 'Denied')) throw error;
        counts.left += 1;
        if (isOfTarget(error)) failuresInARow += 1;
        monitor.problem(error);
      }
      monitor.count('objectsDone', 1);
    }
  };
  await Promise.all(Array.from({ length: copiesAtOnce }, lane));
  const { id, clock } = repository;
  const gone =
    counts.copied > 0 && (await goneMeanwhile(mirror, { repository: id, clock, ...options }));
  if (!gone) return { mirror: mirror.name, ...counts };
  // It was given nothing, and owes everything still.
  await recordPlan(repository, plan);
  monitor.problem(gone);
  return { mirror: mirror.name, copied: 0, present: 0, bytesCopied: 0, left: owed.length };
}

/** Returns the bytes that were written; 0 if the mirror had a good copy. */
async function give(
  repository: Repository,
  { key }: ExpectedObject,
  mirror: Mirror,
  { by, signal }: SyncOptions,
): Promise<number> {
  const { mirrors, catalog, clock, monitor, id } = repository;
  const judge = judgeFor({ repository: id });
  const options = { judge, signal, ledger: catalog.ledger, clock, monitor, by };
  try {
    return await payDebt(key, mirror, mirrors.mirrors, options);
  } catch (error) {
    if (!isVersionsError(error) || error.code !== 'NO_GOOD_COPY') throw error;
    const bytes = await giveFromCatalog(repository, key, mirror, signal);
    if (bytes === undefined) throw error;
    await catalog.ledger.setState(key, mirror.id, 'stored', clock.now());
    return bytes;
  }
}

/**
 * An entry that no mirror has whole, or what can be made again of entries: the catalog keeps every
 * row.
 */
async function giveFromCatalog(
  repository: Repository,
  key: string,
  mirror: Mirror,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const { log } = repository;
  const place = parseEntryKey(key);
  if (place === undefined) {
    const bytes = await remadeFromCatalog(repository, key);
    if (bytes) await mirror.store.put(key, [bytes], { signal });
    return bytes?.byteLength;
  }
  for await (const row of log.rows(place.number - 1)) {
    if (row.hash !== place.hash) return undefined;
    await log.storeIn(mirror, row, signal);
    return row.bytes.byteLength;
  }
  return undefined;
}

/** The mirror itself fails, rather than those that should give. */
function isOfTarget({ code }: VersionsError): boolean {
  return code !== 'NO_GOOD_COPY';
}

function bytesOf(objects: readonly ExpectedObject[]): number {
  return objects.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
}
