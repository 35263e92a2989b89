import type { Clock, RepositoryId } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import { decodeMarker } from '../format/index.ts';
import { lookAgain, type Mirror } from '../mirror/index.ts';

export interface StillThereOptions {
  readonly repository: RepositoryId;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

const markerMsMax = 60_000;

/**
 * Whether a mirror that was written to was there all the time: a disk that is taken out in mid-run
 * leaves an empty directory, which takes what it is given, and gives it back, all the same. Returns
 * why what it was given does not count; undefined if it does.
 */
export async function goneMeanwhile(
  mirror: Mirror,
  { repository: repositoryId, clock, signal }: StillThereOptions,
): Promise<VersionsError | undefined> {
  const options = { repositoryId, readMarker: decodeMarker, clock, markerMsMax, signal };
  const found = await lookAgain(mirror, options);
  return typeof found === 'object' ? found.gone : undefined;
}
