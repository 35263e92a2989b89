import { realpath } from 'node:fs/promises';
import type { RepositoryConfig } from '../../core/index.ts';
import type { Session } from '../session.ts';
import { keyFileOf } from './new-repository.ts';
import { cacheRoot, catalogFile, defaultCatalog, mirrorDirectory } from './places.ts';

/** A file or directory that belongs to the program and never into a snapshot. */
export interface OwnPlace {
  readonly path: string;
  /** For people: `the mirror nas of home`. */
  readonly what: string;
}

/**
 * Mirrors, catalogs, caches and key files of every configured repository, and of `more`, each also
 * under the name it really has where symbolic links lead to it.
 */
export async function ownPlaces(
  session: Session,
  more: readonly RepositoryConfig[] = [],
): Promise<OwnPlace[]> {
  const repositories = [...session.configuration.repositories, ...more];
  const cache = { path: cacheRoot(session.settings, session.io), what: 'the cache' };
  const places = [cache, ...repositories.flatMap((repository) => placesIn(session, repository))];
  const found = new Map<string, OwnPlace>();
  for (const place of places) {
    found.set(place.path, place);
    const real = await realPathOf(place.path);
    if (real !== undefined) found.set(real, { ...place, path: real });
  }
  return [...found.values()];
}

/** Whether `path` is the directory or lies below it. */
export function isWithin(path: string, directory: string): boolean {
  return (
    path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
  );
}

function placesIn(session: Session, { name, mirrors, settings }: RepositoryConfig): OwnPlace[] {
  const textOf = (key: string): string | undefined => {
    const value = settings.get(key);
    return typeof value === 'string' ? value : undefined;
  };
  const catalog = catalogFile(textOf('catalog') ?? defaultCatalog(name, session.io));
  const cache = textOf('cache-dir');
  return [
    ...mirrors.flatMap((mirror) => {
      const path = mirrorDirectory(mirror.url);
      return path === undefined ? [] : [{ path, what: `the mirror ${mirror.name} of ${name}` }];
    }),
    ...(catalog === undefined ? [] : sqliteFiles(catalog, name)),
    ...(cache === undefined ? [] : [{ path: cache, what: `the cache of ${name}` }]),
    { path: textOf('key-file') ?? keyFileOf(session, name), what: `the key file of ${name}` },
  ];
}

/** SQLite keeps work in progress beside its file. */
function sqliteFiles(file: string, name: string): OwnPlace[] {
  const what = `the catalog of ${name}`;
  return ['', '-wal', '-shm', '-journal'].map((suffix) => ({ path: file + suffix, what }));
}

async function realPathOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    // What is not there yet needs no second name.
    return undefined;
  }
}
