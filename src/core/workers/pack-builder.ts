import type { ChunkId, PackName, Random, RepositoryId } from '../base/index.ts';
import { BlockCompressor } from '../compression/index.ts';
import { sealInto, sealTagBytes, type IdKind, type RepositoryKeys } from '../crypto/index.ts';
import { assert } from '../errors/index.ts';
import {
  blockAad,
  ChunkTableBuilder,
  encodeObjectHeader,
  headerBytes,
  packNameOf,
  tablePosition,
  writePackEnd,
  packEndBytes,
} from '../format/index.ts';
import type { SealedPack } from './protocol.ts';

export interface PackBuilderOptions {
  readonly kind: 'data' | 'tree';
  readonly keys: RepositoryKeys;
  readonly repository: RepositoryId;
  /** A pack is closed when its blocks have this many bytes. */
  readonly packBytes: number;
  /** A block is closed when its plaintext has this many bytes. */
  readonly blockBytes: number;
  /** The largest chunk that is ever added. */
  readonly chunkBytesMax: number;
  readonly random: Random;
  readonly onPack: (pack: SealedPack) => void;
  /** Called before a pack is begun: may wait, and may give a buffer that was used before. */
  readonly takeBuffer?: (() => SharedArrayBuffer | undefined) | undefined;
}

/**
 * Far fewer than a pack may have: the table of a million chunks, which is copied some times on its
 * way, takes more memory than the pack.
 */
const chunksMax = 1 << 17;

/**
 * Gathers chunks into blocks and blocks into a pack (docs/format.md section 7). Bytes are copied
 * once on their way in, at most: `room` gives the place in the open block to read a file into.
 */
export class PackBuilder {
  readonly #options: PackBuilderOptions;
  readonly #compressor: BlockCompressor = new BlockCompressor();
  readonly #plain: Buffer;
  #plainBytes = 0;
  #pack: Uint8Array<SharedArrayBuffer> | undefined;
  #packBytes = 0;
  #salt: Uint8Array = new Uint8Array(0);
  #header: Uint8Array = new Uint8Array(0);
  #table: ChunkTableBuilder = new ChunkTableBuilder();

  constructor(options: PackBuilderOptions) {
    this.#options = options;
    this.#plain = Buffer.allocUnsafeSlow(options.blockBytes + options.chunkBytesMax + 1);
  }

  /** The free end of the open block: at least one chunk of the largest size and one byte. */
  room(): Buffer {
    return this.#plain.subarray(this.#plainBytes);
  }

  /** Takes the first `length` bytes of `room()` as a chunk. */
  takeRoom(length: number, kind: IdKind, id: ChunkId): void {
    this.#table.addChunk(kind, length, id);
    this.#plainBytes += length;
    if (this.#plainBytes >= this.#options.blockBytes || this.#isFull) this.finishBlock();
  }

  /** Adds a chunk whose bytes are elsewhere. */
  addChunk(bytes: Uint8Array, kind: IdKind, id: ChunkId): void {
    assert(bytes.byteLength <= this.#options.chunkBytesMax, 'A chunk is larger than was said');
    this.#plain.set(bytes, this.#plainBytes);
    this.takeRoom(bytes.byteLength, kind, id);
  }

  get isBlockEmpty(): boolean {
    return this.#plainBytes === 0;
  }

  /** Adds a whole block of chunks that lie elsewhere; ends the open block. */
  addBlock(plain: Uint8Array, kind: IdKind, ids: Uint8Array, lengths: Uint32Array): void {
    this.finishBlock();
    // Then the chunks of the block stay together with it.
    if (this.#table.chunkCount + lengths.length > chunksMax) this.finish();
    lengths.forEach((length, at) =>
      this.#table.addChunk(kind, length, ids.subarray(at * 32, at * 32 + 32)),
    );
    this.#seal(plain);
  }

  /** Compresses and encrypts the open block, if there is one; may complete the pack. */
  finishBlock(): void {
    if (this.#plainBytes === 0) return;
    const plain = this.#plain.subarray(0, this.#plainBytes);
    this.#plainBytes = 0;
    this.#seal(plain);
  }

  /** Completes the open pack, if there is one. */
  finish(): void {
    this.finishBlock();
    if (this.#pack !== undefined) this.#finishPack(this.#pack);
  }

  #seal(plain: Uint8Array): void {
    const { codec, bytes } = this.#compressor.compress(plain);
    const sealedBytes = bytes.byteLength + sealTagBytes;
    let pack = this.#pack;
    if (pack !== undefined && !this.#fits(pack, sealedBytes)) {
      // The chunks of this block are in the table already; they move on to the next pack.
      const moved = this.#table.takeOpenChunks();
      this.#finishPack(pack);
      this.#table = moved;
      pack = undefined;
    }
    pack ??= this.#startPack(sealedBytes);
    const position = this.#table.blockCount;
    const key = this.#options.keys.sealingKey(
      this.#purpose(),
      this.#options.keys.epoch,
      this.#salt,
    );
    sealInto(key, position, blockAad(this.#header, position), bytes, pack, this.#packBytes);
    this.#packBytes += sealedBytes;
    this.#table.finishBlock(codec, sealedBytes, plain.byteLength);
    // Blocks that compress to next to nothing fill the table long before the pack.
    if (this.#packBytes >= this.#options.packBytes || this.#isFull) this.#finishPack(pack);
  }

  get #isFull(): boolean {
    return this.#table.full || this.#table.chunkCount >= chunksMax;
  }

  #purpose(): 'data' | 'trees' {
    return this.#options.kind === 'data' ? 'data' : 'trees';
  }

  #fits(pack: Uint8Array, sealedBytes: number): boolean {
    const body = this.#packBytes + sealedBytes;
    return (
      body + packEndBytes(body, this.#table.encodedBytesMax() + sealTagBytes) <= pack.byteLength
    );
  }

  #startPack(firstBlockBytes: number): Uint8Array<SharedArrayBuffer> {
    const { packBytes, blockBytes, chunkBytesMax, keys, random } = this.#options;
    // Room for the pack, one more block, and a table of very small chunks; rarely too little, and
    // then the pack just ends earlier. The same for every pack of a run: a buffer that comes back
    // must do for the next one, or it is garbage, which no thread is in a hurry to collect.
    const body =
      headerBytes + packBytes + Math.max(firstBlockBytes, 2 * blockBytes + chunkBytesMax);
    const wanted = body + packEndBytes(body, packBytes / 16);
    let buffer = this.#options.takeBuffer?.();
    if (buffer === undefined || buffer.byteLength < wanted) buffer = new SharedArrayBuffer(wanted);
    const pack = new Uint8Array(buffer);
    this.#salt = random.bytes(32);
    this.#header = encodeObjectHeader({
      kind: this.#options.kind === 'data' ? 'data-pack' : 'tree-pack',
      suite: keys.suite,
      epoch: keys.epoch,
      repository: this.#options.repository,
      salt: this.#salt,
    });
    pack.set(this.#header);
    this.#packBytes = headerBytes;
    this.#pack = pack;
    return pack;
  }

  #finishPack(pack: Uint8Array<SharedArrayBuffer>): void {
    const { keys, kind, onPack } = this.#options;
    const table = this.#table.encode();
    const chunkCount = this.#table.chunkCount;
    const key = keys.sealingKey('table', keys.epoch, this.#salt);
    const aad = blockAad(this.#header, tablePosition);
    const tableBytes = sealInto(key, tablePosition, aad, table, pack, this.#packBytes);
    const tableOffset = this.#packBytes;
    const bytes = writePackEnd(pack, tableOffset + tableBytes, tableBytes);
    const name: PackName = packNameOf(pack.subarray(0, bytes));
    this.#pack = undefined;
    this.#table = new ChunkTableBuilder();
    const { buffer } = pack;
    const salt = this.#salt;
    onPack({ name, kind, buffer, bytes, tableBytes, tableOffset, chunkCount, salt, table });
  }
}
