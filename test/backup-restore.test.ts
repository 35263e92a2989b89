import {
  appendFileSync,
  chmodSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
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

  describe('into a new directory, when writing begins before the plan is complete', () => {
    it('as it was', async () => {
      using repository = await createTestRepository();
      const source = sourceWithDirectories(repository.path('source'));
      await repository.backup(source);
      const image = treeImage(source);
      const target = repository.path('target');
      const { problems } = await repository.restore(target, { beginAfter: 1, verify: true });
      expect(problems).toEqual([]);
      expect(treeImage(join(target, source))).toEqual(image);
    });

    it('but for what is damaged, each file of which is named once', async () => {
      using repository = await createTestRepository();
      const source = sourceWithDirectories(repository.path('source'));
      await repository.backup(source);
      damage(largestPackOf(repository.mirror()));
      const target = repository.path('target');
      const { monitor, summary } = await repository.restore(target, { beginAfter: 1 });
      const [wanted, restored] = [treeImage(source), treeImage(join(target, source))];
      const named = monitor.problems.map(({ message }) => message);
      const wrong = [...wanted].filter(
        ([path, { kind, content }]) => kind === 'file' && restored.get(path)?.content !== content,
      );
      expect(new Set(monitor.problems.map(({ code }) => code))).toEqual(new Set(['CONTENT_LOST']));
      for (const [path] of wrong) {
        expect(named.filter((message) => message.includes(`/${path} `))).toHaveLength(1);
      }
      expect(named).toHaveLength(wrong.length);
      const files = [...wanted.values()].filter(({ kind }) => kind === 'file').length;
      expect(summary.filesRestored).toBe(files - wrong.length);
    });
  });
});

/** Enough entries, and content for enough blocks, that a plan of them is begun with early. */
function sourceWithDirectories(path: string): string {
  const random = new SeededRandom(3);
  mkdirSync(path);
  for (let directory = 0; directory < 20; directory++) {
    const at = join(path, `directory-${directory}`);
    mkdirSync(at);
    for (let file = 0; file < 40; file++) {
      const bytes = file % 10 === 0 ? 200 : 2000 + file * 250;
      writeFileSync(join(at, `file-${file}`), random.bytes(bytes));
    }
    if (directory % 4 === 0) writeFileSync(join(at, 'large'), random.bytes(300_000));
    writeFileSync(join(at, 'same'), new SeededRandom(4).bytes(5000));
  }
  return path;
}

function largestPackOf(mirror: string): string {
  const packs = globSync('packs/*/*', { cwd: mirror }).map((name) => join(mirror, name));
  const [largest] = packs.sort((a, b) => statSync(b).size - statSync(a).size);
  if (largest === undefined) throw new Error('The mirror has no pack');
  return largest;
}

/** Changes bytes of the first block. */
function damage(pack: string): void {
  chmodSync(pack, 0o600);
  const fd = openSync(pack, 'r+');
  writeSync(fd, 'damage', 10_000);
  closeSync(fd);
}

function sourceWithFiles(path: string): string {
  mkdirSync(path);
  writeFileSync(join(path, 'large'), new SeededRandom(1).bytes(2_000_000));
  writeFileSync(join(path, 'small'), new SeededRandom(2).bytes(5000));
  writeFileSync(join(path, 'inline'), 'a few bytes');
  writeFileSync(join(path, 'empty'), '');
  return path;
}
