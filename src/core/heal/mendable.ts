import type { ObjectHash } from '../base/index.ts';
import type { ExpectedObject, OtherObjects } from '../verify/index.ts';
import { findGoodBytes, type Sources } from './find-good-bytes.ts';
import { SearchBudget } from './search-bytes.ts';

/** About 40 seconds of hashing, however many objects are lost. */
const budgetBytes = 80 * 1024 ** 3;

/** Says of objects without a good copy whether they can be put together, for one verification. */
export function mendable(
  sources: Sources,
): (object: ExpectedObject, others: OtherObjects) => Promise<boolean> {
  const budgetOfRun = new SearchBudget(budgetBytes, { signal: sources.signal });
  return async ({ key, bytes }, { strays, hashes }) => {
    const isAnother = (hash: ObjectHash): boolean => hashes.has(hash);
    const found = await findGoodBytes(key, { ...sources, strays, isAnother, budgetOfRun }, bytes);
    return found !== undefined;
  };
}
