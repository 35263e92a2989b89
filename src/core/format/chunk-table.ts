import {
  asBuffer,
  blockPlainBytesMax,
  chunkBytesMax,
  chunkIdBytes,
  packBlocksMax,
  packChunksMax,
  type ChunkId,
} from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { damaged, tooNew } from './failures.ts';
import { headerBytes } from './header.ts';

/** Kinds of chunks: 0 data, 1 tree page, 2 list page, 3 snapshot record. */
export type ChunkKind = 0 | 1 | 2 | 3;
export const chunkKinds = { data: 0, tree: 1, list: 2, snapshot: 3 } as const;

/** 0: as it is; 1: one zstd frame. */
export type BlockCodec = 0 | 1;

/** The position under which the chunk table of a pack is sealed. */
export const tablePosition = 0xffff_ffff;

const tagBytes = 16;
const varintBytesMax = 8;

/** Where everything in a pack is. Columns, because a repository has millions of rows. */
export interface ChunkTable {
  readonly blockCount: number;
  /** From the pack's first byte to the block's. */
  readonly blockOffsets: Uint32Array;
  /** Stored bytes, tag included. */
  readonly blockStoredBytes: Uint32Array;
  readonly blockPlainBytes: Uint32Array;
  readonly blockCodecs: Uint8Array;
  readonly chunkCount: number;
  readonly chunkKinds: Uint8Array;
  readonly chunkLengths: Uint32Array;
  /** Number of the block that a chunk is in. */
  readonly chunkBlocks: Uint16Array;
  /** From the first byte of its block's plaintext to the chunk's. */
  readonly chunkOffsets: Uint32Array;
  /** 32 bytes each. */
  readonly ids: Uint8Array;
}

/** Additional data of a sealed part of a pack: header and position. */
export function blockAad(header: Uint8Array, position: number): Buffer {
  const aad = Buffer.allocUnsafe(headerBytes + 4);
  aad.set(header.subarray(0, headerBytes));
  aad.writeUInt32LE(position, headerBytes);
  return aad;
}

/**
 * Gathers the chunk table of a pack in the order in which it is written: the chunks of a block, then
 * the block. Chunks whose block is not finished are *open*.
 */
export class ChunkTableBuilder {
  readonly #blocks: { codec: BlockCodec; storedBytes: number; plainBytes: number }[] = [];
  readonly #kinds: number[] = [];
  readonly #lengths: number[] = [];
  #ids: Buffer = Buffer.allocUnsafe(chunkIdBytes * 64);
  #openFrom = 0;
  #openBytes = 0;

  get blockCount(): number {
    return this.#blocks.length;
  }

  /** Open ones included. */
  get chunkCount(): number {
    return this.#lengths.length;
  }

  /** True if one chunk more would go beyond what a pack may hold. */
  get full(): boolean {
    return this.chunkCount >= packChunksMax || this.blockCount >= packBlocksMax;
  }

  addChunk(kind: ChunkKind, length: number, id: ChunkId): void {
    assert(!this.full, 'A pack holds too many chunks or blocks');
    assert(length >= 1 && length <= chunkBytesMax, 'A chunk is empty or too large');
    assert(id.byteLength === chunkIdBytes, 'A chunk id has 32 bytes');
    const at = this.#lengths.length * chunkIdBytes;
    if (at === this.#ids.byteLength) {
      const larger = Buffer.allocUnsafe(at * 2);
      larger.set(this.#ids);
      this.#ids = larger;
    }
    this.#ids.set(id, at);
    this.#kinds.push(kind);
    this.#lengths.push(length);
    this.#openBytes += length;
  }

  /** Ends the block that holds the open chunks. */
  finishBlock(codec: BlockCodec, storedBytes: number, plainBytes: number): void {
    assert(plainBytes === this.#openBytes, 'The chunks of a block do not add up to it');
    assert(plainBytes >= 1 && plainBytes <= blockPlainBytesMax, 'A block is empty or too large');
    assert(codec === 1 || storedBytes === plainBytes + tagBytes, 'A raw block has its own length');
    this.#blocks.push({ codec, storedBytes, plainBytes });
    this.#openFrom = this.#lengths.length;
    this.#openBytes = 0;
  }

  /** Takes the open chunks out and into a new table: their block goes to the next pack. */
  takeOpenChunks(): ChunkTableBuilder {
    const taken = new ChunkTableBuilder();
    for (let chunk = this.#openFrom; chunk < this.#lengths.length; chunk++) {
      const at = chunk * chunkIdBytes;
      const id = this.#ids.subarray(at, at + chunkIdBytes);
      taken.addChunk(this.#kinds[chunk] as ChunkKind, this.#lengths[chunk] ?? 0, id);
    }
    this.#kinds.length = this.#openFrom;
    this.#lengths.length = this.#openFrom;
    this.#openBytes = 0;
    return taken;
  }

  /** No fewer bytes than `encode` will give, one more block included. */
  encodedBytesMax(): number {
    return 8 + (this.blockCount + 1) * 13 + this.chunkCount * (1 + 4 + chunkIdBytes);
  }

  /** The plaintext of the chunk table. No chunk may be open. */
  encode(): Uint8Array {
    assert(this.#openBytes === 0, 'A chunk table is written while a block is open');
    const bytes = Buffer.allocUnsafe(this.encodedBytesMax());
    let at = writeVarint(bytes, 0, this.blockCount);
    for (const { codec, storedBytes, plainBytes } of this.#blocks) {
      at = writeVarint(bytes, at, codec);
      at = writeVarint(bytes, at, storedBytes);
      at = writeVarint(bytes, at, plainBytes);
    }
    at = writeVarint(bytes, at, this.chunkCount);
    for (let chunk = 0; chunk < this.chunkCount; chunk++) {
      bytes[at++] = this.#kinds[chunk] ?? 0;
      at = writeVarint(bytes, at, this.#lengths[chunk] ?? 0);
    }
    const idBytes = this.chunkCount * chunkIdBytes;
    bytes.set(this.#ids.subarray(0, idBytes), at);
    return new Uint8Array(bytes.subarray(0, at + idBytes));
  }
}

/**
 * Reads the plaintext of a chunk table. `tableOffset` is where the sealed table begins in its pack:
 * the blocks must end there. Throws `Corrupt` (code CHUNK_TABLE_DAMAGED) or `Unsupported` (code
 * FORMAT_TOO_NEW). The ids are a view of `bytes`.
 */
export function decodeChunkTable(bytes: Uint8Array, tableOffset: number): ChunkTable {
  const reader = new VarintReader(bytes);
  const blockCount = reader.count(packBlocksMax, 3);
  const blockOffsets = new Uint32Array(blockCount);
  const blockStoredBytes = new Uint32Array(blockCount);
  const blockPlainBytes = new Uint32Array(blockCount);
  const blockCodecs = new Uint8Array(blockCount);
  let offset = headerBytes;
  for (let block = 0; block < blockCount; block++) {
    const codec = reader.varint();
    const storedBytes = reader.varint();
    const plainBytes = reader.varint();
    if (codec > 1) throw tooNew('A pack', { codec });
    const bytesFit =
      plainBytes >= 1 &&
      plainBytes <= blockPlainBytesMax &&
      (codec === 0 ? storedBytes === plainBytes + tagBytes : storedBytes > tagBytes);
    if (!bytesFit || storedBytes > tableOffset - offset) throw tableDamaged();
    blockCodecs[block] = codec;
    blockOffsets[block] = offset;
    blockStoredBytes[block] = storedBytes;
    blockPlainBytes[block] = plainBytes;
    offset += storedBytes;
  }
  if (offset !== tableOffset) throw tableDamaged();
  const chunkCount = reader.count(packChunksMax, 2 + chunkIdBytes);
  const chunks = decodeChunks(reader, chunkCount, blockPlainBytes);
  if (reader.at + chunkCount * chunkIdBytes !== bytes.byteLength) throw tableDamaged();
  return {
    blockCount,
    blockOffsets,
    blockStoredBytes,
    blockPlainBytes,
    blockCodecs,
    chunkCount,
    ...chunks,
    ids: bytes.subarray(reader.at),
  };
}

type ChunkColumns = Pick<
  ChunkTable,
  'chunkKinds' | 'chunkLengths' | 'chunkBlocks' | 'chunkOffsets'
>;

function decodeChunks(
  reader: VarintReader,
  chunkCount: number,
  blockPlainBytes: Uint32Array,
): ChunkColumns {
  const kinds = new Uint8Array(chunkCount);
  const lengths = new Uint32Array(chunkCount);
  const blocks = new Uint16Array(chunkCount);
  const offsets = new Uint32Array(chunkCount);
  let block = 0;
  let offset = 0;
  for (let chunk = 0; chunk < chunkCount; chunk++) {
    const kind = reader.byte();
    const length = reader.varint();
    if (kind > 3) throw tooNew('A pack', { chunkKind: kind });
    const blockBytes = blockPlainBytes[block] ?? 0;
    if (length < 1 || length > chunkBytesMax || length > blockBytes - offset) throw tableDamaged();
    kinds[chunk] = kind;
    lengths[chunk] = length;
    blocks[chunk] = block;
    offsets[chunk] = offset;
    offset += length;
    if (offset === blockBytes) {
      block++;
      offset = 0;
    }
  }
  if (block !== blockPlainBytes.length || offset !== 0) throw tableDamaged();
  return { chunkKinds: kinds, chunkLengths: lengths, chunkBlocks: blocks, chunkOffsets: offsets };
}

/** Reads varints and bytes, strictly and inside its bytes. */
class VarintReader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = asBuffer(bytes);
  }

  byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw tableDamaged();
    this.at++;
    return byte;
  }

  varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let factor = 0x80;
    for (let read = 1; read < varintBytesMax; read++) {
      byte = this.byte();
      value += (byte & 0x7f) * factor;
      // A last group of zero means that a shorter form existed.
      if (byte < 0x80) {
        if (byte === 0 || value > Number.MAX_SAFE_INTEGER) throw tableDamaged();
        return value;
      }
      factor *= 0x80;
    }
    throw tableDamaged();
  }

  /** A count of things that take at least `bytesEach` bytes of what is left. */
  count(most: number, bytesEach: number): number {
    const count = this.varint();
    if (count > most || count * bytesEach > this.#bytes.length - this.at) throw tableDamaged();
    return count;
  }
}

function writeVarint(bytes: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    // Not a shift: the value may have more than 32 bits.
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

function tableDamaged(): Error {
  return damaged('CHUNK_TABLE_DAMAGED', 'The chunk table of a pack is not valid');
}
