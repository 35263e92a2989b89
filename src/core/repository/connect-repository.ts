import { existsSync, renameSync, rmSync } from 'node:fs';
import { newId, type RepositoryId } from '../base/index.ts';
import { parseCatalogUrl, type Catalog } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import {
  doorsOf,
  openPlaces,
  type Context,
  type RepositoryPlaces,
  type SecretSource,
} from './context.ts';
import {
  assembleRepository,
  fillCatalog,
  metaKeys,
  openMirrorSet,
  readConfigAndKeys,
} from './open-repository.ts';
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
 * the new one when it is taken over, and is a `Conflict` otherwise.
 */
export async function connectRepository(
  places: RepositoryPlaces,
  options: ConnectOptions,
  context: Context,
): Promise<Connected> {
  if (places.catalog === undefined) {
    throw new VersionsError(
      'Usage',
      'CATALOG_NEEDED',
      'To connect, a place for the catalog is needed',
    );
  }
  const takeOver = options.takeOver === true;
  const stores = await openPlaces(places.mirrors, { create: false, readOnly: !takeOver }, context);
  const mirrors = await openMirrorSet(
    stores,
    { readOnly: !takeOver, mirrorsMin: places.mirrorsMin },
    context,
  );
  let catalog: Catalog | undefined;
  try {
    const unlocked = await readConfigAndKeys(mirrors, options.secret);
    const { path } = parseCatalogUrl(places.catalog);
    catalog = await prepareCatalog(places.catalog, path, takeOver, context);
    forgetCaches(places.cacheDir);
    const repository = await assembleRepository(
      { mirrors, catalog, ...unlocked },
      places.cacheDir,
      !takeOver,
      context,
    );
    await catalog.setMeta(metaKeys.repository, repository.id);
    await repository.log.catchUp();
    const entries = await fillCatalog(repository, context);
    if (repository.state.tip === undefined) throw nothingToConnect();
    if (takeOver) await beginLineage(repository, context);
    await catalog.setMeta(metaKeys.follower, takeOver ? 'no' : 'yes');
    await catalog.setMeta(metaKeys.filling, 'no');
    await mirrors.drain();
    const { id, encrypted, state } = repository;
    return { repositoryId: id, encrypted, entries, snapshots: state.snapshots.size };
  } finally {
    await catalog?.[Symbol.asyncDispose]();
    await mirrors[Symbol.asyncDispose]();
  }
}

async function beginLineage(repository: Repository, context: Context): Promise<void> {
  const parent = repository.state.tip;
  if (parent === undefined) return;
  // It may be that of a take-over which was cut short: then only this catalog has it.
  await repository.log.finishTip(context.signal);
  const lineage = newId(context.random);
  await repository.log.append(() => [{ type: 'lineage', reason: 'take-over', parent }], {
    lineage,
    signal: context.signal,
  });
}

/** A new catalog, or the one of a `connect` that was cut short. */
async function prepareCatalog(
  url: string,
  path: string,
  takeOver: boolean,
  context: Context,
): Promise<Catalog> {
  if (existsSync(path)) {
    const unfinished = await isUnfinished(url, context);
    if (!unfinished && !takeOver) {
      throw new VersionsError('Conflict', 'CATALOG_EXISTS', `The catalog ${path} exists already`, {
        hint: 'To make it anew and write from this machine: add --take-over; else choose another NAME or --catalog',
      });
    }
    if (!unfinished) setAside(path, context.clock.now());
  }
  const catalog = await doorsOf(context).openCatalog(url, { create: true });
  await catalog.setMeta(metaKeys.filling, 'yes');
  return catalog;
}

async function isUnfinished(url: string, context: Context): Promise<boolean> {
  try {
    await using catalog = await doorsOf(context).openCatalog(url);
    return (await catalog.getMeta(metaKeys.filling)) === 'yes';
  } catch {
    return false;
  }
}

function setAside(path: string, now: number): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.before-${now}${suffix}`);
  }
}

/** What this machine may remember belongs to another history. */
function forgetCaches(cacheDir: string): void {
  for (const name of [
    'state.bin',
    'index.bin',
    'recent-packs.log',
    'local-state.db',
    'local-state.db-wal',
    'local-state.db-shm',
  ]) {
    rmSync(`${cacheDir}/${name}`, { force: true });
  }
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
