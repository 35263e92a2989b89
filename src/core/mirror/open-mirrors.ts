import type { Clock, MirrorId, RepositoryId } from '../base/index.ts';
import { assert, isVersionsError, type VersionsError } from '../errors/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { type ObjectStore, ReadOnlyStore } from '../store/index.ts';
import {
  type AbsentPlace,
  type MarkerContent,
  markerBytesMax,
  markerKey,
  type MarkerReader,
  type Mirror,
  type OwnerReader,
  type Place,
} from './mirror.ts';
import { markerContradicted, mirrorForeign, mirrorStalled, mirrorTwice } from './mirror-errors.ts';
import { withTimeLimit } from './time-limit.ts';
import { TimeLimitedStore } from './time-limited-store.ts';

export interface OpenMirrorsOptions {
  readonly places: readonly Place[];
  readonly readMarker: MarkerReader;
  readonly readOwner?: OwnerReader | undefined;
  readonly readUnmarked?: boolean | undefined;
  /** The repository that is expected; else the first mirror says which it is. */
  readonly repositoryId?: RepositoryId | undefined;
  readonly readOnly: boolean;
  readonly monitor: Monitor;
  readonly clock: Clock;
  /** How long a place may take to show its marker. */
  readonly markerMsMax: number;
  /** How long any other call may take; see `TimeLimitedStore`. */
  readonly callMsMax: number;
  readonly signal?: AbortSignal | undefined;
}

export interface OpenedMirrors {
  /** Undefined if no place showed a marker. */
  readonly repositoryId: RepositoryId | undefined;
  readonly mirrors: readonly Mirror[];
  readonly absent: readonly AbsentPlace[];
}

/**
 * Reads the marker of every place. A place without a readable marker is absent: one finding, no
 * more. A marker of another repository, or one that two places share, stops everything: to go on
 * would mean to write into a place that is not meant. Where `config` contradicts the marker, it is
 * the marker that is damaged.
 */
export async function openMirrors(options: OpenMirrorsOptions): Promise<OpenedMirrors> {
  const seen = await Promise.all(options.places.map((place, at) => look(place, at, options)));
  const looked = await doubtMarkers(seen, options);
  const mirrors: Mirror[] = [];
  const absent: AbsentPlace[] = [];
  const byId = new Map<MirrorId, string>();
  let expected: { readonly repository: RepositoryId; readonly mirror?: string } | undefined =
    options.repositoryId === undefined ? undefined : { repository: options.repositoryId };
  for (const { name, found } of looked) {
    if ('error' in found) {
      absent.push({ name, error: found.error });
      continue;
    }
    const { repository, mirror: id } = found.marker;
    const { isUnmarked } = found;
    expected ??= { repository, mirror: name };
    if (repository !== expected.repository) throw mirrorForeign(name, repository, expected);
    const other = byId.get(id);
    if (other !== undefined) throw mirrorTwice([other, name], id);
    byId.set(id, name);
    const { clock, callMsMax } = options;
    const limited = new TimeLimitedStore(found.store, { name, clock, callMsMax });
    const store = options.readOnly || isUnmarked ? new ReadOnlyStore(limited) : limited;
    mirrors.push(isUnmarked ? { id, name, store, isUnmarked } : { id, name, store });
    if (isUnmarked) reportUnmarked(name, options.monitor);
  }
  for (const place of absent) reportAbsent(place, mirrors.length > 0, options.monitor);
  return { repositoryId: expected?.repository, mirrors, absent };
}

interface Looked {
  readonly name: string;
  readonly found: Look;
}

/** Where places seem to hold different repositories, each is asked what else it holds. */
async function doubtMarkers(
  looked: readonly Looked[],
  options: OpenMirrorsOptions,
): Promise<readonly Looked[]> {
  const { places, repositoryId } = options;
  const shown = looked.flatMap(({ found }) => ('marker' in found ? [found.marker.repository] : []));
  if (new Set(repositoryId === undefined ? shown : [repositoryId, ...shown]).size < 2)
    return looked;
  return Promise.all(
    looked.map(async ({ name, found }, at) => {
      const place = places[at];
      if (!('marker' in found) || found.isUnmarked === true || !place || !('store' in place))
        return { name, found };
      const owner = await ownerOf(place.store, at, options);
      if (owner === undefined || owner.repository === found.marker.repository)
        return { name, found };
      if (mayReadUnmarked(options))
        return { name, found: { marker: owner, store: found.store, isUnmarked: true } };
      return { name, found: { error: markerContradicted(name, found.marker.repository) } };
    }),
  );
}

type Look =
  | {
      readonly marker: MarkerContent;
      readonly store: ObjectStore;
      readonly isUnmarked?: boolean;
    }
  | { readonly error: VersionsError };

async function look(place: Place, at: number, options: OpenMirrorsOptions): Promise<Looked> {
  const { name } = place;
  if ('error' in place) return { name, found: { error: place.error } };
  const { store } = place;
  try {
    const limit = {
      clock: options.clock,
      limitMs: options.markerMsMax,
      error: () => mirrorStalled(name, markerKey, options.markerMsMax),
      signal: options.signal,
    };
    const range = { offset: 0, length: markerBytesMax };
    const bytes = await withTimeLimit(limit, (signal) => store.get(markerKey, { range, signal }));
    return { name, found: { marker: options.readMarker(bytes), store } };
  } catch (error) {
    if (!isVersionsError(error) || error.kind === 'Cancelled' || error.kind === 'Internal') {
      throw error;
    }
    const marker = await ownerInstead(store, at, error, options);
    return { name, found: marker ? { marker, store, isUnmarked: true } : { error } };
  }
}

/**
 * A damaged or missing marker must not make a place unreadable. Its `config` says whose it is; the
 * id is made up, because nobody writes anything under it.
 */
async function ownerInstead(
  store: ObjectStore,
  at: number,
  error: VersionsError,
  options: OpenMirrorsOptions,
): Promise<MarkerContent | undefined> {
  const isDamaged = error.kind === 'Corrupt' || error.code === 'OBJECT_NOT_FOUND';
  return mayReadUnmarked(options) && isDamaged ? ownerOf(store, at, options) : undefined;
}

function mayReadUnmarked({ readOnly, readUnmarked = readOnly }: OpenMirrorsOptions): boolean {
  return readUnmarked;
}

/** Whose a place is by its `config`, under an id that is made up. */
async function ownerOf(
  store: ObjectStore,
  at: number,
  { readOwner, signal }: OpenMirrorsOptions,
): Promise<MarkerContent | undefined> {
  if (readOwner === undefined) return undefined;
  try {
    const range = { offset: 0, length: markerBytesMax };
    const repository = readOwner(await store.get(configKey, { range, signal }));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- 32 hexadecimal digits
    const mirror = at.toString(16).padStart(32, 'f') as MirrorId;
    return { repository, mirror };
  } catch (failure) {
    if (!isVersionsError(failure) || failure.kind === 'Cancelled') throw failure;
    return undefined;
  }
}

const configKey = 'config';

function reportUnmarked(name: string, monitor: Monitor): void {
  const detail = 'Its marker is damaged or missing, so it is read but not written to';
  monitor.finding({ kind: 'corrupt', mirror: name, object: markerKey, healable: true, detail });
}

function reportAbsent({ name, error }: AbsentPlace, others: boolean, monitor: Monitor): void {
  const damaged = error.kind === 'Corrupt' || error.kind === 'Unsupported';
  monitor.finding({
    kind: damaged ? 'corrupt' : 'absent',
    mirror: name,
    object: damaged ? markerKey : '',
    healable: others,
    detail: error.message,
  });
}

/** How many mirrors must store an object: as configured, or all but one, at least one. */
export function mirrorsMinOf(configured: number | undefined, placeCount: number): number {
  assert(placeCount > 0, 'A repository has at least one place for a mirror');
  return configured ?? Math.max(1, placeCount - 1);
}
