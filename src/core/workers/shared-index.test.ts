import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { ChunkId } from '../base/index.ts';
import { SharedIndex, type ChunkLocation, type SharedIndexHandle } from './shared-index.ts';

/** A well mixed 32-byte id for a number; the same in every thread. */
function idOf(number: number): ChunkId {
  const id = Buffer.alloc(32);
  let state = (number + 1) * 0x9e3779b1;
  for (let at = 0; at < 32; at += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35) ^ (number + at);
    id.writeUInt32LE(state >>> 0, at);
  }
  return id;
}

/** Bytes of memory that belong to an index now. */
function memoryOf({ image, buckets, heads, entries, counters }: SharedIndexHandle): number {
  return [image, buckets, heads, entries, counters].reduce((sum, part) => sum + part.byteLength, 0);
}

/** Chunk `number` as it stands in pack 7 of these tests. */
function placeOf(number: number): ChunkLocation {
  return { pack: 7, block: number % 600, offset: number * 3, length: (number % 4096) + 1 };
}

function located(index: SharedIndex, number: number): ChunkLocation | undefined {
  const location = { pack: 0, block: 0, offset: 0, length: 0 };
  return index.locate(idOf(number), location) ? location : undefined;
}

/** An index whose image is what `index` writes. */
function reopened(index: SharedIndex): SharedIndex {
  const bytes = Buffer.concat(Array.from(index.imagePieces(), (piece) => Buffer.from(piece)));
  const image = new SharedArrayBuffer(bytes.byteLength);
  new Uint8Array(image).set(bytes);
  return SharedIndex.create(image);
}

function wordsOf(index: SharedIndex): Uint32Array {
  return new Uint32Array(index.handle.image);
}

describe('one thread', () => {
  it('finds what was put, and nothing else', () => {
    const index = SharedIndex.create();
    for (let number = 0; number < 1000; number++) index.put(idOf(number), placeOf(number));
    for (let number = 0; number < 1000; number++)
      expect(located(index, number)).toEqual(placeOf(number));
    for (let number = 1000; number < 2000; number++) expect(located(index, number)).toBeUndefined();
    expect(index.tableCount).toBe(1000);
    expect(index.claimedCount).toBe(0);
  });

  it('keeps the first place that is told', () => {
    const index = SharedIndex.create();
    index.put(idOf(1), placeOf(1));
    index.put(idOf(1), { ...placeOf(1), pack: 9 });
    expect(located(index, 1)).toEqual(placeOf(1));
    const second = reopened(index);
    second.put(idOf(1), { ...placeOf(1), pack: 9 });
    expect(located(second, 1)).toEqual(placeOf(1));
    expect(second.tableCount).toBe(0);
  });

  it("a claimed chunk is nobody else's, and is nowhere until it is put", () => {
    const index = SharedIndex.create();
    expect(index.claim(idOf(1))).toBe(true);
    expect(index.claim(idOf(1))).toBe(false);
    expect(located(index, 1)).toBeUndefined();
    expect(index.claimedCount).toBe(1);
    index.put(idOf(1), placeOf(1));
    expect(located(index, 1)).toEqual(placeOf(1));
    expect(index.claim(idOf(1))).toBe(false);
    expect(index.claimedCount).toBe(0);
  });

  it('holds the largest numbers', () => {
    const index = SharedIndex.create();
    const place = { pack: 0xfffffffe, block: 65535, offset: 33_554_431, length: 16_777_216 };
    index.put(idOf(1), place);
    index.claim(idOf(2));
    index.put(idOf(2), place);
    for (const at of [index, reopened(index)]) {
      expect(located(at, 1)).toEqual(place);
      expect(located(at, 2)).toEqual(place);
    }
  });

  it('tells ids apart that differ late, and share a chain and a bucket', () => {
    const index = SharedIndex.create();
    const alike = (last: number): Buffer => {
      const id = Buffer.alloc(32, 0xab);
      id[15] = last;
      return id;
    };
    for (let last = 0; last < 250; last++) index.put(alike(last), { ...placeOf(0), offset: last });
    for (const at of [index, reopened(index)]) {
      const location = placeOf(0);
      for (let last = 0; last < 250; last++) {
        expect(at.locate(alike(last), location)).toBe(true);
        expect(location.offset).toBe(last);
      }
      expect(at.locate(alike(250))).toBe(false);
    }
  });
});

describe('image', () => {
  const count = 200_000;

  it(`of ${count} chunks is sorted and finds them all`, () => {
    const index = SharedIndex.create();
    for (let number = 0; number < count; number++) index.put(idOf(number), placeOf(number));
    const image = reopened(index);
    expect(image.imageCount).toBe(count);
    expect(image.tableCount).toBe(0);
    const words = wordsOf(image);
    let descents = 0;
    for (let at = 8; at < words.length; at += 8) {
      const before = Buffer.from(words.slice(at - 8, at - 4).buffer).swap32();
      const after = Buffer.from(words.slice(at, at + 4).buffer).swap32();
      if (Buffer.compare(before, after) >= 0) descents += 1;
    }
    expect(descents).toBe(0);
    let wrong = 0;
    const location = { pack: 0, block: 0, offset: 0, length: 0 };
    for (let number = 0; number < count; number++) {
      const { block, offset, length } = placeOf(number);
      const found = image.locate(idOf(number), location);
      const same = location.block === block && location.offset === offset;
      if (!found || !same || location.length !== length) wrong += 1;
      if (image.locate(idOf(number + count))) wrong += 1;
    }
    expect(wrong).toBe(0);
  });

  it('takes in what was added since, whatever the order, and leaves claims out', () => {
    // More than one piece on each side of the merge.
    const first = SharedIndex.create();
    for (let number = 0; number < 140_000; number += 2) first.put(idOf(number), placeOf(number));
    const second = reopened(first);
    for (let number = 1; number < 140_000; number += 2) second.put(idOf(number), placeOf(number));
    second.claim(idOf(999_999));
    const third = reopened(second);
    expect(third.imageCount).toBe(140_000);
    expect(located(third, 999_999)).toBeUndefined();
    expect(third.claim(idOf(999_999))).toBe(true);
    for (let number = 0; number < 140_000; number += 997)
      expect(located(third, number)).toEqual(placeOf(number));
    const all = SharedIndex.create();
    for (let number = 0; number < 140_000; number++) all.put(idOf(number), placeOf(number));
    expect(Buffer.from(reopened(all).handle.image).equals(Buffer.from(third.handle.image))).toBe(
      true,
    );
  });

  it('of nothing is empty', () => {
    expect([...SharedIndex.create().imagePieces()]).toEqual([]);
    expect(located(reopened(SharedIndex.create()), 1)).toBeUndefined();
  });
});

describe('memory', () => {
  /** Tables of a fixed size, whatever the number of chunks. */
  const fixedBytes = memoryOf(SharedIndex.create(new SharedArrayBuffer(0)).handle);

  it('is at most 40 bytes a chunk while it grows', () => {
    const index = SharedIndex.create();
    let most = 0;
    for (let number = 0; number < 400_000; number++) {
      index.put(idOf(number), placeOf(number));
      if (number % 1000 === 999)
        most = Math.max(most, (memoryOf(index.handle) - fixedBytes) / (number + 1));
    }
    expect(most).toBeGreaterThan(30);
    expect(most).toBeLessThanOrEqual(40);
    expect(fixedBytes).toBeLessThan(6 * 1024 * 1024);
  });

  it('is at most 40 bytes a chunk while a new image is written', () => {
    const count = 300_000;
    const index = SharedIndex.create();
    for (let number = 0; number < count; number++) index.put(idOf(number), placeOf(number));
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (const _ of index.imagePieces())
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    // A piece and the counts of the buckets are there once; the order takes four bytes a chunk.
    const working = 3 * 1024 * 1024;
    expect(most).toBeGreaterThan(count * 4);
    expect(36 + (most - working) / count).toBeLessThanOrEqual(40);
  });
});

describe('threads that race', () => {
  /** Runs a thread to its end. */
  function ended(code: string, workerData: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(code, { eval: true, workerData });
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  }

  interface Race {
    readonly threads: number;
    readonly ids: number;
    /** Ids between two meetings: few make the threads meet again and again. */
    readonly step: number;
  }

  /** Every thread claims the same ids in the same order; gives how often each was won. */
  async function race(index: SharedIndex, { threads, ids, step }: Race): Promise<Int32Array> {
    const wins = new Int32Array(new SharedArrayBuffer(ids * 4));
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const code = `
      const { workerData } = require('node:worker_threads');
      const { url, handle, wins, gate, threads, step } = workerData;
      ${idOf.toString()}
      import(url).then(({ SharedIndex }) => {
        const index = SharedIndex.attach(handle);
        for (let number = 0, round = 1; number < wins.length; round++) {
          Atomics.add(gate, 0, 1);
          for (let spins = 0, met; (met = Atomics.load(gate, 0)) < round * threads; spins++) {
            // The others may have no processor just now.
            if (spins > 20_000) Atomics.wait(gate, 0, met, 1);
          }
          Atomics.notify(gate, 0);
          for (const end = Math.min(number + step, wins.length); number < end; number++) {
            if (index.claim(idOf(number))) Atomics.add(wins, number, 1);
          }
        }
      });`;
    const url = new URL('shared-index.ts', import.meta.url).href;
    const workerData = { url, handle: index.handle, wins, gate, threads, step };
    await Promise.all(Array.from({ length: threads }, () => ended(code, workerData)));
    return wins;
  }

  it('for the same chunk: exactly one wins', async () => {
    const index = SharedIndex.create();
    const ids = 60_000;
    const wins = await race(index, { threads: 3, ids, step: 64 });
    expect(wins.filter((count) => count !== 1)).toHaveLength(0);
    expect(index.claimedCount).toBe(ids);
  });

  it('for different chunks while the table grows: all are found by all', async () => {
    const index = SharedIndex.create();
    for (let number = 0; number < 1000; number++) index.put(idOf(number), placeOf(number));
    const code = `
      const { workerData } = require('node:worker_threads');
      const { url, handle, from, count, gate } = workerData;
      ${idOf.toString()}
      ${placeOf.toString()}
      import(url).then(({ SharedIndex }) => {
        const index = SharedIndex.attach(handle);
        Atomics.add(gate, 0, 1);
        let wrong = 0;
        for (let number = from; number < from + count; number++) {
          index.claim(idOf(number));
          index.put(idOf(number), placeOf(number));
          const location = { pack: 0, block: 0, offset: 0, length: 0 };
          const known = number % 1000;
          if (!index.locate(idOf(known), location) || location.offset !== known * 3) wrong += 1;
          if (!index.locate(idOf(number), location) || location.offset !== number * 3) wrong += 1;
        }
        Atomics.add(gate, 1, wrong);
      });`;
    const url = new URL('shared-index.ts', import.meta.url).href;
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const count = 70_000;
    await Promise.all(
      [1, 2, 3].map((part) =>
        ended(code, { url, handle: index.handle, from: part * 1_000_000, count, gate }),
      ),
    );
    expect([...gate]).toEqual([3, 0]);
    expect(index.tableCount).toBe(1000 + 3 * count);
    expect(index.claimedCount).toBe(0);
    expect(reopened(index).imageCount).toBe(1000 + 3 * count);
  });
});
