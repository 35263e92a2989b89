import type { Clock } from '../base/index.ts';
import { DirectoryStore, type SweptTemporaries } from './directory-store.ts';
import type { CallOptions, ObjectStore } from './object-store.ts';

/** Removes what killed runs left of unfinished writes, in stores that have such a thing. */
export async function sweepTemporaries(
  store: ObjectStore,
  clock: Clock,
  options: CallOptions = {},
): Promise<SweptTemporaries> {
  if (!(store instanceof DirectoryStore)) return { files: 0, bytes: 0 };
  return store.sweepTemporaries(clock, options);
}
