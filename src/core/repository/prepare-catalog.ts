import { existsSync, renameSync, rmSync } from 'node:fs';
import { parseCatalogUrl, type Catalog } from '../catalog/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { doorsOf, type Context } from './context.ts';
import { highestEntryName } from './highest-entry.ts';
import { metaKeys } from './meta-keys.ts';

/** A catalog that is to be filled, or one that others fill and use. */
export interface PreparedCatalog {
  readonly catalog: Catalog;
  /** It has the whole history already: only a shared one can. */
  readonly isFilled: boolean;
}

/**
 * The catalog for taking up a repository: a new one, that of a run which was cut short, or a shared
 * one that other machines use. A file that is there already is kept beside the new one if
 * `takeOver`, and is a `Conflict` (CATALOG_EXISTS) otherwise.
 */
export async function prepareCatalog(
  url: string,
  takeOver: boolean,
  context: Context,
): Promise<PreparedCatalog> {
  const place = parseCatalogUrl(url);
  const { openCatalog } = doorsOf(context);
  if (place.kind === 'dynamodb') {
    const shared = await openIfThere(url, context);
    if (shared !== undefined && (await isFilled(shared)))
      return { catalog: shared, isFilled: true };
    await shared?.[Symbol.asyncDispose]();
    if (!takeOver) throw tableEmpty(url);
  } else if (existsSync(place.path)) {
    const unfinished = await isUnfinished(url, context);
    if (!unfinished && !takeOver) {
      throw new VersionsError(
        'Conflict',
        'CATALOG_EXISTS',
        `The catalog ${place.path} exists already`,
        {
          hint: 'To make it anew and write from this machine: "versions catalog rebuild"; else choose another NAME or --catalog',
        },
      );
    }
    if (!unfinished) setAside(place.path, context);
  }
  const catalog = await openCatalog(url, { create: true });
  await catalog.setMeta(metaKeys.filling, 'yes');
  return { catalog, isFilled: false };
}

/**
 * Does what fills a catalog. If a run that was cut short had put another history there than the one
 * that the mirrors have now, that catalog is kept beside, and all is done once more.
 */
export async function startingAnew<T>(
  url: string,
  context: Context,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOther = isVersionsError(error, 'Conflict') && error.code === 'CATALOG_OTHER_HISTORY';
    const place = parseCatalogUrl(url);
    if (!isOther || place.kind !== 'sqlite') throw error;
    setAside(place.path, context);
    return work();
  }
}

/** Throws `Conflict` (CATALOG_EXISTS) if a catalog of a repository is there. */
export async function assertNoCatalog(url: string, context: Context): Promise<void> {
  const place = parseCatalogUrl(url);
  if (place.kind === 'sqlite') {
    if (existsSync(place.path)) throw catalogExists(place.path);
    return;
  }
  const found = await openIfThere(url, context);
  if (found === undefined) return;
  await using catalog = found;
  // An `init` that was cut short leaves a table in which nothing is written yet.
  if ((await catalog.tip()) !== undefined) throw catalogExists(catalog.location);
}

/** What this machine may remember belongs to another history. */
export function forgetCaches(cacheDir: string): void {
  for (const name of [
    'state.bin',
    'index.bin',
    'recent-packs.log',
    'local-state.db',
    'local-state.db-wal',
    'local-state.db-shm',
    highestEntryName,
  ]) {
    rmSync(`${cacheDir}/${name}`, { force: true });
  }
}

async function isFilled(catalog: Catalog): Promise<boolean> {
  const filling = (await catalog.getMeta(metaKeys.filling)) === 'yes';
  return !filling && (await catalog.tip()) !== undefined;
}

async function openIfThere(url: string, context: Context): Promise<Catalog | undefined> {
  try {
    return await doorsOf(context).openCatalog(url);
  } catch (error) {
    if (isVersionsError(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function isUnfinished(url: string, context: Context): Promise<boolean> {
  try {
    await using catalog = await doorsOf(context).openCatalog(url);
    if ((await catalog.getMeta(metaKeys.filling)) === 'yes') return true;
    // Killed before it could say so: nothing is in it.
    const repository = await catalog.getMeta(metaKeys.repository);
    return repository === undefined && (await catalog.tip()) === undefined;
  } catch {
    return false;
  }
}

function setAside(path: string, { clock, monitor }: Context): void {
  const aside = `${path}.before-${clock.now()}`;
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
  }
  monitor.note(`The catalog that was there is kept as ${aside}`);
}

function catalogExists(location: string): VersionsError {
  return new VersionsError('Conflict', 'CATALOG_EXISTS', `The catalog ${location} exists already`, {
    hint: 'To use an existing repository: "versions connect"',
  });
}

function tableEmpty(url: string): VersionsError {
  return new VersionsError(
    'NotFound',
    'CATALOG_MISSING',
    `There is no catalog at ${url}, or nothing is in it`,
    {
      hint: 'If other machines use the repository, give the catalog that they use. If it is lost: "versions catalog rebuild" makes it from the mirrors',
    },
  );
}
