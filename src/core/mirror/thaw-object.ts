import { isVersionsError, type VersionsError } from '../errors/index.ts';
import { type CallOptions, type Thaw, thawingStoreIn } from '../store/index.ts';
import type { Mirror } from './mirror.ts';

/** For so many days a provider is asked to keep what it brings back within reach. */
const thawDays = 7;

/**
 * Asks one mirror to bring an archived object back, the first that does. Throws what the last one
 * said if none does.
 */
export async function thawObject(
  mirrors: readonly Mirror[],
  key: string,
  { signal }: CallOptions = {},
): Promise<Thaw | undefined> {
  let failure: VersionsError | undefined;
  for (const { store } of mirrors) {
    const thawing = thawingStoreIn(store);
    if (thawing === undefined) continue;
    try {
      return await thawing.thaw(key, thawDays, { signal });
    } catch (error) {
      if (!isVersionsError(error) || error.kind === 'Cancelled') throw error;
      failure = error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}
