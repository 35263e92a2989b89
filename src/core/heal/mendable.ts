import type { ExpectedObject, StrayCopy } from '../verify/index.ts';
import { findGoodBytes, type Sources } from './find-good-bytes.ts';
import { SearchBudget } from './search-bytes.ts';

/** About 40 seconds of hashing, however many objects are lost. */
const budgetBytes = 80 * 1024 ** 3;

/** Says of objects without a good copy whether they can be put together, for one verification. */
export function mendable(
  sources: Sources,
): (object: ExpectedObject, strays: readonly StrayCopy[]) => Promise<boolean> {
  const budgetOfRun = new SearchBudget(budgetBytes, { signal: sources.signal });
  return async ({ key, bytes }, strays) =>
    (await findGoodBytes(key, { ...sources, strays, budgetOfRun }, bytes)) !== undefined;
}
