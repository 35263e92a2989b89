import { newId, type RepositoryId } from '../base/index.ts';
import type { Catalog } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { openPlaces, type Context, type RepositoryPlaces, type SecretSource } from './context.ts';
import { metaKeys } from './meta-keys.ts';
import {
  assembleRepository,
  checkCatalogOwner,
  openMirrorSet,
  readConfigAndKeys,
} from './open-repository.ts';
import { fillCatalog } from './fill-catalog.ts';
import { KeptOpening } from './kept-opening.ts';
import { findStrays, mergeStrays } from './merge-strays.ts';
import { forgetCaches, prepareCatalog, startingAnew } from './prepare-catalog.ts';
import type { Repository } from './repository.ts';

export interface ConnectOptions {
  readonly secret: SecretSource;
  /** Begin a new lineage: this machine writes from now on, and the one before no more. */
  readonly takeOver?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
}

export interface Connected {
  readonly repositoryId: RepositoryId;
  readonly encrypted: boolean;
  readonly snapshots: number;
  readonly entries: number;
}

/**
 * Takes up an existing repository on a machine that knows nothing of it: makes the catalog from the
 * journals of the mirrors. It can then read; with `takeOver` it can write too. Interrupted, the
 * next `connect` goes on where this one stopped. An older catalog in the same place is kept beside
 * the new one when it is taken over, and is a `Conflict` otherwise. A catalog that machines share and
 * that has the history is used as it is: this machine may then write like the others.
 */
export async function connectRepository(
  places: RepositoryPlaces,
  options: ConnectOptions,
  context: Context,
): Promise<Connected> {
  const { catalog } = places;
  if (catalog === undefined) {
    throw new VersionsError(
      'Usage',
      'CATALOG_NEEDED',
      'To connect, a place for the catalog is needed',
    );
  }
  return startingAnew(catalog, context, () => connect({ ...places, catalog }, options, context));
}

async function connect(
  places: RepositoryPlaces & { readonly catalog: string },
  options: ConnectOptions,
  context: Context,
): Promise<Connected> {
  const takeOver = options.takeOver === true;
  const stores = await openPlaces(places.mirrors, { create: false, readOnly: !takeOver }, context);
  const mirrors = await openMirrorSet(
    stores,
    { readOnly: !takeOver, mirrorsMin: places.mirrorsMin },
    context,
  );
  let catalog: Catalog | undefined;
  try {
    const kept = new KeptOpening(places.cacheDir, context.monitor);
    const unlocked = await readConfigAndKeys(mirrors, options.secret, kept);
    const prepared = await prepareCatalog(places.catalog, takeOver, context);
    ({ catalog } = prepared);
    forgetCaches(places.cacheDir);
    const repository = await assembleRepository(
      { mirrors, catalog, ...unlocked },
      places.cacheDir,
      !takeOver,
      context,
    );
    await checkCatalogOwner(catalog, repository.id);
    await repository.log.catchUp();
    const entries = prepared.isFilled
      ? (repository.state.tip?.number ?? 0)
      : await fill(repository, takeOver, context);
    await mirrors.drain();
    const { id, encrypted, state } = repository;
    return { repositoryId: id, encrypted, entries, snapshots: state.snapshots.size };
  } finally {
    await catalog?.[Symbol.asyncDispose]();
    await mirrors[Symbol.asyncDispose]();
  }
}

/** Puts the history of the mirrors into a catalog that has none, or a part of it. */
async function fill(repository: Repository, takeOver: boolean, context: Context): Promise<number> {
  const { catalog } = repository;
  await catalog.setMeta(metaKeys.repository, repository.id);
  const entries = await fillCatalog(repository, context);
  if (repository.state.tip === undefined) throw nothingToConnect();
  if (takeOver) await beginLineage(repository, context);
  await catalog.setMeta(metaKeys.follower, takeOver ? 'no' : 'yes');
  await catalog.setMeta(metaKeys.filling, 'no');
  return entries;
}

async function beginLineage(repository: Repository, context: Context): Promise<void> {
  const parent = repository.state.tip;
  if (parent === undefined) return;
  // It may be that of a take-over which was cut short: then only this catalog has it.
  await repository.log.finishTip(context.signal);
  const { log } = repository;
  const { signal } = context;
  const lineage = newId(context.random);
  // What another history holds must not be left behind.
  const isFork = (await findStrays(repository, context)).length > 0;
  const reason = isFork ? 'rebuild' : 'take-over';
  await log.append(() => [{ type: 'lineage', reason, parent }], { lineage, signal });
  if (!isFork) return;
  await mergeStrays(repository, context);
  await log.append(() => [{ type: 'end', session: lineage }], { signal });
}

function nothingToConnect(): VersionsError {
  return new VersionsError(
    'NotFound',
    'JOURNAL_EMPTY',
    'The mirrors hold no journal entry that can be read',
    {
      hint: 'Connect with all mirrors that exist; docs/disaster.md says what else can be done',
    },
  );
}
