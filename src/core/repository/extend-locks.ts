import { isVersionsError } from '../errors/index.ts';
import type { Mirror } from '../mirror/index.ts';
import { lockingStoreIn } from '../store/index.ts';
import { eachAtOnce } from '../verify/index.ts';
import { neededObjects } from './expected-objects.ts';
import { packKey } from './object-keys.ts';
import type { Repository } from './repository.ts';

export interface ExtendedLocks {
  readonly locked: number;
  /** Objects that could not be locked; each was reported. */
  readonly left: number;
}

const callsAtOnce = 8;
/** Failures after which the mirror is given up for now. */
const failuresMax = 20;

/**
 * Locks anew what a mirror must keep, for as long as its store locks what is stored now. Condemned
 * packs are let go. Nothing happens where nothing is locked.
 */
export async function extendLocks(
  repository: Repository,
  { store }: Mirror,
  signal?: AbortSignal,
): Promise<ExtendedLocks> {
  const locking = lockingStoreIn(store);
  if (locking === undefined) return { locked: 0, left: 0 };
  const { packs } = repository.state;
  const condemned = new Set(
    packs.all().flatMap(({ name }) => (packs.lifeOf(name) === 'live' ? [] : [packKey(name)])),
  );
  const keys = (await neededObjects(repository))
    .map(({ key }) => key)
    .filter((key) => locking.locks(key) && !condemned.has(key));
  let locked = 0;
  let failures = 0;
  await eachAtOnce(keys, callsAtOnce, async (key) => {
    if (failures >= failuresMax) return;
    try {
      await locking.extendLock(key, { signal });
      locked += 1;
    } catch (error) {
      if (!isVersionsError(error) || isVersionsError(error, 'Cancelled', 'Internal')) throw error;
      // What cannot be locked there at all need not be tried object by object.
      failures += isVersionsError(error, 'Unsupported') ? failuresMax : 1;
      repository.monitor.problem(error);
    }
  });
  return { locked, left: keys.length - locked };
}
