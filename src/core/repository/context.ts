import type { Clock, Random } from '../base/index.ts';
import type { Secret } from '../crypto/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { Place } from '../mirror/index.ts';
import { openCatalog } from '../catalog/index.ts';
import { openStore, type StoreCredentials } from '../store/index.ts';
import { isVersionsError } from '../errors/index.ts';

/** What every operation is handed: the core reads none of it from its surroundings. */
export interface Context {
  readonly clock: Clock;
  readonly random: Random;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
  /** Worker threads; default: as many as the machine has processors, at most eight. */
  readonly threads?: number | undefined;
  /** Bytes at which a pack is closed; default: 16 MiB, growing with the repository. */
  readonly packBytes?: number | undefined;
  /** Entries of the journal after which a checkpoint is made; default: 256. */
  readonly checkpointEntries?: number | undefined;
  /** How long one call to a mirror may take before the mirror counts as stalled; default: 10 min. */
  readonly callMsMax?: number | undefined;
  /** How stores and catalogs are opened, if not by their URLs alone: tests put faults in between. */
  readonly doors?: Partial<Doors> | undefined;
}

/** The ways to everything outside the local file system. */
export interface Doors {
  readonly openStore: typeof openStore;
  readonly openCatalog: typeof openCatalog;
}

/** The doors of a context. */
export function doorsOf({ doors }: Pick<Context, 'doors'>): Doors {
  return { openStore, openCatalog, ...doors };
}

/** Where a repository is. */
export interface RepositoryPlaces {
  readonly mirrors: readonly {
    readonly name: string;
    readonly url: string;
    readonly credentials?: StoreCredentials | undefined;
  }[];
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
  context: Pick<Context, 'doors'>,
): Promise<readonly Place[]> {
  const doors = doorsOf(context);
  return Promise.all(
    mirrors.map(async ({ name, url, credentials }): Promise<Place> => {
      try {
        return { name, store: await doors.openStore(url, { ...options, credentials }) };
      } catch (error) {
        if (isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) return { name, error };
        throw error;
      }
    }),
  );
}
