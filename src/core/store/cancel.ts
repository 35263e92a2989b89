import { isVersionsError, VersionsError } from '../errors/index.ts';

/** The reason of an aborted signal as an error of kind `Cancelled`. */
export function cancelled(signal: AbortSignal): VersionsError {
  const reason: unknown = signal.reason;
  if (isVersionsError(reason, 'Cancelled')) return reason;
  return new VersionsError('Cancelled', 'CANCELLED', 'The operation was cancelled', {
    cause: reason,
  });
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelled(signal);
}

/**
 * Settles like `promise`, or rejects with `Cancelled` as soon as the signal aborts; the work behind
 * the promise goes on, and what it comes to is then dropped.
 */
export async function raceAbort<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(cancelled(signal));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
