import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
  openSync,
  closeSync,
  readdirSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, asyncProperty } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertRestores,
  assertSound,
  assertStoredOnce,
  type TreeImage,
} from './support/assert-sound.ts';
import { SeededRandom } from './support/seeded-random.ts';
import { applyEdits, arbitraryEdit } from './support/tree-edits.ts';
import { createTestRepository } from './support/test-repository.ts';
import { treeImage } from './support/tree-image.ts';

const testMs = 120_000;

describe('what was saved comes back', () => {
  it(
    'whatever changed from snapshot to snapshot',
    async () => {
      const rounds = array(array(arbitraryEdit, { minLength: 1, maxLength: 12 }), {
        minLength: 1,
        maxLength: 4,
      });
      await assert(
        asyncProperty(rounds, async (edits) => {
          using repository = await createTestRepository({ mirrors: 2 });
          const source = repository.path('source');
          mkdirSync(source);
          const images = new Map<string, TreeImage>();
          for (const round of edits) {
            applyEdits(source, round);
            const { summary } = await repository.backup(source);
            images.set(summary.snapshotId ?? '', treeImage(source));
          }
          await assertStoredOnce(repository);
          await assertRestores(repository, { source, images });
        }),
        { numRuns: 6 },
      );
    },
    testMs,
  );

  it('with nothing read again where nothing changed', async () => {
    using repository = await createTestRepository();
    const source = sourceWithFiles(repository.path('source'));
    // Until the files are older than the scan by more than any file system's clock is coarse.
    await new Promise((resolve) => setTimeout(resolve, 2100));
    await repository.backup(source);
    const { summary } = await repository.backup(source);
    expect(summary).toMatchObject({ bytesRead: 0, filesNew: 0, filesChanged: 0 });
    // Directories above the source may have changed meanwhile.
    expect(summary.bytesNew).toBeLessThan(1024);
    await assertSound(repository, { source });
    // Files that are asked for by their own paths, in directories that are no part of the source.
    const paths = readdirSync(source, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(source, name));
    await repository.backup(paths);
    const again = await repository.backup(paths);
    expect(again.summary).toMatchObject({ bytesRead: 0, filesUnchanged: paths.length });
    expect(paths.length).toBeGreaterThan(0);
  });

  it('with only the damaged chunks fetched where the rest is there', async () => {
    using repository = await createTestRepository();
    const source = sourceWithFiles(repository.path('source'));
    await repository.backup(source);
    const target = mkdtempSync(join(tmpdir(), 'versions-test-'));
    try {
      const whole = await repository.restore(target);
      const restored = join(target, source, 'large');
      const fd = openSync(restored, 'r+');
      writeSync(fd, 'damage', 1_000_000);
      closeSync(fd);
      appendFileSync(restored, 'more');
      truncateSync(join(target, source, 'small'), 3);
      const { summary, problems } = await repository.restore(target, { verify: true });
      expect(problems).toEqual([]);
      expect(summary.filesRestored).toBe(2);
      expect(summary.bytesWritten).toBeLessThan(whole.summary.bytesWritten / 2);
      expect(treeImage(join(target, source))).toEqual(treeImage(source));
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
});

function sourceWithFiles(path: string): string {
  mkdirSync(path);
  writeFileSync(join(path, 'large'), new SeededRandom(1).bytes(2_000_000));
  writeFileSync(join(path, 'small'), new SeededRandom(2).bytes(5000));
  writeFileSync(join(path, 'inline'), 'a few bytes');
  writeFileSync(join(path, 'empty'), '');
  return path;
}
