import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createTestRepository } from '../../../test/support/test-repository.ts';
import { waitingPacksOf, type SealedPack } from '../workers/index.ts';
import { TreeStore } from './tree-store.ts';

test('packs of trees that wait for the mirrors are few, and their buffers are used again', async () => {
  using world = await createTestRepository();
  await world.use(false, async (repository, context) => {
    await repository.loadIndex(context.signal);
    const waiting: { readonly pack: SealedPack; readonly release: () => void }[] = [];
    const buffers = new Set<SharedArrayBuffer>();
    let packs = 0;
    const trees = new TreeStore(repository, (pack, release) => {
      packs += 1;
      buffers.add(pack.buffer);
      waiting.push({ pack, release });
    });
    const most = waitingPacksOf(repository.packBytes);
    const waited: { readonly packs: number; readonly isReady: boolean }[] = [];
    for (let count = 0; count < 24; count++) {
      if (trees.isFull) {
        let isReady = false;
        const ready = trees.ready().then(() => (isReady = true));
        await new Promise(setImmediate);
        waited.push({ packs: waiting.length, isReady });
        waiting.shift()?.release();
        await ready;
      }
      // Two pages of this size, which cannot be compressed, fill a block, and a block fills a pack.
      trees.put('tree', randomBytes(600_000));
    }
    expect(packs).toBe(12);
    expect(waited.length).toBeGreaterThan(5);
    expect(waited.every((now) => now.packs === most && !now.isReady)).toBe(true);
    expect(buffers.size).toBeLessThanOrEqual(most + 1);
  });
});

test('as many packs may wait as take little memory, and always one', () => {
  const mebibyte = 2 ** 20;
  const sizes = [0.25, 16, 32, 64, 256].map((size) => size * mebibyte);
  expect(sizes.map(waitingPacksOf)).toEqual([3, 3, 1, 1, 1]);
});
