import { raceAbort, throwIfAborted } from '../store/index.ts';

interface Waiter {
  readonly bytes: number;
  readonly enter: () => void;
}

/**
 * Lets in only so many bytes at once. Whoever comes first is let in first; what alone is larger
 * than the limit is let in alone.
 */
export class ByteGate {
  readonly #bytesMax: number;
  #bytesInside = 0;
  #waiters: readonly Waiter[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytesInside(): number {
    return this.#bytesInside;
  }

  /** Resolves when `bytes` are inside, with what lets them out again (once). */
  async enter(bytes: number, signal?: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    if (this.#waiters.length > 0 || !this.#hasRoom(bytes)) await this.#wait(bytes, signal);
    else this.#bytesInside += bytes;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#bytesInside -= bytes;
      this.#letIn();
    };
  }

  async #wait(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let entered = false;
    const enter = (): void => {
      entered = true;
      this.#bytesInside += bytes;
      resolve();
    };
    const waiter: Waiter = { bytes, enter };
    this.#waiters = [...this.#waiters, waiter];
    try {
      await raceAbort(promise, signal);
    } catch (error) {
      // It may have been let in and aborted in the same moment.
      if (entered) this.#bytesInside -= bytes;
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      this.#letIn();
      throw error;
    }
  }

  #letIn(): void {
    for (;;) {
      const [first, ...rest] = this.#waiters;
      if (first === undefined || !this.#hasRoom(first.bytes)) return;
      this.#waiters = rest;
      first.enter();
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#bytesInside === 0 || this.#bytesInside + bytes <= this.#bytesMax;
  }
}
