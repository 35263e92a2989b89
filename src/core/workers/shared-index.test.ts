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

describe('threads that race', () => {
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
    await Promise.all(
      Array.from(
        { length: threads },
        () =>
          new Promise<void>((resolve, reject) => {
            const worker = new Worker(code, { eval: true, workerData });
            worker.on('error', reject);
            worker.on('exit', () => resolve());
          }),
      ),
    );
    return wins;
  }

  it('for the same chunk: exactly one wins', async () => {
    const index = SharedIndex.create();
    const ids = 100_000;
    const wins = await race(index, { threads: 2, ids, step: 64 });
    expect(wins.filter((count) => count !== 1)).toHaveLength(0);
    expect(index.claimedCount).toBe(ids);
  });
});
