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
import { TimedStore } from './timed-store.ts';
import type { WorkerMirror } from './worker-settings.ts';

/** A mirror whose marker was read in this run, and what the deployment says about it. */
export interface OpenMirror extends Mirror {
  readonly settings: WorkerMirror;
  /** How long its marker took in this run. */
  readonly latencyMs: number;
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
  const timed = new Map<string, TimedStore>();
  const places = await Promise.all(
    wanted.map((mirror) => placeOf(mirror, surroundings, options.writable, timed)),
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
      const latencyMs = timed.get(mirror.name)?.latencyMs ?? Number.POSITIVE_INFINITY;
      return own === undefined ? [] : [{ ...mirror, settings: own, latencyMs }];
    }),
    absent: set.absent.map(({ name }) => name),
    [Symbol.asyncDispose]: () => set[Symbol.asyncDispose](),
  };
}

async function placeOf(
  { name, url, secret }: WorkerMirror,
  surroundings: Surroundings,
  writable: string | undefined,
  timed: Map<string, TimedStore>,
): Promise<Place> {
  try {
    const keys = secret === undefined ? undefined : await surroundings.readSecret(secret);
    const timing = new TimedStore(await surroundings.openStore(url, keys), surroundings.clock);
    timed.set(name, timing);
    const store = new CappedStore(timing, packBytesMax);
    return { name, store: name === writable ? store : new ReadOnlyStore(store) };
  } catch (error) {
    if (isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) return { name, error };
    throw error;
  }
}
