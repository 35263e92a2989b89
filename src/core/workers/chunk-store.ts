import type { ChunkId } from '../base/index.ts';
import { nextBoundary, type ChunkerParams } from '../chunking/index.ts';
import type { RepositoryKeys } from '../crypto/index.ts';
import { createLentMemory, LentBlock, roomOf, type LentMemory } from './lent-block.ts';
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

/** In a list until the id is told. */
const unknownId: ChunkId = new Uint8Array(32);

/**
 * Blocks that may be lent at once: two for each other worker, and some more, because this one now
 * and then cuts and stores several megabytes for itself before it looks again.
 */
const lentBlocksPerWorker = 2;
const lentBlocksMore = 3;

/** A block that was lent, and the list that waits for its ids. */
interface Lending {
  readonly memory: LentMemory;
  readonly block: LentBlock;
  readonly chunks: ChunkList;
  /** Position in the list of its first chunk. */
  readonly first: number;
}

/**
 * Turns plaintext into stored chunks: id, "is it known?", and if not into the open block. Chunks of
 * a huge file go to other workers while those take them, which tell the ids: this one only cuts, so
 * that where a file is cut never depends on the number of threads.
 */
export class ChunkStore {
  readonly #options: ChunkStoreOptions;
  /** Chunks of a block that is lent, at most. */
  readonly #lentChunksMax: number;
  readonly #free: LentMemory[] = [];
  /** The block that is being gathered, without its end: chunks of `#gatheredFor` from `#gatheredFrom`. */
  #gathered: LentMemory | undefined;
  #gatheredBytes = 0;
  #gatheredFor: ChunkList = new ChunkList();
  #gatheredFrom = 0;
  #lent: Lending[] = [];
  /** Plaintext bytes of chunks that were not known; those of blocks that are lent not yet. */
  bytesNew = 0;

  constructor(options: ChunkStoreOptions) {
    this.#options = options;
    const { blockBytes, chunker } = options;
    // One of them may be shorter than the least, which is the last of a file.
    this.#lentChunksMax = Math.ceil(blockBytes / chunker.min) + 2;
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

  /** Stores a block that somebody lent, unless it was taken already. */
  storeLent(block: LentBlock): void {
    if (!block.take()) return;
    try {
      block.finish(this.#storeAll(block));
    } catch (error) {
      block.fail();
      throw error;
    } finally {
      Atomics.sub(this.#options.counters, sharedCounters.lentBlocks, 1);
    }
  }

  /**
   * Ends what is lent: afterwards the lists hold every id. What nobody has begun with, this thread
   * does, the latest first, because the others begin with the earliest.
   */
  settle(): void {
    this.#lend();
    const lent = this.#lent;
    this.#lent = [];
    for (const { block } of lent.toReversed()) this.storeLent(block);
    for (const lending of lent) this.#collect(lending);
  }

  #store(chunk: Buffer, huge: boolean, chunks: ChunkList): void {
    if (huge && (this.#gathered !== undefined || this.#mayLend())) {
      this.#gather(chunk, chunks);
      return;
    }
    const { keys, index, packs } = this.#options;
    const id = keys.ids.idOf(0, chunk);
    chunks.add(id, chunk.byteLength);
    if (!index.claim(id)) return;
    this.bytesNew += chunk.byteLength;
    packs.addChunk(chunk, 0, id);
  }

  #gather(chunk: Buffer, chunks: ChunkList): void {
    const { blockBytes, chunker } = this.#options;
    if (this.#gathered === undefined) {
      this.#collectDone();
      this.#gathered =
        this.#free.pop() ?? createLentMemory(blockBytes + chunker.max, this.#lentChunksMax);
      this.#gatheredFor = chunks;
      this.#gatheredFrom = chunks.count;
    }
    roomOf(this.#gathered).set(chunk, this.#gatheredBytes);
    this.#gatheredBytes += chunk.byteLength;
    chunks.add(unknownId, chunk.byteLength);
    if (this.#gatheredBytes >= blockBytes) this.#lend();
  }

  /** Sends what is gathered for other workers. */
  #lend(): void {
    const memory = this.#gathered;
    if (memory === undefined) return;
    const chunks = this.#gatheredFor;
    const first = this.#gatheredFrom;
    const lengths = Uint32Array.from(chunks.lengths.slice(first));
    const block = LentBlock.lend(memory, lengths);
    this.#lent.push({ memory, block, chunks, first });
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
    Atomics.add(this.#options.counters, sharedCounters.lentBlocks, 1);
    this.#options.lend({
      type: 'store-block',
      memory: memory.buffer,
      ticket: memory.ticket,
      lengths,
    });
  }

  #collectDone(): void {
    for (const lending of this.#lent) if (lending.block.isDone) this.#collect(lending);
    this.#lent = this.#lent.filter(({ memory }) => !this.#free.includes(memory));
  }

  #collect({ memory, block, chunks, first }: Lending): void {
    this.bytesNew += block.wait();
    chunks.ids.set(block.ids, first * 32);
    this.#free.push(memory);
  }

  /** Ids for all chunks of a block, and into packs with those that are new; tells their bytes. */
  #storeAll({ plain, ids, lengths }: LentBlock): number {
    const { keys, index, packs } = this.#options;
    const known: boolean[] = [];
    let bytesNew = 0;
    let at = 0;
    lengths.forEach((length, number) => {
      const id = keys.ids.idOf(0, plain.subarray(at, at + length));
      ids.set(id, number * 32);
      known.push(!index.claim(id));
      if (known[number] === false) bytesNew += length;
      at += length;
    });
    // Without a copy where it makes no small blocks.
    if (bytesNew === plain.byteLength && packs.isBlockEmpty) {
      packs.addBlock(plain, 0, ids, lengths);
      return bytesNew;
    }
    at = 0;
    lengths.forEach((length, number) => {
      const id = ids.subarray(number * 32, number * 32 + 32);
      if (known[number] === false) packs.addChunk(plain.subarray(at, at + length), 0, id);
      at += length;
    });
    return bytesNew;
  }

  #mayLend(): boolean {
    const { counters } = this.#options;
    const others = Atomics.load(counters, sharedCounters.workers) - 1;
    const most = others < 1 ? 0 : others * lentBlocksPerWorker + lentBlocksMore;
    return Atomics.load(counters, sharedCounters.lentBlocks) < most;
  }
}
