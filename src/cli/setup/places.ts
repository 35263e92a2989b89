import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type MirrorConfig,
  type RepositoryConfig,
  type RepositoryPlaces,
} from '../../core/index.ts';
import type { Io } from '../io.ts';
import type { Settings } from '../options/settings.ts';
import { makeDurableDirectories } from './durable-files.ts';
import { locationsOf } from './locations.ts';
import { credentialsOf } from './mirror-credentials.ts';

const sqliteScheme = 'sqlite:';

/** Where a repository keeps its parts if nothing else is said. */
export function defaultCatalog(name: string, io: Pick<Io, 'env' | 'home'>): string {
  return `${sqliteScheme}${join(locationsOf(io).data, name, 'catalog.db')}`;
}

/** The mirror that a repository gets if none is named. */
export function defaultMirror(name: string, io: Pick<Io, 'env' | 'home'>): string {
  return join(locationsOf(io).data, name, 'mirror');
}

/** The directory under which each repository has its cache. */
export function cacheRoot(settings: Settings, io: Pick<Io, 'env' | 'home'>): string {
  return settings.text('cache-dir') ?? locationsOf(io).cache;
}

/** What the core needs to know about a configured mirror. */
export function mirrorPlaceOf(
  { name, url, credentials }: MirrorConfig,
  io: Pick<Io, 'env'>,
): RepositoryPlaces['mirrors'][number] {
  return { name, url, credentials: credentialsOf(credentials, io) };
}

/** What the core needs to know about a configured repository, or one with another catalog. */
// oxlint-disable-next-line max-params -- the last one is for the commands that move a catalog
export function placesOf(
  repository: Pick<RepositoryConfig, 'name' | 'mirrors'> & Partial<RepositoryConfig>,
  settings: Settings,
  io: Pick<Io, 'env' | 'home'>,
  otherCatalog?: string,
): RepositoryPlaces & { readonly catalog: string } {
  // One that is being made is in no configuration yet.
  const own = repository.settings?.get('catalog');
  const known = typeof own === 'string' ? own : defaultCatalog(repository.name, io);
  const catalog = otherCatalog ?? settings.text('catalog') ?? known;
  // Two configurations may use one name for different repositories; their catalogs differ.
  const hash = createHash('sha256').update(catalog).digest('hex').slice(0, 8);
  return {
    mirrors: repository.mirrors.map((mirror) => mirrorPlaceOf(mirror, io)),
    catalog,
    cacheDir: join(cacheRoot(settings, io), `${repository.name}-${hash}`),
    mirrorsMin: settings.number('mirrors-min'),
  };
}

/** The file of a SQLite catalog; undefined for another kind. */
export function catalogFile(catalog: string): string | undefined {
  return catalog.startsWith(sqliteScheme) ? catalog.slice(sqliteScheme.length) : undefined;
}

/** The directory of a mirror; undefined if it is none. */
export function mirrorDirectory(url: string): string | undefined {
  if (url.startsWith('/')) return url;
  if (!url.toLowerCase().startsWith('file://')) return undefined;
  try {
    return fileURLToPath(url);
  } catch {
    return undefined;
  }
}

/** Makes the directories that only this program uses. */
export async function makePrivateDirectories(
  places: RepositoryPlaces,
  io: Pick<Io, 'env' | 'home'>,
): Promise<void> {
  const file = places.catalog === undefined ? undefined : catalogFile(places.catalog);
  const { data } = locationsOf(io);
  const mirrors = places.mirrors.flatMap(({ url }) => mirrorDirectory(url) ?? []);
  const directories = [
    ...(file === undefined ? [] : [dirname(file)]),
    // A place that the user named is not made up of thin air: it may be a disk that is not mounted.
    ...mirrors.filter((path) => path.startsWith(`${data}/`)).map((path) => dirname(path)),
  ];
  for (const directory of directories) await makeDurableDirectories(directory);
}
