import type { Clock, MirrorId } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  decodeConfig,
  decodeMarker,
  decodeObjectHeader,
  encodeMarker,
  type MirrorMarker,
  objectHashOf,
  parseObjectName,
  quarantinePrefix,
} from '../format/index.ts';
import { markerKey, type ObjectStore, type Place } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { mergeClear } from './merge-clear.ts';

export interface MarkerOptions {
  readonly clock: Clock;
  readonly monitor: Monitor;
  /** The id of the mirror of that name, as this machine remembers it. */
  readonly idOf?: ((name: string) => Promise<MirrorId | undefined>) | undefined;
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Owner = Pick<MirrorMarker, 'repository' | 'suite' | 'created'>;

/**
 * Makes damaged or missing markers good: the one object that no other mirror has. It is put
 * together from what is left of it, or written anew if the id of the mirror is known; both only in
 * a place that proves by an object of its own that it holds the repository which the other places
 * hold, and never with an id that another place has. Returns how many were mended.
 */
export async function healMarkers(
  places: readonly Place[],
  options: MarkerOptions,
): Promise<number> {
  const looked = await Promise.all(
    places.flatMap((place) => ('store' in place ? [look(place, options)] : [])),
  );
  const doubtful = await contradicted(looked, options.signal);
  const good = looked.flatMap((place) => (doubtful.has(place) ? [] : (place.marker ?? [])));
  const taken = new Set(good.map(({ mirror }) => mirror));
  let mended = 0;
  for (const place of looked) {
    if ((place.marker && !doubtful.has(place)) || place.isUnreadable) continue;
    const owner = await ownerOf(place.store, options.signal);
    const others = new Set(good.map(({ repository }) => repository));
    // Whose is it? A place of another repository, or one that shows nothing, is left alone.
    if (owner === undefined || (others.size > 0 && !others.has(owner.repository))) continue;
    const marker = await markerFor(place, owner, options);
    if (marker === undefined || taken.has(marker.mirror)) {
      options.monitor.problem(markerLost(place.name));
      continue;
    }
    taken.add(marker.mirror);
    try {
      if (options.dryRun !== true) await writeMarker(place, marker, options);
      mended += 1;
    } catch (error) {
      // One place that takes no marker must not keep the others from being healed.
      if (!isVersionsError(error, 'Denied', 'Unavailable')) throw error;
      options.monitor.problem(error);
    }
  }
  return mended;
}

/** Places whose marker is of another repository than their `config`, if they disagree at all. */
async function contradicted(
  looked: readonly LookedPlace[],
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<LookedPlace>> {
  const doubtful = new Set<LookedPlace>();
  if (new Set(looked.flatMap(({ marker }) => marker?.repository ?? [])).size < 2) return doubtful;
  for (const place of looked) {
    const config = place.marker && (await bytesOf(place.store, 'config', signal));
    const owner = config && decoded(() => decodeConfig(config).config);
    if (owner && owner.repository !== place.marker?.repository) doubtful.add(place);
  }
  return doubtful;
}

interface LookedPlace {
  readonly name: string;
  readonly store: ObjectStore;
  readonly marker?: MirrorMarker | undefined;
  /** What is there instead of a marker. */
  readonly bytes?: Uint8Array | undefined;
  readonly isUnreadable: boolean;
}

async function look(
  { name, store }: { readonly name: string; readonly store: ObjectStore },
  { signal }: MarkerOptions,
): Promise<LookedPlace> {
  const place = { name, store, isUnreadable: false };
  // A first bad read is only a suspicion.
  for (let attempt = 1; ; attempt++) {
    let bytes: Uint8Array;
    try {
      bytes = await store.get(markerKey, { signal });
    } catch (error) {
      if (!isVersionsError(error) || error.kind === 'Cancelled') throw error;
      const isMissing = error.kind === 'NotFound';
      if (isMissing && attempt === 1) continue;
      return { ...place, isUnreadable: !isMissing };
    }
    const marker = decoded(() => decodeMarker(bytes));
    if (marker || attempt === 2) return { ...place, marker, bytes };
  }
}

/** Which repository a place holds objects of: by `config`, or by the header of any object. */
async function ownerOf(
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<Owner | undefined> {
  const config = await bytesOf(store, 'config', signal);
  const found = config && decoded(() => decodeConfig(config).config);
  if (found) return found;
  for (const prefix of ['keys/', 'journal/', 'packs/']) {
    let seen = 0;
    try {
      for await (const { key } of store.list(prefix, { signal })) {
        const bytes = await bytesOf(store, key, signal);
        const isWhole = bytes && parseObjectName(key)?.hash === objectHashOf(bytes);
        const header = isWhole ? decoded(() => decodeObjectHeader(bytes)) : undefined;
        if (header) return { ...header, created: 0 };
        if (++seen >= objectsMax) break;
      }
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) throw error;
    }
  }
  return undefined;
}

/** So many objects of each part are looked at before a place counts as one of nothing. */
const objectsMax = 4;
const copiesMax = 8;

async function markerFor(
  { name, store, bytes }: LookedPlace,
  owner: Owner,
  { idOf, clock, signal }: MarkerOptions,
): Promise<MirrorMarker | undefined> {
  // Where two objects have changed places, what `config` should be is the marker.
  const copies = [bytes, await bytesOf(store, 'config', signal)].filter(
    (copy) => copy !== undefined,
  );
  for await (const { key } of store.list(`${quarantinePrefix}${markerKey}/`, { signal })) {
    const aside = await bytesOf(store, key, signal);
    if (aside && copies.length < copiesMax) copies.push(aside);
  }
  const merged = mergeClear(copies, (candidate) => {
    const marker = decoded(() => decodeMarker(candidate));
    return marker?.repository === owner.repository;
  });
  if (merged) return decodeMarker(merged);
  const mirror = await idOf?.(name);
  return mirror && { ...owner, mirror, created: owner.created || clock.now() };
}

async function writeMarker(
  { name, store, bytes }: LookedPlace,
  marker: MirrorMarker,
  { monitor, signal }: MarkerOptions,
): Promise<void> {
  if (bytes && bytes.byteLength > 0) {
    await store.put(`${quarantinePrefix}${markerKey}/${objectHashOf(bytes)}`, [bytes], { signal });
  }
  await store.put(markerKey, [encodeMarker(marker)], { signal });
  const back = await bytesOf(store, markerKey, signal);
  if (back === undefined || decoded(() => decodeMarker(back))?.mirror !== marker.mirror) {
    throw new VersionsError(
      'Unavailable',
      'COPY_WRITTEN_BADLY',
      `Mirror ${name} does not give back the marker that was written to it`,
      { hint: 'Check the disk or the connection of that mirror', context: { mirror: name } },
    );
  }
  monitor.item({ action: 'healed', path: `${name}: ${markerKey}` });
}

function markerLost(name: string): VersionsError {
  return new VersionsError(
    'Corrupt',
    'MARKER_LOST',
    `The marker of mirror ${name} is damaged and its id is not known here`,
    {
      hint: 'Run `versions heal` on a machine that backs up to it; reading works without the marker',
      context: { mirror: name },
    },
  );
}

async function bytesOf(
  store: ObjectStore,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  try {
    return await store.get(key, { signal });
  } catch (error) {
    if (!isVersionsError(error, 'NotFound', 'Unavailable', 'Denied')) throw error;
    return undefined;
  }
}

function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'Unsupported')) throw error;
    return undefined;
  }
}
