import { describe, expect, it } from 'vitest';
import { SeededRandom, seededBytes } from '../../../test/support/seeded-random.ts';
import { createTestPack } from '../../../test/support/test-pack.ts';
import { testRepository } from '../../../test/support/test-mirrors.ts';
import { encodeObjectHeader, objectHashOf, pieceBytes } from '../format/index.ts';
import { mergeCopies, type MergeOptions } from './merge-copies.ts';
import { SearchBudget } from './search-bytes.ts';

const pack = createTestPack(1, 10 * pieceBytes + 5000);
const bodyBytes = 10 * pieceBytes + 5000;
const end = pack.bytes.length;

/** A copy with stretches of noise in it: `[offset, length]` each. */
function damagedCopy(...damage: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(pack.bytes);
  for (const [at, length] of damage) copy.set(seededBytes(`${at} ${length}`, length), at);
  return copy;
}

function flip(bytes: Uint8Array, ...bits: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const bit of bits) copy[bit >>> 3] = (copy[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

const merge = (...copies: Uint8Array[]): Promise<Uint8Array | undefined> =>
  mergeCopies(pack.key, copies);

describe('mergeCopies of a pack', () => {
  it.each([
    ['different pieces', [damagedCopy([0, 9000]), damagedCopy([200_000, 70_000])]],
    [
      'every piece but one of each',
      [damagedCopy([0, 7 * pieceBytes]), damagedCopy([7 * pieceBytes, 3 * pieceBytes])],
    ],
    [
      'pieces of three',
      [0, 1, 2].map((n) => {
        // Each has pieces that the others lack.
        const copy = damagedCopy([0, bodyBytes]);
        for (let piece = n; piece <= 10; piece += 3) {
          const [from, to] = [piece * pieceBytes, Math.min((piece + 1) * pieceBytes, bodyBytes)];
          pack.bytes.copy(copy, from, from, to);
        }
        return copy;
      }),
    ],
    ['different places of one piece', [damagedCopy([100, 50]), damagedCopy([3000, 512])]],
    ['neighbouring bytes of one piece', [flip(pack.bytes, 8000), flip(pack.bytes, 8008)]],
    [
      'the data of one, the end of the other',
      [damagedCopy([70_000, 4096]), damagedCopy([bodyBytes, 300])],
    ],
    [
      'different places of the piece table',
      [
        damagedCopy([0, 100], [bodyBytes + 10, 20]),
        damagedCopy([300_000, 100], [bodyBytes + 200, 40]),
      ],
    ],
    [
      'the table in both, one trailer',
      [damagedCopy([5, 9], [end - 128, 128]), damagedCopy([bodyBytes + 3, 7])],
    ],
    [
      'one cut off, one damaged before',
      [pack.bytes.subarray(0, 400_000), damagedCopy([5000, 100_000])],
    ],
    [
      'garbage behind both',
      [
        Buffer.concat([damagedCopy([0, 9]), seededBytes('g', 999)]),
        Buffer.concat([damagedCopy([99_999, 9]), seededBytes('h', 70_000)]),
      ],
    ],
  ])('mends %s', async (_what, copies) => {
    for (const copy of copies) expect(objectHashOf(copy)).not.toBe(pack.name);
    const merged = await merge(...copies);
    expect(merged && Buffer.from(merged).equals(pack.bytes)).toBe(true);
  });

  it.each([
    ['side by side in the trailer', [[end - 30], [end - 31], [end - 32]]],
    ['side by side in a piece', [[1000], [1001], [1002]]],
    [
      'side by side in the chunk table, the piece table and the data',
      [
        [bodyBytes + 2, end - 200, 90_000],
        [bodyBytes + 3, end - 201, 90_001],
        [bodyBytes + 4, end - 202, 90_002],
      ],
    ],
  ])('mends three copies, each damaged in bytes of its own, %s', async (_what, places) => {
    const noisy = places.map((bytes) =>
      damagedCopy(...bytes.map((at): [number, number] => [at, 1])),
    );
    const merged = await merge(...noisy);
    expect(merged && Buffer.from(merged).equals(pack.bytes)).toBe(true);
  });

  it('mends two copies that are damaged in bytes side by side', async () => {
    // More than a bit of each, so that no search for a single bit does it.
    const [one, two] = [
      [8000, 8001],
      [8008, 8009],
    ].map((bits) => flip(pack.bytes, ...bits));
    const merged = await merge(one!, two!);
    expect(merged && Buffer.from(merged).equals(pack.bytes)).toBe(true);
  });

  it('mends a single copy with garbage behind it', async () => {
    const merged = await merge(Buffer.concat([pack.bytes, seededBytes('g', 5000)]));
    expect(merged && Buffer.from(merged).equals(pack.bytes)).toBe(true);
  });

  it('mends damage in the end of all copies, by combinations', async () => {
    const places = [1, 3, 5, 7, 8, 9].map((n) => n * 70_000);
    const ends = (at: number): [number, number] => [bodyBytes + at, 64];
    const [one, two] = [0, 1].map((odd) =>
      damagedCopy(
        ...places.filter((_, n) => n % 2 === odd).map((at): [number, number] => [at, 300]),
        // No trailer of either says where the table begins.
        [end - 64 + odd * 20, 10],
        ends(odd * 100),
      ),
    );
    const merged = await merge(one!, two!);
    expect(merged && Buffer.from(merged).equals(pack.bytes)).toBe(true);
  });

  it('mends a single flipped bit of the only copy', async () => {
    const merged = await merge(flip(pack.bytes, 8 * (10 * pieceBytes + 100)));
    expect(merged && Buffer.from(merged).equals(pack.bytes)).toBe(true);
  });

  it('gives up where both copies have lost the same bytes', async () => {
    const [one, two] = [damagedCopy([90_000, 5]), damagedCopy([300_000, 5])];
    for (const copy of [one, two]) copy.fill(0, 1000, 1512);
    expect(await merge(one, two)).toBeUndefined();
    const cut = pack.bytes.subarray(0, 300_000);
    expect(await merge(cut, damagedCopy([200_000, 200_000]))).toBeUndefined();
  });

  it('makes nothing of copies of something else', async () => {
    const other = createTestPack(2, bodyBytes);
    expect(await merge(other.bytes, seededBytes('noise', end))).toBeUndefined();
    expect(await merge(Buffer.alloc(0))).toBeUndefined();
    expect(await merge()).toBeUndefined();
  }, 60_000);

  it('never gives anything but the object, whatever the copies are', async () => {
    const random = new SeededRandom('merge');
    let mended = 0;
    for (let round = 0; round < 60; round++) {
      const copies = Array.from({ length: 2 + random.below(2) }, () => {
        const damage = Array.from({ length: 1 + random.below(3) }, (): [number, number] => {
          const length = 1 + random.below(random.below(2) === 0 ? 60 : 90_000);
          return [random.below(end - length), length];
        });
        const copy = damagedCopy(...damage);
        return random.below(4) === 0 ? copy.subarray(0, random.below(end)) : copy;
      });
      const merged = await mergeCopies(pack.key, copies, { budgetBytes: 5e8 });
      expect(merged === undefined || pack.key.endsWith(objectHashOf(merged))).toBe(true);
      mended += merged === undefined ? 0 : 1;
    }
    expect(mended).toBeGreaterThan(20);
  }, 60_000);

  it('stays within its budget, and hears a signal', async () => {
    const copies = [flip(pack.bytes, 8000, 9000), flip(pack.bytes, 8000, 9500)];
    const began = performance.now();
    expect(await mergeCopies(pack.key, copies, { budgetBytes: 1e8 })).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(5000);
    const signal = AbortSignal.abort(new Error('stop'));
    await expect(mergeCopies(pack.key, [flip(pack.bytes, 300_000)], { signal })).rejects.toThrow(
      'stop',
    );
  });
});

describe('mergeCopies of a small object', () => {
  const content = seededBytes('entry', 700);
  const key = `payloads/${objectHashOf(content)}`;

  it.each([0, 1, 2799, 5599])('mends bit %d of the only copy', async (bit) => {
    expect(await mergeCopies(key, [flip(content, bit)])).toEqual(new Uint8Array(content));
  });

  it('mends copies damaged in different places', async () => {
    const copies = [flip(content, 10, 999), flip(content, 3000, 5000), flip(content, 10, 5000)];
    const merged = await mergeCopies(key, copies);
    expect(merged && Buffer.from(merged).equals(content)).toBe(true);
  });

  it('mends three copies whose damage lies side by side, and across one another', async () => {
    const copies = [
      flip(content, 800, 811, 1600, 1601),
      flip(content, 808, 816, 1609, 1610),
      flip(content, 824, 825),
    ];
    // Two of three are wrong in this byte, each in another way.
    for (const [at, copy] of copies.slice(0, 2).entries()) copy[500] = (copy[500] ?? 0) ^ (at + 1);
    const merged = await mergeCopies(key, copies);
    expect(merged && Buffer.from(merged).equals(content)).toBe(true);
  });

  it('gives up on two bits of the only copy', async () => {
    expect(await mergeCopies(key, [flip(content, 10, 999)])).toBeUndefined();
  });

  describe('that says how long it is', () => {
    const sealed = 60_000;
    const start = encodeObjectHeader({
      kind: 'payload',
      suite: 1,
      epoch: 1,
      repository: testRepository,
      salt: seededBytes('salt', 32),
    });
    const length = Buffer.alloc(4);
    length.writeUInt32LE(sealed);
    const payload = Buffer.concat([start, length, seededBytes('payload', sealed)]);
    const name = `payloads/${objectHashOf(payload)}`;
    const older = Buffer.concat([start, length, seededBytes('another', sealed)]);
    /** Bytes that were hashed, as far as the budget of the run is used up by them. */
    const hashed = async (
      copies: readonly Uint8Array[],
      options: MergeOptions = {},
    ): Promise<{ readonly merged: Uint8Array | undefined; readonly isCheap: boolean }> => {
      const budgetOfRun = new SearchBudget(2e9);
      const merged = await mergeCopies(name, copies, { ...options, budgetOfRun });
      return { merged, isCheap: budgetOfRun.allows(1e9) };
    };

    it('is cut where it ends, at once', async () => {
      const copies = [1, 2].map((n) => Buffer.concat([payload, seededBytes(n, 777)]));
      const { merged, isCheap } = await hashed(copies);
      expect(merged && Buffer.from(merged).equals(payload)).toBe(true);
      expect(isCheap).toBe(true);
    });

    it('costs little where a bit cannot have been all: cut off, or another object', async () => {
      expect(await hashed([payload.subarray(0, 30_000)])).toEqual({
        merged: undefined,
        isCheap: true,
      });
      const isAnother = (hash: string): boolean => hash === objectHashOf(older);
      expect(await hashed([older], { isAnother })).toEqual({ merged: undefined, isCheap: true });
    });

    it.each([64 * 8 + 3, 66 * 8, 8 * 100])('is mended where bit %d is wrong', async (bit) => {
      const merged = await mergeCopies(name, [flip(payload, bit)]);
      expect(merged && Buffer.from(merged).equals(payload)).toBe(true);
    });
  });

  it('knows no object without a hash in its name', async () => {
    expect(await mergeCopies('config', [content])).toBeUndefined();
  });
});
