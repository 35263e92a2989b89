import type { Clock, RepositoryId } from '../base/index.ts';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
import { markerBytesMax, markerKey, type MarkerReader, type Mirror } from './mirror.ts';
import { mirrorGone, mirrorStalled } from './mirror-errors.ts';
import { withTimeLimit } from './time-limit.ts';

export interface LookAgainOptions {
  readonly repositoryId: RepositoryId;
  readonly readMarker: MarkerReader;
  readonly clock: Clock;
  readonly markerMsMax: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a second look at a mirror found: it is there, it is gone, or it did not say. */
export type SecondLook = 'there' | 'unknown' | { readonly gone: VersionsError };

/**
 * Reads the marker of a mirror that showed it before. Gone is a mirror only if it says so twice, the
 * second time over a new connection; one that does not answer, or may not be asked, is not judged.
 */
export async function lookAgain(mirror: Mirror, options: LookAgainOptions): Promise<SecondLook> {
  const first = await look(mirror, options, false);
  return typeof first === 'string' ? first : look(mirror, options, true);
}

async function look(
  mirror: Mirror,
  { repositoryId, readMarker, clock, markerMsMax, signal }: LookAgainOptions,
  isFresh: boolean,
): Promise<SecondLook> {
  const { id, name, store } = mirror;
  const error = (): VersionsError => mirrorStalled(name, markerKey, markerMsMax);
  const range = { offset: 0, length: markerBytesMax };
  try {
    const bytes = await withTimeLimit({ clock, limitMs: markerMsMax, error, signal }, (ended) =>
      store.get(markerKey, { range, signal: ended, isFresh }),
    );
    const marker = readMarker(bytes);
    if (marker.repository === repositoryId && marker.mirror === id) return 'there';
    return { gone: mirrorGone(name, 'it shows the marker of another') };
  } catch (failure) {
    if (!isVersionsError(failure) || failure.kind === 'Cancelled' || failure.kind === 'Internal') {
      throw failure;
    }
    if (failure.code === 'STORE_ABSENT') return { gone: failure };
    if (failure.kind === 'NotFound')
      return { gone: mirrorGone(name, 'its marker is gone', failure) };
    if (failure.kind === 'Corrupt') {
      return { gone: mirrorGone(name, 'its marker is damaged', failure) };
    }
    return 'unknown';
  }
}
