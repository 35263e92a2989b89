import { createHash, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packBytesMax } from '../base/index.ts';
import {
  ChunkTableBuilder,
  decodeChunkTable,
  type ChunkKind,
  type ChunkTable,
} from './chunk-table.ts';
import {
  badPieces,
  checkPieceTable,
  decodePackTrailer,
  packEndBytes,
  pieceBytes,
  pieceTableBytes,
  pieceTableOffsetOf,
  trailerBytes,
  writePackEnd,
} from './pack-end.ts';
import { headerBytes } from './header.ts';
import {
  bytesOfLength,
  decodedOrRefused,
  encodedAgain,
  mutationsOf,
  refusalOf,
} from '../../../test/support/hostile-bytes.ts';

interface Block {
  readonly codec: 0 | 1;
  readonly stored: number;
  readonly chunks: readonly (readonly [ChunkKind, number, Uint8Array])[];
}

const chunks = fc.tuple(
  fc.constantFrom<ChunkKind>(0, 1, 2, 3),
  fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 8_000_000 })),
  bytesOfLength(32),
);
const blocks = fc.record({
  codec: fc.constantFrom(0 as const, 1 as const),
  stored: fc.integer({ min: 17, max: 2_000_000 }),
  chunks: fc.array(chunks, { minLength: 1, maxLength: 4 }),
});
const tables = fc.array(blocks, { maxLength: 5 });

describe('a chunk table', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(tables, (given) => {
        const { bytes, tableOffset } = encode(given);
        const table = decodeChunkTable(bytes, tableOffset);
        expect(rowsOf(table)).toEqual(expectedRows(given));
        expect(encode(blocksOf(table)).bytes).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('is refused or has one encoding after any mutation', () => {
    const mutated = tables.chain((given) => {
      const { bytes, tableOffset } = encode(given);
      return mutationsOf(bytes).map((changed) => ({ changed, tableOffset }));
    });
    fc.assert(
      fc.property(mutated, ({ changed, tableOffset }) => {
        const again = encodedAgain(
          changed,
          (bytes) => decodeChunkTable(bytes, tableOffset),
          (table) => encode(blocksOf(table)).bytes,
        );
        expect(again).toEqual(changed);
      }),
      { numRuns: 5000 },
    );
  });

  test('is refused unless its blocks end where it begins', () => {
    const given: Block[] = [{ codec: 1, stored: 100, chunks: [[0, 50, randomBytes(32)]] }];
    const { bytes, tableOffset } = encode(given);
    expect(refusalOf(() => decodeChunkTable(bytes, tableOffset + 1))).toBe('CHUNK_TABLE_DAMAGED');
    expect(refusalOf(() => decodeChunkTable(bytes, tableOffset - 1))).toBe('CHUNK_TABLE_DAMAGED');
  });

  test.each([
    ['a count beyond its bytes', 'ffff03'],
    ['a count beyond 2^53', 'ffffffffffffff7f'],
    ['a count that never ends', 'ffffffffffffffffffffffff'],
    ['a count that is too long', '800000'],
    ['a block without plaintext', '0100100000'],
    ['a raw block of another length', '0100120200'],
    ['nothing', ''],
  ])('is refused with %s', (_, hex) => {
    expect(refusalOf(() => decodeChunkTable(Buffer.from(hex, 'hex'), 64 + 18))).toBe(
      'CHUNK_TABLE_DAMAGED',
    );
  });

  test('is too new with a reserved codec or kind', () => {
    const codec2 = Buffer.from('0102120200', 'hex');
    expect(refusalOf(() => decodeChunkTable(codec2, 64 + 18))).toBe('FORMAT_TOO_NEW');
    const kind4 = Buffer.concat([Buffer.from('01001202010402', 'hex'), Buffer.alloc(32)]);
    expect(refusalOf(() => decodeChunkTable(kind4, 64 + 18))).toBe('FORMAT_TOO_NEW');
  });

  test('refuses a chunk across two blocks', () => {
    const two = Buffer.from('020012020013030200030002', 'hex');
    const bytes = Buffer.concat([two, Buffer.alloc(64)]);
    expect(refusalOf(() => decodeChunkTable(bytes, 64 + 37))).toBe('CHUNK_TABLE_DAMAGED');
  });

  test('lets open chunks move to the next pack', () => {
    const builder = new ChunkTableBuilder();
    const [a, b, c] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    builder.addChunk(0, 10, a);
    builder.finishBlock(0, 26, 10);
    builder.addChunk(1, 5, b);
    builder.addChunk(2, 6, c);
    const moved = builder.takeOpenChunks();
    moved.finishBlock(0, 27, 11);
    expect(rowsOf(decodeChunkTable(builder.encode(), 64 + 26))).toEqual([[0, 10, 0, 0, hexOf(a)]]);
    expect(rowsOf(decodeChunkTable(moved.encode(), 64 + 27))).toEqual([
      [1, 5, 0, 0, hexOf(b)],
      [2, 6, 0, 5, hexOf(c)],
    ]);
  });

  test('is not written while a block is open, nor with wrong lengths', () => {
    const builder = new ChunkTableBuilder();
    builder.addChunk(0, 10, new Uint8Array(32));
    expect(() => builder.encode()).toThrow('open');
    expect(() => builder.finishBlock(1, 100, 11)).toThrow('add up');
    expect(() => builder.addChunk(0, 0, new Uint8Array(32))).toThrow('empty');
    expect(() => builder.addChunk(0, 1, new Uint8Array(31))).toThrow('32 bytes');
  });

  test('holds thousands of chunks', () => {
    const ids = Array.from({ length: 5000 }, () => randomBytes(32));
    const builder = new ChunkTableBuilder();
    for (const id of ids) builder.addChunk(0, 3, id);
    builder.finishBlock(1, 1000, 15_000);
    const table = decodeChunkTable(builder.encode(), 64 + 1000);
    expect(Buffer.from(table.ids)).toEqual(Buffer.concat(ids));
    expect(table.chunkOffsets[4999]).toBe(3 * 4999);
  });

  test('never gets larger than was said', () => {
    fc.assert(
      fc.property(tables, (given) => {
        const builder = build(given);
        expect(builder.encodedBytesMax()).toBeGreaterThanOrEqual(builder.encode().byteLength);
      }),
    );
  });
});

describe('the end of a pack', () => {
  const lengths = [64 + 18, 65_535, 65_536, 65_537, 300_000];

  test.each(lengths)('of %i bytes is found and checked', (bodyBytes) => {
    const pack = packOf(bodyBytes);
    const trailerView = pack.subarray(-trailerBytes);
    const trailer = decodePackTrailer(trailerView, pack.byteLength);
    expect(trailer).toMatchObject({ pieceTableOffset: bodyBytes, tableBytes: 18 });
    expect(trailer.pieceCount).toBe(Math.ceil(bodyBytes / pieceBytes));
    const pieceTable = pack.subarray(bodyBytes, -trailerBytes);
    expect(checkPieceTable(pieceTable, trailerView)).toBe(true);
    expect(badPieces(pack, pieceTable, bodyBytes)).toEqual([]);
    expect(packEndBytes(bodyBytes - 18, 18)).toBe(pack.byteLength - bodyBytes + 18);
  });

  test('is found by the size of the pack alone', () => {
    const sizes = fc.oneof(
      fc.integer({ min: headerBytes, max: packBytesMax }),
      // Around the end of a piece.
      fc
        .tuple(fc.integer({ min: 1, max: 4000 }), fc.integer({ min: -2, max: 2 }))
        .map(([pieces, more]) => pieces * pieceBytes + more),
    );
    fc.assert(
      fc.property(sizes, (offset) => {
        const size = offset + pieceTableBytes(offset) + trailerBytes;
        expect(pieceTableOffsetOf(size)).toBe(offset);
      }),
    );
    // One byte of a new piece takes the 32 of its hash as well.
    const full = pieceBytes + pieceTableBytes(pieceBytes) + trailerBytes;
    expect(pieceTableOffsetOf(full + 32)).toBeUndefined();
    for (const none of [0, 1, trailerBytes, headerBytes + trailerBytes])
      expect(pieceTableOffsetOf(none)).toBeUndefined();
  });

  test('has the SHA-256 of each 65,536 bytes', () => {
    const pack = packOf(100_000);
    const first = createHash('sha256').update(pack.subarray(0, 65_536)).digest();
    const second = createHash('sha256').update(pack.subarray(65_536, 100_000)).digest();
    expect(pack.subarray(100_000, 100_064)).toEqual(Buffer.concat([first, second]));
  });

  test('tells which pieces are bad', () => {
    const pack = packOf(300_000);
    pack[70_000] = (pack[70_000] ?? 0) ^ 1;
    pack[299_999] = (pack[299_999] ?? 0) ^ 1;
    expect(badPieces(pack, pack.subarray(300_000, -trailerBytes), 300_000)).toEqual([1, 4]);
  });

  test('is never believed after a mutation', () => {
    const pack = packOf(140_000);
    const end = pack.subarray(140_000);
    fc.assert(
      fc.property(mutationsOf(end), (mutated) => {
        if (mutated.equals(end) || mutated.byteLength < trailerBytes) return;
        const trailerView = mutated.subarray(-trailerBytes);
        const packBytes = 140_000 + mutated.byteLength;
        const trailer = decodedOrRefused(() => decodePackTrailer(trailerView, packBytes));
        if (trailer === undefined) return;
        const tableAt = trailer.pieceTableOffset - 140_000;
        expect(checkPieceTable(mutated.subarray(tableAt, -trailerBytes), trailerView)).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  test('is refused for another length of the pack, and for random bytes', () => {
    const pack = packOf(140_000);
    const trailerView = pack.subarray(-trailerBytes);
    for (const change of [-65_536, -1, 1, 32, 65_536, 2 ** 40]) {
      expect(refusalOf(() => decodePackTrailer(trailerView, pack.byteLength + change))).toBe(
        'PACK_TRAILER_DAMAGED',
      );
    }
    expect(refusalOf(() => decodePackTrailer(randomBytes(64), 1000))).toBe('PACK_TRAILER_DAMAGED');
    expect(refusalOf(() => decodePackTrailer(Buffer.of(), 0))).toBe('PACK_TRAILER_DAMAGED');
  });
});

function packOf(bodyBytes: number): Buffer {
  const pack = Buffer.alloc(bodyBytes - 18 + packEndBytes(bodyBytes - 18, 18));
  randomBytes(bodyBytes).copy(pack);
  expect(writePackEnd(pack, bodyBytes, 18)).toBe(pack.byteLength);
  return pack;
}

function build(given: readonly Block[]): ChunkTableBuilder {
  const builder = new ChunkTableBuilder();
  for (const block of given) {
    for (const [kind, length, id] of block.chunks) builder.addChunk(kind, length, id);
    builder.finishBlock(block.codec, storedBytesOf(block), plainBytesOf(block));
  }
  return builder;
}

function encode(given: readonly Block[]): { bytes: Uint8Array; tableOffset: number } {
  const tableOffset = given.reduce((sum, block) => sum + storedBytesOf(block), 64);
  return { bytes: build(given).encode(), tableOffset };
}

function plainBytesOf({ chunks: list }: Block): number {
  return list.reduce((sum, [, length]) => sum + length, 0);
}

function storedBytesOf(block: Block): number {
  return block.codec === 0 ? plainBytesOf(block) + 16 : block.stored;
}

function blocksOf(table: ChunkTable): Block[] {
  return Array.from({ length: table.blockCount }, (_, block): Block => {
    const inBlock = Array.from(table.chunkBlocks.keys()).filter(
      (chunk) => table.chunkBlocks[chunk] === block,
    );
    return {
      codec: (table.blockCodecs[block] ?? 0) as 0 | 1,
      stored: table.blockStoredBytes[block] ?? 0,
      chunks: inBlock.map((chunk) => [
        (table.chunkKinds[chunk] ?? 0) as ChunkKind,
        table.chunkLengths[chunk] ?? 0,
        table.ids.subarray(32 * chunk, 32 * chunk + 32),
      ]),
    };
  });
}

/** Kind, length, block, offset in the block's plaintext, id. */
function rowsOf(table: ChunkTable): unknown[] {
  return Array.from({ length: table.chunkCount }, (_, chunk) => [
    table.chunkKinds[chunk],
    table.chunkLengths[chunk],
    table.chunkBlocks[chunk],
    table.chunkOffsets[chunk],
    hexOf(table.ids.subarray(32 * chunk, 32 * chunk + 32)),
  ]);
}

function expectedRows(given: readonly Block[]): unknown[] {
  return given.flatMap((block, number) => {
    let offset = 0;
    return block.chunks.map(([kind, length, id]) => {
      const row = [kind, length, number, offset, hexOf(id)];
      offset += length;
      return row;
    });
  });
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
