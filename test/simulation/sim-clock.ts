import { setImmediate as breathe } from 'node:timers/promises';
import type { Clock } from '../../src/core/index.ts';

/**
 * A clock that jumps as it is told and else goes on a little with every look at it. Short sleeps
 * end at once; long ones, which guard against calls that never end, last until they are aborted.
 */
export class SimClock implements Clock {
  /** Ahead of the file system's: of a file that is as young as the run itself, nothing is certain. */
  #now = Date.now() + 3_600_000;
  #elapsed = 0;

  now(): number {
    this.#now += 3;
    return this.#now;
  }

  elapsed(): number {
    this.#elapsed += 3;
    return this.#elapsed;
  }

  jump(byMs: number): void {
    this.#now += byMs;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (delayMs < 30_000) {
      await breathe();
      this.#now += delayMs;
      this.#elapsed += delayMs;
      return;
    }
    const { promise, reject } = Promise.withResolvers<never>();
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    await promise;
  }
}
