import { newId } from '../base/index.ts';
import type { Catalog, EntryRow, LedgerCopy, Tip } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import {
  doorsOf,
  metaKeys,
  openRepository,
  packKey,
  type Context,
  type Repository,
  type RepositoryPlaces,
  type SecretSource,
} from '../repository/index.ts';

export interface CatalogCopyOptions {
  readonly secret: SecretSource;
  /** URL of the place in which the catalog is to be. */
  readonly to: string;
}

export interface CopiedCatalog {
  readonly repositoryId: string;
  readonly entries: number;
  readonly snapshots: number;
  /** Rows of the ledger. */
  readonly copies: number;
}

const ledgerBatch = 1000;
const eventsMax = 1000;

/**
 * Moves a repository to a catalog in another place: every row as it is, and the ledger. First the
 * old catalog is closed for every client by an entry that begins a new lineage, so that nothing can
 * be written to it any more that the new one lacks. Killed, the next run goes on where this one
 * stopped.
 *
 * Errors: those of opening for writing; `Usage` (CATALOG_SAME), `Conflict` (CATALOG_EXISTS: a
 * catalog with another history is there).
 */
export async function copyCatalog(
  places: RepositoryPlaces & { readonly catalog: string },
  { secret, to }: CatalogCopyOptions,
  context: Context,
): Promise<CopiedCatalog> {
  if (places.catalog === to) {
    throw new VersionsError('Usage', 'CATALOG_SAME', `The catalog is at ${to} already`, {
      hint: 'Name another place with --to',
    });
  }
  const options = { secret, readOnly: false, movingTo: to };
  await using repository = await openRepository(places, options, context);
  await using target = await doorsOf(context).openCatalog(to, { create: true });
  await assertBeginning(target, repository);
  await target.setMeta(metaKeys.repository, repository.id);
  await target.setMeta(metaKeys.filling, 'yes');
  await beginLineage(repository, to, context);
  context.monitor.at('copying');
  const entries = await copyRows(repository.catalog, target, context);
  const copies = await copyLedger(repository, target, context);
  const stored = await repository.catalog.getMeta(metaKeys.stored);
  if (stored !== undefined) await target.setMeta(metaKeys.stored, stored);
  await target.setMeta(metaKeys.movedTo, '');
  await target.setMeta(metaKeys.follower, 'no');
  await target.setMeta(metaKeys.filling, 'no');
  await repository.mirrors.drain();
  await repository.debts.record(target);
  return {
    repositoryId: repository.id,
    entries,
    snapshots: repository.state.snapshots.size,
    copies,
  };
}

/** The target holds nothing, or the beginning of the very history that is to be copied. */
async function assertBeginning(target: Catalog, repository: Repository): Promise<void> {
  const owner = await target.getMeta(metaKeys.repository);
  const tip = await target.tip();
  const isOwn = owner === undefined || owner === repository.id;
  const isBeginning =
    tip === undefined || (await repository.holdsEntry(`${tip.lineage}/${tip.number}/${tip.hash}`));
  if (isOwn && isBeginning) return;
  throw new VersionsError(
    'Conflict',
    'CATALOG_EXISTS',
    `There is a catalog at ${target.location} already, with another history`,
    { hint: 'Name another place with --to', context: { location: target.location } },
  );
}

/** The last entry that the old catalog takes, unless a run that was cut short has appended it. */
async function beginLineage(repository: Repository, to: string, context: Context): Promise<void> {
  const { catalog, log } = repository;
  const begun = await catalog.getMeta(metaKeys.copy);
  const isClosed = (await catalog.getMeta(metaKeys.movedTo)) === to;
  if (isClosed && begun === log.tip?.lineage) return;
  const lineage = newId(context.random);
  await catalog.setMeta(metaKeys.copy, lineage);
  // From now on nobody begins to write; whoever is at it meets the entry below.
  await catalog.setMeta(metaKeys.movedTo, to);
  await log.append(
    () =>
      log.tip === undefined ? undefined : [{ type: 'lineage', reason: 'copy', parent: log.tip }],
    { lineage, signal: context.signal },
  );
}

async function copyRows(
  source: Catalog,
  target: Catalog,
  { monitor, signal }: Context,
): Promise<number> {
  let tip: Tip | undefined = await target.tip();
  let count = tip?.number ?? 0;
  monitor.count('objectsTotal', ((await source.tip())?.number ?? 0) - count);
  for await (const row of source.read(count)) {
    signal?.throwIfAborted();
    await target.append(row, tip);
    tip = tipOf(row);
    count = row.number;
    monitor.count('objectsDone', 1);
  }
  return count;
}

function tipOf({ lineage, number, hash }: EntryRow): Tip {
  return { lineage, number, hash };
}

async function copyLedger(
  { catalog, state }: Repository,
  target: Catalog,
  { signal }: Context,
): Promise<number> {
  let count = 0;
  let batch: LedgerCopy[] = [];
  for await (const copy of catalog.ledger.copies()) {
    signal?.throwIfAborted();
    batch.push(copy);
    count += 1;
    if (batch.length < ledgerBatch) continue;
    await target.ledger.record(batch);
    batch = [];
  }
  if (batch.length > 0) await target.ledger.record(batch);
  for (const life of ['condemned', 'swept'] as const) {
    const packs = state.packs.all().filter(({ name }) => state.packs.lifeOf(name) === life);
    if (packs.length === 0) continue;
    await target.ledger.setLife(
      packs.map(({ name }) => packKey(name)),
      life,
    );
  }
  // All of them or, in a run that goes on, none.
  if ((await target.ledger.events(1)).length > 0) return count;
  const events = await catalog.ledger.events(eventsMax);
  for (const event of events.toReversed()) await target.ledger.addEvent(event);
  return count;
}
