import type { Clock } from '../../src/core/base/index.ts';

interface Sleeper {
  readonly wakesAt: number;
  readonly wake: () => void;
}

/**
 * A clock that stands still until it is told to move. With `skips` it does not stand: a `sleep`
 * ends at once, and the time it would have taken has gone by.
 */
export class FakeClock implements Clock {
  /** All sleeps that were asked for, in order. */
  readonly sleeps: number[] = [];
  readonly #skips: boolean;
  #now: number;
  #sleepers: readonly Sleeper[] = [];

  constructor(options: { readonly now?: number; readonly skips?: boolean } = {}) {
    this.#now = options.now ?? Date.UTC(2030, 0, 1);
    this.#skips = options.skips ?? false;
  }

  now(): number {
    return this.#now;
  }

  elapsed(): number {
    return this.#now;
  }

  /** How many are asleep. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.sleeps.push(delayMs);
    if (this.#skips) {
      this.#now += delayMs;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper: Sleeper = { wakesAt: this.#now + delayMs, wake: resolve };
    this.#sleepers = [...this.#sleepers, sleeper];
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    }
  }

  /** Moves the time on and wakes whoever slept until then. */
  async advance(byMs: number): Promise<void> {
    this.#now += byMs;
    for (const sleeper of this.#sleepers) if (sleeper.wakesAt <= this.#now) sleeper.wake();
    // Lets those who were woken come to their next step.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
