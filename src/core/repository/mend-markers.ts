import type { MirrorId } from '../base/index.ts';
import { healMarkers } from '../heal/index.ts';
import { openPlaces, type Context, type RepositoryPlaces, type SecretSource } from './context.ts';
import { absentMembers, membersOf } from './membership.ts';
import { openRepository } from './open-repository.ts';

export interface MendMarkersOptions {
  readonly secret: SecretSource;
  readonly dryRun: boolean;
}

/**
 * Mends the markers of mirrors, without which they are not written to. What is left of a marker is
 * tried first; only if that does not do, the journal is asked for the id, which takes the key.
 * Returns how many were mended.
 */
export async function mendMarkers(
  places: RepositoryPlaces,
  { secret, dryRun }: MendMarkersOptions,
  context: Context,
): Promise<number> {
  const { clock, monitor, signal } = context;
  const stores = await openPlaces(places.mirrors, { create: false, readOnly: dryRun }, context);
  try {
    const idOf = (name: string): Promise<MirrorId | undefined> =>
      idInJournal(name, places, secret, context);
    return await healMarkers(stores, { clock, monitor, idOf, dryRun, signal });
  } finally {
    for (const place of stores) if ('store' in place) await place.store[Symbol.asyncDispose]();
  }
}

/** By its name; or the only mirror that is missed, which another machine may have named otherwise. */
async function idInJournal(
  name: string,
  places: RepositoryPlaces,
  secret: SecretSource,
  context: Context,
): Promise<MirrorId | undefined> {
  await using repository = await openRepository(places, { secret, readOnly: true }, context);
  const named = membersOf(repository).find((member) => member.name === name);
  const [absent, ...others] = absentMembers(repository);
  return named?.id ?? (others.length === 0 ? absent?.id : undefined);
}
