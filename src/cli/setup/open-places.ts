import { isVersionsError, openStore, type Place, type RepositoryPlaces } from '../../core/index.ts';

export type NamedPlace = RepositoryPlaces['mirrors'][number];

/** The stores of places, for what needs neither key nor catalog; one that cannot be opened is told as such. */
export function openPlaces(
  mirrors: readonly NamedPlace[],
  writable: boolean,
): Promise<readonly Place[]> {
  return Promise.all(
    mirrors.map(async ({ name, url, credentials }): Promise<Place> => {
      try {
        const options = { create: false, readOnly: !writable, credentials };
        return { name, store: await openStore(url, options) };
      } catch (error) {
        if (isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) return { name, error };
        throw error;
      }
    }),
  );
}
