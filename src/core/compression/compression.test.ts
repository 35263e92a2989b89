import { randomBytes } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isVersionsError } from '../errors/index.ts';
import { BlockCompressor, BlockDecompressor, compressBlock, decompress } from './index.ts';
import { ZstdContext } from './zstd-context.ts';
import { readZstdFrame } from './zstd-frame.ts';

const text = Buffer.from('one line of text that repeats itself\n'.repeat(2000));

function corrupt(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (isVersionsError(error, 'Corrupt')) return error.code;
    throw error;
  }
  return undefined;
}

describe('compressBlock', () => {
  test('compresses what becomes smaller', () => {
    const block = compressBlock(text);
    expect(block.codec).toBe(1);
    expect(block.bytes.byteLength).toBeLessThan(text.byteLength / 20);
    expect(decompress(1, block.bytes, text.byteLength)).toEqual(text);
  });

  test.each([0, 1, 2, 17, 64, 65_536, 1_500_000])('stores %i random bytes as they are', (count) => {
    const plain = randomBytes(count);
    expect(compressBlock(plain)).toEqual({ codec: 0, bytes: plain });
  });

  test('stores as it is what would save less than one part in 64', () => {
    const mostlyRandom = Buffer.concat([randomBytes(100_000), Buffer.alloc(1000)]);
    expect(compressBlock(mostlyRandom).codec).toBe(0);
    const lessRandom = Buffer.concat([randomBytes(100_000), Buffer.alloc(3000)]);
    expect(compressBlock(lessRandom).codec).toBe(1);
  });

  test('writes a frame that tells its length, without checksum or dictionary', () => {
    const { bytes } = compressBlock(text);
    expect(readZstdFrame(bytes)).toEqual({
      frameBytes: bytes.byteLength,
      contentBytes: text.byteLength,
    });
    expect(bytes[4] ?? 0xff).toSatisfy((descriptor: number) => (descriptor & 0x0f) === 0);
  });

  test('is undone by decompress', () => {
    const blocks = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat({ max: 20_000 }))
        .map(([part, times]) => Buffer.alloc(part.byteLength * Math.ceil(times / 50), part)),
    );
    fc.assert(
      fc.property(blocks, (plain) => {
        const { codec, bytes } = compressBlock(plain);
        expect(Buffer.from(decompress(codec, bytes, plain.byteLength))).toEqual(Buffer.from(plain));
      }),
    );
  });
});

/** Blocks of many kinds and sizes, large after small and the other way round. */
const plaintexts = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc.nat({ max: 300_000 }).map((count) => Buffer.alloc(count, text)),
  fc.nat({ max: 300_000 }).map((count) => randomBytes(count)),
);

describe('with memory that is kept', () => {
  test('a context serves for one frame after another on this Node', () => {
    const [maker, reader] = [ZstdContext.compressing({}), ZstdContext.decompressing()];
    const [frame, plain] = [Buffer.alloc(4096), Buffer.alloc(text.byteLength + 1)];
    for (let round = 0; round < 3; round++) {
      const frameBytes = maker.run(text, frame);
      expect(frameBytes).toBeGreaterThan(0);
      expect(reader.run(frame.subarray(0, frameBytes), plain)).toBe(text.byteLength);
      expect(plain.subarray(0, text.byteLength).equals(text)).toBe(true);
    }
  });

  test('a context that found too little room or damage is not used again', () => {
    const [maker, reader] = [ZstdContext.compressing({}), ZstdContext.decompressing()];
    const frame = compressBlock(text).bytes;
    const changed = Buffer.from(frame).fill(0xff, 9, 12);
    const room = Buffer.alloc(text.byteLength + 1);
    expect(maker.run(randomBytes(5000), Buffer.alloc(1000))).toBeUndefined();
    expect(reader.run(frame, Buffer.alloc(text.byteLength))).toBeUndefined();
    expect(reader.run(frame.subarray(0, 40), room)).not.toBe(text.byteLength);
    expect(reader.run(changed, room)).toBeUndefined();
    expect(reader.run(frame, room)).toBe(text.byteLength);
    const made = maker.run(text, room) ?? 0;
    expect(decompress(1, room.subarray(0, made), text.byteLength)).toEqual(text);
  });

  test('blocks come out as they do one by one', () => {
    const compressor = new BlockCompressor();
    fc.assert(
      fc.property(plaintexts, (plain) => {
        const [block, alone] = [compressor.compress(plain), compressBlock(plain)];
        expect(block.codec).toBe(alone.codec);
        expect(Buffer.compare(block.bytes, alone.bytes)).toBe(0);
      }),
    );
  });

  test('blocks are read, also after damaged ones, and damage is told each time', () => {
    const decompressor = new BlockDecompressor();
    const change = fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })));
    fc.assert(
      fc.property(plaintexts, change, (plain, changed) => {
        const { codec, bytes } = compressBlock(plain);
        const stored = Buffer.from(bytes);
        if (changed !== null && stored.byteLength > 0) {
          const at = changed[0] % stored.byteLength;
          stored[at] = (stored[at] ?? 0) ^ changed[1];
        }
        const read = (by: Pick<BlockDecompressor, 'decompress'>): string => {
          let found: Uint8Array | undefined;
          const code = corrupt(() => {
            found = by.decompress(codec, stored, plain.byteLength);
          });
          return code ?? Buffer.from(found ?? []).toString('latin1');
        };
        const alone = read({ decompress });
        expect(read(decompressor) === alone).toBe(true);
        const isPlain = alone === Buffer.from(plain).toString('latin1');
        expect(isPlain || changed !== null).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('decompress refuses', () => {
  const { bytes } = compressBlock(text);
  const length = text.byteLength;

  test('another length than promised', () => {
    expect(corrupt(() => decompress(0, text, length - 1))).toBe('COMPRESSED_DAMAGED');
    expect(corrupt(() => decompress(1, bytes, length - 1))).toBe('COMPRESSED_OVERLONG');
    expect(corrupt(() => decompress(1, bytes, length + 1))).toBe('COMPRESSED_DAMAGED');
  });

  test('another length in a frame that does not tell its length', () => {
    const params = {
      [constants.ZSTD_c_contentSizeFlag]: 0,
      [constants.ZSTD_c_windowLog]: 17,
    };
    const silent = zstdCompressSync(text, { params });
    expect(readZstdFrame(silent)?.contentBytes).toBeUndefined();
    expect(decompress(1, silent, length)).toEqual(text);
    expect(corrupt(() => decompress(1, silent, length - 1))).toBe('COMPRESSED_OVERLONG');
    expect(corrupt(() => decompress(1, silent, length + 1))).toBe('COMPRESSED_DAMAGED');
  });

  test('a bomb, without taking the memory that it wants', () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024), {
      params: { [constants.ZSTD_c_contentSizeFlag]: 0, [constants.ZSTD_c_windowLog]: 17 },
    });
    expect(bomb.byteLength).toBeLessThan(16_384);
    const before = process.memoryUsage().arrayBuffers;
    expect(corrupt(() => decompress(1, bomb, 100_000))).toBe('COMPRESSED_OVERLONG');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  test('anything before, between or behind one frame', () => {
    const skippable = Buffer.from('502a4d180400000001020304', 'hex');
    const half = compressBlock(text.subarray(0, length / 2)).bytes;
    expect(
      corrupt(() => decompress(1, Buffer.concat([bytes, Buffer.of(0)]), length)),
    ).toBeDefined();
    expect(corrupt(() => decompress(1, Buffer.concat([half, half]), length))).toBeDefined();
    expect(corrupt(() => decompress(1, Buffer.concat([skippable, bytes]), length))).toBeDefined();
    expect(corrupt(() => decompress(1, Buffer.concat([bytes, skippable]), length))).toBeDefined();
    expect(corrupt(() => decompress(1, skippable, 0))).toBeDefined();
  });

  test('a frame that asks for a large window or a dictionary', () => {
    const large = zstdCompressSync(text, {
      params: { [constants.ZSTD_c_windowLog]: 24, [constants.ZSTD_c_contentSizeFlag]: 0 },
    });
    const asked = Buffer.from(large);
    asked[5] = (24 - 10) << 3;
    expect(corrupt(() => decompress(1, asked, length))).toBe('COMPRESSED_DAMAGED');
    const withDictionary = Buffer.from(bytes);
    withDictionary[4] = (withDictionary[4] ?? 0) | 1;
    expect(corrupt(() => decompress(1, withDictionary, length))).toBe('COMPRESSED_DAMAGED');
  });

  test('every cut and every changed byte, or gives the promised length', () => {
    for (let cut = 0; cut < bytes.byteLength; cut++) {
      expect(corrupt(() => decompress(1, bytes.subarray(0, cut), length))).toBeDefined();
    }
    const changes = fc.array(
      fc.tuple(fc.nat({ max: bytes.byteLength - 1 }), fc.nat({ max: 255 })),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(changes, (list) => {
        const changed = Buffer.from(bytes);
        for (const [at, value] of list) changed[at] = value;
        let plain: Uint8Array | undefined;
        const code = corrupt(() => (plain = decompress(1, changed, length)));
        const isRefused = code === 'COMPRESSED_DAMAGED' || code === 'COMPRESSED_OVERLONG';
        expect(isRefused || plain?.byteLength === length).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('random bytes', () => {
    const frames = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(frames, fc.nat({ max: 1000 }), (rest, plainBytes) => {
        const hostile = Buffer.concat([Buffer.from('28b52ffd', 'hex'), rest]);
        let plain: Uint8Array | undefined;
        const code = corrupt(() => (plain = decompress(1, hostile, plainBytes)));
        expect(code !== undefined || plain?.byteLength === plainBytes).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
