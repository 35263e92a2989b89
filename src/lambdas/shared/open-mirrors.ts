import {
  CappedStore,
  decodeMarker,
  isVersionsError,
  type Mirror,
  MirrorSet,
  type Monitor,
  packBytesMax,
  type Place,
  ReadOnlyStore,
  type RepositoryId,
} from '../../core/index.ts';
import type { Surroundings } from './surroundings.ts';
import type { WorkerMirror } from './worker-settings.ts';

/** A mirror whose marker was read in this run, and what the deployment says about it. */
export interface OpenMirror extends Mirror {
  readonly settings: WorkerMirror;
}

export interface OpenMirrors extends AsyncDisposable {
  readonly repository: RepositoryId;
  readonly mirrors: readonly OpenMirror[];
  /** Names of those that show no marker. */
  readonly absent: readonly string[];
}

/**
 * Opens mirrors for a run. Only the one named `writable` can be written to, whatever else the
 * function may do. Undefined if none shows a marker: no repository was made there yet, or none can
 * be reached.
 */
export async function openMirrors(
  wanted: readonly WorkerMirror[],
  surroundings: Surroundings,
  options: {
    readonly monitor: Monitor;
    readonly writable?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<OpenMirrors | undefined> {
  const places = await Promise.all(
    wanted.map((mirror) => placeOf(mirror, surroundings, options.writable)),
  );
  let set: MirrorSet;
  try {
    set = await MirrorSet.open({
      places,
      readMarker: decodeMarker,
      mirrorsMin: 1,
      readOnly: false,
      monitor: options.monitor,
      clock: surroundings.clock,
      signal: options.signal,
    });
  } catch (error) {
    if (!isVersionsError(error, 'NotFound', 'Unavailable', 'Denied')) throw error;
    options.monitor.problem(error);
    return undefined;
  }
  const settings = new Map(wanted.map((mirror) => [mirror.name, mirror]));
  return {
    repository: set.repositoryId,
    mirrors: set.mirrors.flatMap((mirror) => {
      const own = settings.get(mirror.name);
      return own === undefined ? [] : [{ ...mirror, settings: own }];
    }),
    absent: set.absent.map(({ name }) => name),
    [Symbol.asyncDispose]: () => set[Symbol.asyncDispose](),
  };
}

async function placeOf(
  { name, url, secret }: WorkerMirror,
  surroundings: Surroundings,
  writable: string | undefined,
): Promise<Place> {
  try {
    const keys = secret === undefined ? undefined : await surroundings.readSecret(secret);
    const store = new CappedStore(await surroundings.openStore(url, keys), packBytesMax);
    return { name, store: name === writable ? store : new ReadOnlyStore(store) };
  } catch (error) {
    if (isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) return { name, error };
    throw error;
  }
}
