import type { MirrorId } from '../base/index.ts';
import { assert, isVersionsError } from '../errors/index.ts';
import { openPlaces, type Context, type RepositoryPlaces } from './context.ts';
import type { NewPlace } from './add-mirror.ts';
import { openMirrorSet } from './open-repository.ts';

type MirrorPlace = RepositoryPlaces['mirrors'][number];

/** Opens the place of a mirror to be; a directory is made. The caller closes its store. */
export async function openNewPlace(
  place: MirrorPlace,
  context: Pick<Context, 'doors'>,
): Promise<NewPlace> {
  const [opened] = await openPlaces([place], { create: true, readOnly: false }, context);
  assert(opened !== undefined, 'The place of a new mirror was not opened');
  if ('error' in opened) throw opened.error;
  return opened;
}

/** The id that the marker of a place gives; undefined if none can be read there now. */
export async function markerIdAt(
  place: MirrorPlace,
  context: Context,
): Promise<MirrorId | undefined> {
  const places = await openPlaces([place], { create: false, readOnly: true }, context);
  try {
    // The place may well be dead: that is no finding here.
    const monitor = { ...context.monitor, finding: () => {} };
    await using mirrors = await openMirrorSet(
      places,
      { readOnly: true, mirrorsMin: 1 },
      { ...context, monitor },
    );
    return mirrors.mirrors[0]?.id;
  } catch (error) {
    if (!isVersionsError(error) || isVersionsError(error, 'Cancelled', 'Internal')) throw error;
    return undefined;
  }
}
