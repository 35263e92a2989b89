import { hkdfSync, randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunkerParamsOf, createGearTable, nextBoundary } from './index.ts';

const secret = new Uint8Array(32).fill(7);
const gear = createGearTable(secret);
const params = chunkerParamsOf(4096);

/** Written from the words of docs/format.md section 8, without a look at the code. */
function boundariesFromSpecification(file: Uint8Array, avg: number): number[] {
  const okm = Buffer.from(hkdfSync('sha256', secret, '', 'versions/1/gear', 1024));
  const min = avg / 4;
  const max = avg * 4;
  const bits = BigInt(Math.log2(avg));
  const upper = (count: bigint): bigint => ((1n << count) - 1n) << (32n - count);
  const boundaries: number[] = [];
  let start = 0;
  while (start < file.byteLength) {
    const n = file.byteLength - start;
    let length = Math.min(n, max);
    let h = 0n;
    for (let i = min; i < Math.min(n, max); i++) {
      h = (2n * h + BigInt(okm.readUInt32LE(4 * (file[start + i] ?? 0)))) % (1n << 32n);
      const mask = i < avg ? upper(bits + 2n) : upper(bits - 2n);
      if ((h & mask) === 0n) {
        length = i + 1;
        break;
      }
    }
    start += length;
    boundaries.push(start);
  }
  return boundaries;
}

function boundariesOf(file: Uint8Array, sizes = params): number[] {
  const boundaries: number[] = [];
  let at = 0;
  while (at < file.byteLength) {
    at = nextBoundary(file, at, file.byteLength, sizes, gear);
    boundaries.push(at);
  }
  return boundaries;
}

/** Cuts a file of which only a window is in memory, filled by reads of the given sizes. */
function boundariesInPieces(file: Uint8Array, reads: readonly number[], offset: number): number[] {
  const boundaries: number[] = [];
  const window = new Uint8Array(offset + 3 * params.max).subarray(offset);
  let from = 0;
  let held = 0;
  let fileAt = 0;
  let read = 0;
  for (;;) {
    const wanted = Math.max(1, reads[read++ % reads.length] ?? 1);
    const count = Math.min(wanted, window.byteLength - held, file.byteLength - fileAt);
    window.set(file.subarray(fileAt, fileAt + count), held);
    held += count;
    fileAt += count;
    const last = fileAt === file.byteLength;
    let at = 0;
    const needed = last ? 1 : params.max;
    while (held - at >= needed) {
      at = nextBoundary(window, at, held, params, gear);
      boundaries.push(from + at);
    }
    window.copyWithin(0, at, held);
    from += at;
    held -= at;
    if (last) return boundaries;
  }
}

const files = fc.oneof(
  fc.nat({ max: 60_000 }).chain((length) => fc.integer().map((seed) => pseudoRandom(length, seed))),
  fc.uint8Array({ maxLength: 3000 }),
  fc.nat({ max: 40_000 }).map((length) => new Uint8Array(length)),
);

function pseudoRandom(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

describe('chunker parameters', () => {
  test('are a quarter of and four times the average', () => {
    const sizes = chunkerParamsOf(1_048_576);
    expect(sizes).toMatchObject({ min: 262_144, avg: 1_048_576, max: 4_194_304 });
    expect(sizes.maskSmall >>> 0).toBe(0xffff_fc00);
    expect(sizes.maskLarge >>> 0).toBe(0xffff_c000);
  });

  test.each([0, 2048, 5000, 8_388_608, Number.NaN, -4096])('refuse an average of %d', (avg) => {
    expect(() => chunkerParamsOf(avg)).toThrow('average size');
  });
});

describe('nextBoundary', () => {
  test('cuts as the specification says', () => {
    fc.assert(
      fc.property(files, (file) => {
        expect(boundariesOf(file)).toEqual(boundariesFromSpecification(file, 4096));
      }),
    );
  });

  test('cuts as the specification says with the sizes of a real repository', () => {
    const file = pseudoRandom(6_000_000, 42);
    const boundaries = boundariesOf(file, chunkerParamsOf(1_048_576));
    expect(boundaries).toEqual(boundariesFromSpecification(file, 1_048_576));
    expect(boundaries.length).toBeGreaterThan(2);
  });

  test('cuts alike wherever the bytes are in memory and however they were read', () => {
    const reads = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(files, reads, fc.nat({ max: 7 }), (file, sizes, offset) => {
        expect(boundariesInPieces(file, sizes, offset)).toEqual(boundariesOf(file));
      }),
    );
  });

  test('finds its way back after an insertion or deletion', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.nat({ max: 100_000 }),
        fc.nat({ max: 3000 }),
        (seed, at, count) => {
          const file = pseudoRandom(400_000, seed);
          const inserted = pseudoRandom(count, seed + 1);
          const longer = Buffer.concat([file.subarray(0, at), inserted, file.subarray(at)]);
          const shorter = Buffer.concat([file.subarray(0, at), file.subarray(at + count)]);
          expect(differentChunks(file, longer)).toBeLessThan(20);
          expect(differentChunks(file, shorter)).toBeLessThan(20);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('keeps chunks within their sizes and near the average', () => {
    const boundaries = boundariesOf(randomBytes(4_000_000));
    const lengths = boundaries.map((end, at) => end - (boundaries[at - 1] ?? 0));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(params.max);
    expect(Math.min(...lengths.slice(0, -1))).toBeGreaterThan(params.min);
    expect(4_000_000 / lengths.length).toBeGreaterThan(3000);
    expect(4_000_000 / lengths.length).toBeLessThan(6500);
  });

  test('cuts otherwise with another secret', () => {
    const file = pseudoRandom(200_000, 3);
    const other = createGearTable(new Uint8Array(32).fill(8));
    expect(nextBoundary(file, 0, file.byteLength, params, other)).not.toBe(boundariesOf(file)[0]);
  });

  test('refuses ranges outside its bytes', () => {
    const file = new Uint8Array(10);
    expect(() => nextBoundary(file, 0, 11, params, gear)).toThrow('range');
    expect(() => nextBoundary(file, 6, 5, params, gear)).toThrow('range');
    expect(() => nextBoundary(file, -1, 5, params, gear)).toThrow('range');
  });
});

function differentChunks(before: Uint8Array, after: Uint8Array): number {
  const known = new Set(chunksOf(before));
  return chunksOf(after).filter((chunk) => !known.has(chunk)).length;
}

function chunksOf(file: Uint8Array): string[] {
  const boundaries = boundariesOf(file);
  return boundaries.map((end, at) =>
    Buffer.from(file.subarray(boundaries[at - 1] ?? 0, end)).toString('base64'),
  );
}
