import type { Clock } from '../base/index.ts';
import { raceAbort } from '../store/index.ts';

export interface TimeLimit {
  readonly clock: Clock;
  readonly limitMs: number;
  /** What to throw when the time is over. */
  readonly error: () => Error;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does `work`, but waits no longer for it than the limit or than until the signal aborts. Work that
 * is given up is told so by the signal that it got; a system call that hangs cannot hear it.
 */
export async function withTimeLimit<T>(
  limit: TimeLimit,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const onAbort = (): void => ended.abort(limit.signal?.reason);
  limit.signal?.addEventListener('abort', onAbort, { once: true });
  if (limit.signal?.aborted === true) onAbort();
  const timeIsOver = limit.clock.sleep(limit.limitMs, ended.signal).then(
    () => {
      throw limit.error();
    },
    // Ended before: nobody waits for this.
    () => new Promise<never>(() => {}),
  );
  try {
    return await raceAbort(Promise.race([work(ended.signal), timeIsOver]), limit.signal);
  } finally {
    limit.signal?.removeEventListener('abort', onAbort);
    ended.abort();
  }
}
