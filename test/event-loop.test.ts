/** While packs are on their way to mirrors, nothing may keep the main thread from its sockets. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore, RecordingStore } from '../src/core/store/index.ts';
import { seededBytes } from './support/seeded-random.ts';
import { createTestRepository } from './support/test-repository.ts';

const blockedMsMax = 50;

/** Notes the most processor time that this thread took between two turns of a timer. */
class TurnWatch implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #before: NodeJS.CpuUsage = process.threadCpuUsage();
  turns = 0;
  longestMs = 0;

  constructor(isWatching: () => boolean) {
    this.#timer = setInterval(() => {
      const { user, system } = process.threadCpuUsage(this.#before);
      this.#before = process.threadCpuUsage();
      if (!isWatching()) return;
      this.turns += 1;
      this.longestMs = Math.max(this.longestMs, (user + system) / 1000);
    }, 1);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

// Processor time instead of that of the clock: what else this machine does is no fault of ours.
test('a backup keeps the event loop for less than 50 ms of processor time from its first call to store something on', async () => {
  let putCount = 0;
  using repository = await createTestRepository({
    context: {
      doors: {
        openStore: async (url, options) =>
          new RecordingStore(await openStore(url, options), ({ method }) => {
            if (method === 'put') putCount += 1;
          }),
      },
    },
  });
  const source = repository.path('source');
  // Both kinds that could take long: a wide directory, and many of them.
  for (let file = 0; file < 6000; file += 1) {
    const directory = join(source, file < 4000 ? 'wide' : `d${file % 250}`);
    if (file === 0 || file >= 4000) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${file}`), seededBytes(file, 1500));
  }
  const putBefore = putCount;
  // The first thing that a run stores is that it has begun; then it scans and stores at once.
  using watch = new TurnWatch(() => putCount > putBefore);
  const { summary } = await repository.backup(source);
  expect(summary.filesNew).toBe(6000);
  expect(putCount - putBefore).toBeGreaterThan(5);
  expect(watch.turns).toBeGreaterThan(20);
  expect(watch.longestMs).toBeLessThan(blockedMsMax);
});
