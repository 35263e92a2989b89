import { randomBytes } from 'node:crypto';

/** Time as handed to the core; tests hand in their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some moment, in fractions; never goes back. For durations. */
  elapsed(): number;
  /** Resolves after `delayMs`, or rejects with the signal's reason when it aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness as handed to the core. */
export interface Random {
  bytes(count: number): Uint8Array;
}

/** The machine's own clock. This file is the only place in the core that may read it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** The operating system's generator. */
export const systemRandom: Random = { bytes: (count) => randomBytes(count) };
