import { newId, type MirrorId, type RepositoryId } from '../base/index.ts';
import { parseCatalogUrl } from '../catalog/index.ts';
import { MasterBundle, type KdfCosts, type Secret, type Suite } from '../crypto/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  decodeConfig,
  encodeConfig,
  encodeMarker,
  type JournalRecord,
  type RepositoryConfig,
} from '../format/index.ts';
import type { ObjectStore } from '../store/index.ts';
import { doorsOf, openPlaces, type Context, type RepositoryPlaces } from './context.ts';
import { createKeyObject } from './key-access.ts';
import { configKey, keyObjectKey, markerKey } from './object-keys.ts';
import { metaKeys } from './meta-keys.ts';
import { assembleRepository, openMirrorSet } from './open-repository.ts';
import { assertNoCatalog } from './prepare-catalog.ts';

export interface InitOptions {
  readonly secret: Secret;
  readonly unsafeNoEncryption?: boolean | undefined;
  /** Average bytes of a chunk, a power of two; default 1 MiB. */
  readonly chunkAvgBytes?: number | undefined;
  /** Only for tests: what a password costs. */
  readonly kdfCosts?: KdfCosts | undefined;
}

const chunkAvgBytesDefault = 1024 * 1024;
const blockBytes = 1024 * 1024;
const inlineBytes = 256;

interface NewMirror {
  readonly name: string;
  readonly store: ObjectStore;
  readonly id: MirrorId;
}

/**
 * Makes a repository. Every place must be empty and the catalog must not exist, else `Conflict` and
 * nothing is written. The markers come last but for the journal's first entry: a place without one
 * is not a mirror, so that an `init` that was cut short can be seen.
 */
export async function initRepository(
  places: RepositoryPlaces,
  options: InitOptions,
  context: Context,
): Promise<{ readonly repositoryId: RepositoryId }> {
  checkOptions(places, options);
  const catalogUrl = await requireCatalog(places.catalog, context);
  const mirrors = await openEmptyPlaces(places, context);
  try {
    await makeCatalog(catalogUrl, context);
    const { random, clock } = context;
    const created = clock.now();
    const suite: Suite = options.unsafeNoEncryption === true ? 0 : 1;
    const repository = newId(random);
    const bundle = MasterBundle.create(repository, created, random);
    const chunkBytesAvg = options.chunkAvgBytes ?? chunkAvgBytesDefault;
    const config: RepositoryConfig = {
      repository,
      suite,
      created,
      chunkBytesAvg,
      blockBytes,
      inlineBytes,
    };
    const keys = bundle.repositoryKeys(suite);
    const configBytes = encodeConfig(config, (bytes) => keys.configMac(bytes));
    const secret: Secret = suite === 0 ? { kind: 'none' } : options.secret;
    const key = await createKeyObject(
      bundle,
      secret,
      { repository, random, created },
      options.kdfCosts,
    );
    await putFirst(keyObjectKey(key.name), key.bytes, mirrors);
    for (const { store, id: mirror } of mirrors) {
      await store.put(configKey, [configBytes]);
      await store.put(markerKey, [encodeMarker({ repository, suite, mirror, created })]);
    }
    const records: JournalRecord[] = [
      { type: 'lineage', reason: 'init' },
      { type: 'keys', add: [key.name], remove: [] },
      {
        type: 'mirrors',
        mirrors: mirrors.map(({ id: mirror, name }) => ({ id: mirror, name, state: 'active' })),
      },
    ];
    if (places.mirrorsMin !== undefined)
      records.push({ type: 'settings', mirrorsMin: places.mirrorsMin });
    await writeFirstEntry(
      { ...places, catalog: catalogUrl },
      { config: decodeConfig(configBytes), bundle },
      records,
      context,
    );
    return { repositoryId: repository };
  } finally {
    for (const { store } of mirrors) await store[Symbol.asyncDispose]();
  }
}

/**
 * Puts an object that is new into every mirror. One that has it before it is given it is the place
 * of a mirror before: a link, a mount, another name of one bucket. Then the object is taken away
 * again, so that both places are empty as before.
 */
async function putFirst(
  key: string,
  bytes: Uint8Array,
  mirrors: readonly NewMirror[],
): Promise<void> {
  for (const [at, { name, store }] of mirrors.entries()) {
    if ((await store.head(key)) === undefined) {
      await store.put(key, [bytes]);
      continue;
    }
    const given = mirrors.slice(0, at);
    for (const before of given) {
      await before.store.delete(key);
      if ((await store.head(key)) !== undefined) continue;
      for (const other of given) await other.store.delete(key);
      throw samePlace(before.name, name);
    }
  }
}

function samePlace(first: string, second: string): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRROR_TWICE',
    `The places of mirrors ${first} and ${second} are one and the same`,
    { hint: 'Correct one of their URLs: nothing was left there', context: { first, second } },
  );
}

/** First, because it may not be allowed: then nothing must have been written to a mirror. */
async function makeCatalog(url: string, context: Context): Promise<void> {
  if (parseCatalogUrl(url).kind === 'sqlite') return;
  await using _catalog = await doorsOf(context).openCatalog(url, { create: true });
}

async function writeFirstEntry(
  places: RepositoryPlaces & { readonly catalog: string },
  unlocked: { readonly config: ReturnType<typeof decodeConfig>; readonly bundle: MasterBundle },
  records: readonly JournalRecord[],
  context: Context,
): Promise<void> {
  const stores = await openPlaces(places.mirrors, { create: false, readOnly: false }, context);
  const mirrors = await openMirrorSet(
    stores,
    { readOnly: false, mirrorsMin: places.mirrorsMin },
    context,
  );
  const catalog = await doorsOf(context).openCatalog(places.catalog, { create: true });
  await using repository = await assembleRepository(
    { ...unlocked, mirrors, catalog },
    places.cacheDir,
    false,
    context,
  );
  await catalog.setMeta(metaKeys.repository, repository.id);
  const lineage = newId(context.random);
  await repository.log.append(() => records, { lineage });
  await mirrors.drain();
}

async function requireCatalog(url: string | undefined, context: Context): Promise<string> {
  if (url === undefined)
    throw new VersionsError(
      'Usage',
      'CATALOG_NEEDED',
      'A new repository needs a place for its catalog',
    );
  await assertNoCatalog(url, context);
  return url;
}

function checkOptions(places: RepositoryPlaces, options: InitOptions): void {
  if (places.mirrors.length === 0)
    throw new VersionsError('Usage', 'MIRROR_NEEDED', 'A repository needs at least one mirror');
  const { mirrorsMin } = places;
  if (
    mirrorsMin !== undefined &&
    !(Number.isInteger(mirrorsMin) && mirrorsMin >= 1 && mirrorsMin <= places.mirrors.length)
  ) {
    throw new VersionsError(
      'Usage',
      'MIRRORS_MIN_INVALID',
      `mirrors-min must be from 1 to ${places.mirrors.length}, the number of mirrors`,
    );
  }
  const avg = options.chunkAvgBytes;
  if (
    avg !== undefined &&
    !(Number.isInteger(Math.log2(avg)) && avg >= 64 * 1024 && avg <= 4 * 1024 * 1024)
  ) {
    throw new VersionsError(
      'Usage',
      'CHUNK_SIZE_INVALID',
      'The chunk size must be a power of two from 64 KiB to 4 MiB',
    );
  }
}

/** Looks at every place before anything is written to one. */
async function openEmptyPlaces(
  places: RepositoryPlaces,
  context: Context,
): Promise<readonly NewMirror[]> {
  const opened: NewMirror[] = [];
  try {
    for (const place of await openPlaces(
      places.mirrors,
      { create: true, readOnly: false },
      context,
    )) {
      if ('error' in place) throw place.error;
      opened.push({
        name: place.name,
        store: place.store,
        id: newId(context.random),
      });
      await assertEmpty(place.name, place.store);
    }
    return opened;
  } catch (error) {
    for (const { store } of opened) await store[Symbol.asyncDispose]();
    throw error;
  }
}

async function assertEmpty(name: string, store: ObjectStore): Promise<void> {
  let found: string | undefined;
  try {
    for await (const { key } of store.list('')) {
      found = key;
      break;
    }
  } catch (error) {
    if (!isVersionsError(error, 'NotFound')) throw error;
  }
  if (found === undefined) return;
  const holds = found === markerKey || found === configKey ? 'a repository' : `"${found}"`;
  throw new VersionsError(
    'Conflict',
    'MIRROR_NOT_EMPTY',
    `Mirror ${name} (${store.properties.location}) is not empty: it holds ${holds}`,
    {
      hint: 'To use an existing repository: "versions connect"; else choose an empty directory',
    },
  );
}
