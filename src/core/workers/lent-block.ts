import { assert, VersionsError } from '../errors/index.ts';
import type { StoreBlockTask } from './protocol.ts';

/** In front of the plaintext: how far the block is, and how many bytes of it were new. */
const markWords = 2;
const markBytes = markWords * Int32Array.BYTES_PER_ELEMENT;
const idBytes = 32;

/** How far a block is. */
const waiting = 0;
const taken = 1;
const done = 2;
const failed = 3;
const phases = 4;
/** Then they begin again: a message is never so many blocks old. */
const ticketsMax = 1 << 28;

/** What lies in it, and by whom it is lent again and again. */
export interface LentMemory {
  readonly buffer: SharedArrayBuffer;
  ticket: number;
}

/**
 * Memory for blocks of so many bytes and chunks. Shared, and used again: moved, each block would be
 * garbage of the thread that takes it, and threads that allocate little else let a hundred megabytes
 * of it gather before they look.
 */
export function createLentMemory(bytes: number, chunks: number): LentMemory {
  return { buffer: new SharedArrayBuffer(markBytes + bytes + chunks * idBytes), ticket: 0 };
}

/** The room for plaintext in memory that is lent, with room for ids behind it. */
export function roomOf(memory: LentMemory): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(memory.buffer, markBytes);
}

/**
 * Chunks that one worker cut out of a file, in memory that all see: first plaintext, then the ids
 * that whoever stores them writes behind it. Exactly one thread gets it: a worker to whom it was
 * sent, or the one that lent it and takes it back, because nobody has begun with it yet. So nobody
 * ever waits for a thread that waits itself.
 */
export class LentBlock {
  readonly lengths: Uint32Array;
  readonly plain: Uint8Array<SharedArrayBuffer>;
  /** 32 bytes a chunk. */
  readonly ids: Uint8Array<SharedArrayBuffer>;
  readonly #marks: Int32Array<SharedArrayBuffer>;
  /** Tells this block from others that lay in the same memory before and after. */
  readonly #ticket: number;

  /** A block as it was sent. */
  constructor({ memory, ticket, lengths }: Omit<StoreBlockTask, 'type'>) {
    const bytes = lengths.reduce((sum, length) => sum + length, 0);
    this.lengths = lengths;
    this.plain = new Uint8Array(memory, markBytes, bytes);
    this.ids = new Uint8Array(memory, markBytes + bytes, lengths.length * idBytes);
    this.#marks = new Int32Array(memory, 0, markWords);
    this.#ticket = ticket;
  }

  /** Makes a block of the plaintext that lies in `memory`, for anybody to take. */
  static lend(memory: LentMemory, lengths: Uint32Array): LentBlock {
    memory.ticket = (memory.ticket + 1) % ticketsMax;
    const block = new LentBlock({ memory: memory.buffer, ticket: memory.ticket, lengths });
    Atomics.store(block.#marks, 0, block.#mark(waiting));
    return block;
  }

  /** True for the first that asks: it must call `finish` or `fail`. */
  take(): boolean {
    const wanted = this.#mark(waiting);
    return Atomics.compareExchange(this.#marks, 0, wanted, this.#mark(taken)) === wanted;
  }

  /** The ids are there, and nobody needs the plaintext any more. */
  finish(bytesNew: number): void {
    this.#marks[1] = bytesNew;
    this.#end(done);
  }

  fail(): void {
    this.#end(failed);
  }

  get isDone(): boolean {
    return Atomics.load(this.#marks, 0) === this.#mark(done);
  }

  /** Waits until whoever has taken it is done; returns how many of its bytes were new. */
  wait(): number {
    Atomics.wait(this.#marks, 0, this.#mark(taken));
    if (this.isDone) return this.#marks[1] ?? 0;
    assert(
      Atomics.load(this.#marks, 0) === this.#mark(failed),
      'A lent block was given away twice',
    );
    throw new VersionsError('Internal', 'WORKER_FAILED', 'A block could not be stored by a worker');
  }

  #end(phase: number): void {
    Atomics.store(this.#marks, 0, this.#mark(phase));
    Atomics.notify(this.#marks, 0);
  }

  #mark(phase: number): number {
    return this.#ticket * phases + phase;
  }
}
