import { assert } from '../errors/index.ts';
import type { ChunkId } from '../base/index.ts';

/** Where a chunk is: pack by its ordinal in the repository's list, block, place in its plaintext. */
export interface ChunkLocation {
  pack: number;
  block: number;
  offset: number;
  length: number;
}

/** What a worker needs to look into the same memory. Only shared buffers: sending it copies nothing. */
export interface SharedIndexHandle {
  readonly image: SharedArrayBuffer;
  readonly buckets: SharedArrayBuffer;
  readonly heads: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
}

/** Words of an entry: four of id prefix, pack, block, offset, length. */
const imageWords = 8;
/** The same and a link to the next entry in the hash chain. */
const tableWords = 9;
const bucketCount = 1 << 16;
const headCount = 1 << 19;
const entriesMax = 48_000_000;
const growEntries = 1 << 16;
/** Entries in a piece of a new image. */
const pieceEntries = 1 << 16;
/** The pack number of a chunk that somebody has claimed but that is in no stored pack yet. */
const claimedPack = 0xffffffff;
const claimed: ChunkLocation = { pack: claimedPack, block: 0, offset: 0, length: 0 };
const counterCount = 2;
const usedCounter = 0;
const claimedCounter = 1;

/**
 * The chunk index: 16-byte id prefixes in memory that every worker sees.
 *
 * Two parts. The *image* is sorted and never changes: 32 bytes a chunk, loaded as it lies on disk,
 * found by bucket and binary search. The *open table* takes what is new: 36 bytes a chunk in a
 * growable buffer, found by a chained hash whose heads never move, so that workers insert and
 * look up without a lock while it grows.
 *
 * A prefix of 16 bytes can in theory belong to two ids; whoever reads the chunk checks the whole
 * id. In the open table a chunk is first *claimed* and gets its place once its pack is stored.
 */
export class SharedIndex {
  readonly handle: SharedIndexHandle;
  readonly #image: Uint32Array;
  readonly #buckets: Uint32Array;
  readonly #heads: Int32Array;
  readonly #counters: Int32Array;
  #entries: Int32Array;
  readonly #probe: Uint32Array = new Uint32Array(4);
  readonly #probeBytes: Uint8Array;

  private constructor(handle: SharedIndexHandle) {
    this.handle = handle;
    this.#image = new Uint32Array(handle.image);
    this.#buckets = new Uint32Array(handle.buckets);
    this.#heads = new Int32Array(handle.heads);
    this.#counters = new Int32Array(handle.counters);
    // A view without a length follows the buffer as it grows.
    this.#entries = new Int32Array(handle.entries);
    this.#probeBytes = new Uint8Array(this.#probe.buffer);
  }

  /** `image`: entries of eight words, strictly ascending by their first four words. */
  static create(image: SharedArrayBuffer = new SharedArrayBuffer(0)): SharedIndex {
    const index = new SharedIndex({
      image,
      buckets: new SharedArrayBuffer((bucketCount + 1) * 4),
      heads: new SharedArrayBuffer(headCount * 4),
      entries: new SharedArrayBuffer(growEntries * tableWords * 4, {
        maxByteLength: entriesMax * tableWords * 4,
      }),
      counters: new SharedArrayBuffer(counterCount * 4),
    });
    index.#fillBuckets();
    return index;
  }

  static attach(handle: SharedIndexHandle): SharedIndex {
    return new SharedIndex(handle);
  }

  get imageCount(): number {
    return this.#image.length / imageWords;
  }

  /** Chunks that were added after the image was made, claimed ones included. */
  get tableCount(): number {
    return Atomics.load(this.#counters, usedCounter);
  }

  /** Chunks that were claimed and are in no stored pack yet. */
  get claimedCount(): number {
    return Atomics.load(this.#counters, claimedCounter);
  }

  /** Is the chunk in a stored pack? Fills `location` if so. */
  locate(id: ChunkId, location?: ChunkLocation): boolean {
    this.#setProbe(id);
    const at = this.#findInImage();
    if (at >= 0) {
      if (location) readImageEntry(this.#image, at, location);
      return true;
    }
    const entry = this.#findInTable();
    if (entry < 0 || Atomics.load(this.#entries, entry + 4) >>> 0 === claimedPack) return false;
    if (location) {
      location.pack = (this.#entries[entry + 4] ?? 0) >>> 0;
      location.block = (this.#entries[entry + 5] ?? 0) >>> 0;
      location.offset = (this.#entries[entry + 6] ?? 0) >>> 0;
      location.length = (this.#entries[entry + 7] ?? 0) >>> 0;
    }
    return true;
  }

  /** True if the chunk was neither stored nor claimed: then it is the caller's to store. */
  claim(id: ChunkId): boolean {
    this.#setProbe(id);
    return this.#findInImage() < 0 && this.#insert(claimed);
  }

  /** Says where a chunk is, claimed before or not. The first place that is told stays. */
  put(id: ChunkId, location: Readonly<ChunkLocation>): void {
    this.#setProbe(id);
    if (this.#findInImage() >= 0) return;
    if (this.#insert(location)) return;
    const entry = this.#findInTable();
    if (Atomics.load(this.#entries, entry + 4) >>> 0 !== claimedPack) return;
    this.#entries[entry + 5] = location.block;
    this.#entries[entry + 6] = location.offset;
    this.#entries[entry + 7] = location.length;
    // Last: whoever sees the pack sees the rest.
    Atomics.store(this.#entries, entry + 4, location.pack);
    Atomics.sub(this.#counters, claimedCounter, 1);
  }

  /**
   * A new image with everything in it that is stored, sorted, piece by piece: a second image beside
   * the first would double the memory. A piece is valid until the next. No thread may add meanwhile.
   */
  *imagePieces(): Generator<Uint8Array> {
    const piece = new Uint32Array(pieceEntries * imageWords);
    const bytes = new Uint8Array(piece.buffer);
    let at = 0;
    let from = 0;
    for (const number of this.#sortedNumbers()) {
      const entry = number * tableWords;
      while (from < this.#image.length && this.#imageBelow(from, entry)) {
        piece.set(this.#image.subarray(from, from + imageWords), at);
        from += imageWords;
        at += imageWords;
        if (at < piece.length) continue;
        yield bytes;
        at = 0;
      }
      piece.set(this.#entries.subarray(entry, entry + imageWords), at);
      at += imageWords;
      if (at < piece.length) continue;
      yield bytes;
      at = 0;
    }
    if (at > 0) yield bytes.subarray(0, at * 4);
    for (; from < this.#image.length; from += piece.length) {
      piece.set(this.#image.subarray(from, from + piece.length));
      yield bytes.subarray(0, Math.min(piece.length, this.#image.length - from) * 4);
    }
  }

  #setProbe(id: ChunkId): void {
    const bytes = this.#probeBytes;
    for (let at = 0; at < 16; at++) bytes[at] = id[at] ?? 0;
  }

  #fillBuckets(): void {
    const image = this.#image;
    let bucket = 0;
    for (let at = 0; at < image.length; at += imageWords) {
      const own = (image[at] ?? 0) >>> 16;
      while (bucket <= own) this.#buckets[bucket++] = at / imageWords;
    }
    while (bucket <= bucketCount) this.#buckets[bucket++] = image.length / imageWords;
  }

  /** Word position in the image, or -1. */
  #findInImage(): number {
    const image = this.#image;
    if (image.length === 0) return -1;
    const probe = this.#probe;
    const first = probe[0] ?? 0;
    let low = this.#buckets[first >>> 16] ?? 0;
    let high = this.#buckets[(first >>> 16) + 1] ?? 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = compareWords(image, middle * imageWords, probe);
      if (order === 0) return middle * imageWords;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return -1;
  }

  /** Word position in the open table, or -1. */
  #findInTable(): number {
    return this.#findInChain(Atomics.load(this.#heads, (this.#probe[0] ?? 0) & (headCount - 1)));
  }

  #findInChain(head: number): number {
    const probe = this.#probe;
    const entries = this.#entries;
    const a = (probe[0] ?? 0) | 0;
    const b = (probe[1] ?? 0) | 0;
    const c = (probe[2] ?? 0) | 0;
    const d = (probe[3] ?? 0) | 0;
    let link = head;
    while (link !== 0) {
      const at = (link - 1) * tableWords;
      if (
        entries[at] === a &&
        entries[at + 1] === b &&
        entries[at + 2] === c &&
        entries[at + 3] === d
      ) {
        return at;
      }
      link = entries[at + 8] ?? 0;
    }
    return -1;
  }

  /**
   * Adds the probed id unless it is there; true if it was added. Lock-free: a chain is searched from
   * the very head that is then replaced, so whoever added the same id in between is seen.
   */
  #insert(location: Readonly<ChunkLocation>): boolean {
    const bucket = (this.#probe[0] ?? 0) & (headCount - 1);
    let number = -1;
    for (;;) {
      const head = Atomics.load(this.#heads, bucket);
      // If a slot was taken by now, it stays without a chain and counts as claimed for ever.
      if (this.#findInChain(head) >= 0) return false;
      if (number === -1) number = this.#takeSlot(location);
      Atomics.store(this.#entries, number * tableWords + 8, head);
      if (Atomics.compareExchange(this.#heads, bucket, head, number + 1) === head) break;
    }
    if (location.pack === claimedPack) Atomics.add(this.#counters, claimedCounter, 1);
    else Atomics.store(this.#entries, number * tableWords + 4, location.pack);
    return true;
  }

  /** A new slot with the probed id; it counts as claimed until its chain holds it. */
  #takeSlot({ block, offset, length }: Readonly<ChunkLocation>): number {
    const number = Atomics.add(this.#counters, usedCounter, 1);
    assert(number < entriesMax, 'The chunk index is full');
    this.#makeRoom(number + 1);
    const entries = this.#entries;
    const at = number * tableWords;
    for (let word = 0; word < 4; word++) entries[at + word] = this.#probe[word] ?? 0;
    entries[at + 4] = claimedPack;
    entries[at + 5] = block;
    entries[at + 6] = offset;
    entries[at + 7] = length;
    return number;
  }

  #makeRoom(count: number): void {
    const bytes = count * tableWords * 4;
    while (this.handle.entries.byteLength < bytes) {
      const wanted = Math.max(bytes, this.handle.entries.byteLength + growEntries * tableWords * 4);
      try {
        this.handle.entries.grow(Math.min(wanted, this.handle.entries.maxByteLength));
      } catch (error) {
        // Two threads may grow at once, and the smaller wish loses; a real failure shows again.
        if (this.handle.entries.byteLength < bytes) throw error;
      }
    }
  }

  #imageBelow(imageAt: number, entryAt: number): boolean {
    for (let word = 0; word < 4; word++) {
      const a = this.#image[imageAt + word] ?? 0;
      const b = (this.#entries[entryAt + word] ?? 0) >>> 0;
      if (a !== b) return a < b;
    }
    return false;
  }

  #isStored(number: number): boolean {
    return (this.#entries[number * tableWords + 4] ?? 0) >>> 0 !== claimedPack;
  }

  /**
   * Numbers of the stored entries of the open table, ascending by prefix: first by bucket, by
   * counting, then inside the buckets. Sorting all at once would take several times the memory.
   */
  #sortedNumbers(): Uint32Array {
    const used = this.tableCount;
    const entries = this.#entries;
    const bucketOf = (number: number): number => (entries[number * tableWords] ?? 0) >>> 16;
    const ends = new Uint32Array(bucketCount);
    let stored = 0;
    for (let number = 0; number < used; number++) {
      if (!this.#isStored(number)) continue;
      const bucket = bucketOf(number);
      ends[bucket] = (ends[bucket] ?? 0) + 1;
      stored += 1;
    }
    for (let bucket = 1; bucket < bucketCount; bucket++)
      ends[bucket] = (ends[bucket] ?? 0) + (ends[bucket - 1] ?? 0);
    const numbers = new Uint32Array(stored);
    const starts = ends.slice();
    for (let number = 0; number < used; number++) {
      if (!this.#isStored(number)) continue;
      const bucket = bucketOf(number);
      const start = (starts[bucket] ?? 0) - 1;
      starts[bucket] = start;
      numbers[start] = number;
    }
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const [start = 0, end = 0] = [starts[bucket], ends[bucket]];
      if (end - start > 1) numbers.subarray(start, end).sort((x, y) => this.#orderOf(x, y));
    }
    return numbers;
  }

  #orderOf(x: number, y: number): number {
    for (let word = 0; word < 4; word++) {
      const a = (this.#entries[x * tableWords + word] ?? 0) >>> 0;
      const b = (this.#entries[y * tableWords + word] ?? 0) >>> 0;
      if (a !== b) return a < b ? -1 : 1;
    }
    return 0;
  }
}

function compareWords(image: Uint32Array, at: number, probe: Uint32Array): number {
  for (let word = 0; word < 4; word++) {
    const a = image[at + word] ?? 0;
    const b = probe[word] ?? 0;
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}

function readImageEntry(image: Uint32Array, at: number, location: ChunkLocation): void {
  location.pack = image[at + 4] ?? 0;
  location.block = image[at + 5] ?? 0;
  location.offset = image[at + 6] ?? 0;
  location.length = image[at + 7] ?? 0;
}
