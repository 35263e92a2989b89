/** In front of the bytes: 1 while somebody uses them. */
const markBytes = 8;

/**
 * Memory for blocks that one worker lends to others. Shared, and used again as soon as they are done
 * with it: moved, each block would be garbage of the thread that takes it, and threads that allocate
 * little else let a hundred megabytes of it gather before they look.
 */
export class LentMemory {
  readonly #bytes: number;
  readonly #buffers: SharedArrayBuffer[] = [];

  /** `bytes`: room for the largest block. */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Pieces of memory so far: as many as were in use at once. */
  get count(): number {
    return this.#buffers.length;
  }

  /** Room that nobody uses until it is given back with `release`. */
  take(): Uint8Array<SharedArrayBuffer> {
    let buffer = this.#buffers.find((each) => Atomics.compareExchange(markOf(each), 0, 0, 1) === 0);
    if (buffer === undefined) {
      buffer = new SharedArrayBuffer(markBytes + this.#bytes);
      Atomics.store(markOf(buffer), 0, 1);
      this.#buffers.push(buffer);
    }
    return new Uint8Array(buffer, markBytes);
  }

  /** By any thread: `taken` is, or begins with, what `take` gave. */
  static release(taken: Uint8Array<SharedArrayBuffer>): void {
    Atomics.store(markOf(taken.buffer), 0, 0);
  }
}

function markOf(buffer: SharedArrayBuffer): Int32Array {
  return new Int32Array(buffer, 0, 1);
}
