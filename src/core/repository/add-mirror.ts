import { newId, toHex, type MirrorId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { decodeMarker, encodeMarker } from '../format/index.ts';
import { mirrorForeign, type Mirror } from '../mirror/index.ts';
import type { ObjectStore } from '../store/index.ts';
import { membersOf } from './membership.ts';
import { mirrorKnown, mirrorMaybeKnown, placeTaken } from './mirror-change-errors.ts';
import { markerKey } from './object-keys.ts';
import type { Repository } from './repository.ts';
import { planFill, recordPlan } from './sync-mirror.ts';

/** A place that is to become a mirror, open for writing. */
export interface NewPlace {
  readonly name: string;
  readonly store: ObjectStore;
}

/** What was found at a place. */
type Found =
  /** Nothing, or something that is not a mirror of its own yet. */
  | { readonly kind: 'new' }
  /** The journal has it already: only the configuration lacked it. */
  | { readonly kind: 'member'; readonly id: MirrorId };

export interface AddedMirror {
  readonly mirror: Mirror;
  /** False if the journal had it already: an `add` that was cut short goes on. */
  readonly isNew: boolean;
}

/**
 * Makes a place a mirror of the repository: gives it a marker with a new id, notes that it is owed
 * everything, and enters it in the journal. It is empty then, or as far as what lay there is good;
 * `planSync` and `applySync` fill it. May be called again for the same place.
 *
 * The place must be empty, or hold what was a mirror of this very repository: one that was removed,
 * or a copy of one, which saves sending everything. Throws `Usage` (MIRROR_FOREIGN, MIRROR_KNOWN,
 * MIRROR_MAYBE_KNOWN), `Conflict` (MIRROR_NOT_EMPTY).
 */
export async function addMirror(
  repository: Repository,
  place: NewPlace,
  signal?: AbortSignal,
): Promise<AddedMirror> {
  repository.assertWritable();
  const { name, store } = place;
  const found = await lookAt(repository, place, signal);
  if (found.kind === 'member') return { mirror: { ...place, id: found.id }, isNew: false };
  const { id: repositoryId, config, clock, random, catalog, debts, log } = repository;
  const id = newId(random);
  const marker = {
    repository: repositoryId,
    suite: config.suite,
    mirror: id,
    created: clock.now(),
  };
  await store.put(markerKey, [encodeMarker(marker)], { signal });
  const mirror = { id, name, store };
  await recordPlan(repository, await planFill(repository, mirror));
  debts.oweTo([id]);
  await log.append(() => [{ type: 'mirrors', mirrors: [{ id, name, state: 'active' }] }], {
    signal,
  });
  await repository.mirrors.drain();
  await debts.record(catalog);
  return { mirror, isNew: true };
}

/** Does not write, but for the probe that tells a copy of a mirror from the mirror itself. */
export async function lookAt(
  repository: Repository,
  place: NewPlace,
  signal?: AbortSignal,
): Promise<Found> {
  const { name, store } = place;
  const bytes = await readMarker(store, signal);
  if (bytes === undefined) {
    await assertEmpty(place, signal);
    return { kind: 'new' };
  }
  const marker = decodeMarker(bytes);
  if (marker.repository !== repository.id) {
    throw mirrorForeign(name, marker.repository, { repository: repository.id });
  }
  const member = membersOf(repository).find(({ id }) => id === marker.mirror);
  if (member === undefined) return { kind: 'new' };
  const present = repository.mirrors.mirrors.find(({ id }) => id === marker.mirror);
  if (present === undefined) {
    // It may be that of a configured mirror that is away, or a copy of it: nobody can tell.
    if (repository.mirrors.absent.length > 0) throw mirrorMaybeKnown(name, marker.mirror);
    return { kind: 'member', id: marker.mirror };
  }
  if (await isSamePlace(repository, present.store, store)) throw mirrorKnown(name, present.name);
  return { kind: 'new' };
}

async function readMarker(
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  try {
    return await store.get(markerKey, { signal });
  } catch (error) {
    if (isVersionsError(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function assertEmpty(
  { name, store }: NewPlace,
  signal: AbortSignal | undefined,
): Promise<void> {
  for await (const { key } of store.list('', { signal })) {
    throw placeTaken(name, store.properties.location, key);
  }
}

/** What is put into one of them shows in the other: two paths may lead to one directory. */
async function isSamePlace(
  { random }: Repository,
  known: ObjectStore,
  other: ObjectStore,
): Promise<boolean> {
  const probe = `quarantine/probe-${toHex(random.bytes(16))}`;
  await other.put(probe, [new Uint8Array(1)]);
  try {
    return (await known.head(probe)) !== undefined;
  } finally {
    await other.delete(probe);
  }
}
