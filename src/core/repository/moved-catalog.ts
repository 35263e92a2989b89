import type { Catalog } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { metaKeys } from './meta-keys.ts';

/**
 * Throws `Conflict` (CATALOG_MOVED) if the repository's catalog is in another place by now. `to` is
 * a place to which this process is moving it.
 */
export async function assertNotMoved(
  catalog: Pick<Catalog, 'getMeta' | 'location'>,
  to?: string,
): Promise<void> {
  const moved = await catalog.getMeta(metaKeys.movedTo);
  if (typeof moved !== 'string' || moved === '' || moved === to) return;
  throw new VersionsError(
    'Conflict',
    'CATALOG_MOVED',
    `The catalog ${catalog.location} is no longer in use: it was moved to ${moved}`,
    {
      hint: `Put catalog = ${JSON.stringify(moved)} into the configuration of this machine; if the move was cut short: "versions catalog copy --to '${moved}'" again`,
      context: { location: catalog.location, movedTo: moved },
    },
  );
}
