import type { ChunkId } from '../base/index.ts';
import { nextBoundary, type ChunkerParams } from '../chunking/index.ts';
import type { RepositoryKeys } from '../crypto/index.ts';
import { LentMemory } from './lent-memory.ts';
import type { PackBuilder } from './pack-builder.ts';
import { sharedCounters, type StoreBlockTask } from './protocol.ts';
import type { SharedIndex } from './shared-index.ts';

export interface ChunkStoreOptions {
  readonly keys: RepositoryKeys;
  readonly index: SharedIndex;
  readonly packs: PackBuilder;
  readonly chunker: ChunkerParams;
  readonly gear: Uint32Array;
  readonly blockBytes: number;
  /** See `sharedCounters`. */
  readonly counters: Int32Array;
  readonly lend: (task: StoreBlockTask) => void;
}

/** Data chunks in the order of a file's content. */
export class ChunkList {
  ids: Buffer = Buffer.allocUnsafe(32 * 16);
  lengths: number[] = [];

  add(id: ChunkId, length: number): void {
    const at = this.lengths.length * 32;
    if (at === this.ids.byteLength) {
      const larger = Buffer.allocUnsafe(at * 2);
      larger.set(this.ids);
      this.ids = larger;
    }
    this.ids.set(id, at);
    this.lengths.push(length);
  }

  get count(): number {
    return this.lengths.length;
  }

  /** The ids, 32 bytes each; valid until the next `add`. */
  idBytes(): Buffer {
    return this.ids.subarray(0, this.lengths.length * 32);
  }
}

/** Blocks that may wait in other workers' queues, for each of them. */
const lentBlocksMax = 2;

/**
 * Turns plaintext into stored chunks: id, "is it known?", and if not into the open block. Chunks of
 * a huge file go to other workers while those are idle: this one only cuts and hashes, so that
 * where a file is cut never depends on the number of threads.
 */
export class ChunkStore {
  readonly #options: ChunkStoreOptions;
  readonly #memory: LentMemory;
  #lent: Uint8Array<SharedArrayBuffer> | undefined;
  #lentBytes = 0;
  #lentChunks: ChunkList = new ChunkList();
  /** Plaintext bytes of chunks that were not known. */
  bytesNew = 0;

  constructor(options: ChunkStoreOptions) {
    this.#options = options;
    this.#memory = new LentMemory(options.blockBytes + options.chunker.max);
  }

  /** Stores the first `length` bytes of the open block's free room as one data chunk. */
  storeRoom(room: Buffer, length: number): ChunkId {
    const { keys, index, packs } = this.#options;
    const id = keys.ids.idOf(0, room.subarray(0, length));
    if (index.claim(id)) {
      packs.takeRoom(length, 0, id);
      this.bytesNew += length;
    }
    return id;
  }

  /**
   * Cuts `bytes` from `start` to `end` into chunks and stores them; returns where it stopped: at
   * `end` if `last`, else where less than the largest chunk is left, which may end elsewhere once
   * more bytes are there.
   */
  storeRange(
    bytes: Buffer,
    start: number,
    end: number,
    options: { readonly last: boolean; readonly huge: boolean; readonly chunks: ChunkList },
  ): number {
    const { chunker, gear } = this.#options;
    let at = start;
    while (end - at >= chunker.max || (options.last && at < end)) {
      const cut = nextBoundary(bytes, at, end, chunker, gear);
      this.#store(bytes.subarray(at, cut), options.huge, options.chunks);
      at = cut;
    }
    return at;
  }

  /** Sends what is gathered for other workers. */
  finishLending(): void {
    const plain = this.#lent;
    if (plain === undefined) return;
    const chunks = this.#lentChunks;
    this.#lent = undefined;
    this.#lentChunks = new ChunkList();
    Atomics.add(this.#options.counters, sharedCounters.lentBlocks, 1);
    this.#options.lend({
      type: 'store-block',
      plain: plain.subarray(0, this.#lentBytes),
      ids: new Uint8Array(chunks.idBytes()),
      lengths: Uint32Array.from(chunks.lengths),
    });
    this.#lentBytes = 0;
  }

  /** A block that another worker lent. */
  storeLentBlock(task: StoreBlockTask): void {
    this.#options.packs.addBlock(task.plain, 0, task.ids, task.lengths);
    LentMemory.release(task.plain);
    Atomics.sub(this.#options.counters, sharedCounters.lentBlocks, 1);
  }

  #store(chunk: Buffer, huge: boolean, chunks: ChunkList): void {
    const { keys, index, packs } = this.#options;
    const id = keys.ids.idOf(0, chunk);
    chunks.add(id, chunk.byteLength);
    if (!index.claim(id)) return;
    this.bytesNew += chunk.byteLength;
    if (this.#lent === undefined && !(huge && this.#mayLend())) {
      packs.addChunk(chunk, 0, id);
      return;
    }
    this.#lent ??= this.#memory.take();
    this.#lent.set(chunk, this.#lentBytes);
    this.#lentBytes += chunk.byteLength;
    this.#lentChunks.add(id, chunk.byteLength);
    if (this.#lentBytes >= this.#options.blockBytes) this.finishLending();
  }

  #mayLend(): boolean {
    const { counters } = this.#options;
    const others = Atomics.load(counters, sharedCounters.workers) - 1;
    return Atomics.load(counters, sharedCounters.lentBlocks) < others * lentBlocksMax;
  }
}
