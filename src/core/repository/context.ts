import type { Clock, Random } from '../base/index.ts';
import type { Secret } from '../crypto/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { Place } from '../mirror/index.ts';
import { openStore } from '../store/index.ts';
import { isVersionsError } from '../errors/index.ts';

/** What every operation is handed: the core reads none of it from its surroundings. */
export interface Context {
  readonly clock: Clock;
  readonly random: Random;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
  /** Worker threads; default: as many as the machine has processors, at most eight. */
  readonly threads?: number | undefined;
}

/** Where a repository is. */
export interface RepositoryPlaces {
  readonly mirrors: readonly { readonly name: string; readonly url: string }[];
  /** `sqlite:PATH`; undefined: none is kept, for reading only. */
  readonly catalog: string | undefined;
  /** Private directory of this repository on this machine; made if need be. */
  readonly cacheDir: string;
  readonly mirrorsMin?: number | undefined;
}

/** A secret, or how to come by it once it is known that one is needed. */
export type SecretSource = Secret | (() => Promise<Secret>);

/** The stores of the mirrors; one that cannot even be opened is told as such. */
export async function openPlaces(
  mirrors: RepositoryPlaces['mirrors'],
  options: { readonly create: boolean; readonly readOnly: boolean },
): Promise<readonly Place[]> {
  return Promise.all(
    mirrors.map(async ({ name, url }): Promise<Place> => {
      try {
        return { name, store: await openStore(url, options) };
      } catch (error) {
        if (isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) return { name, error };
        throw error;
      }
    }),
  );
}
