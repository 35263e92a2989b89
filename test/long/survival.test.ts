import { spawn } from 'node:child_process';
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { systemClock, VersionsError } from '../../src/core/index.ts';
import { FaultyStore, openStore } from '../../src/core/store/index.ts';
import { assertRestores, assertSound, type TreeImage } from '../support/assert-sound.ts';
import type { CrashOrder } from '../support/crash-child.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import {
  createTestRepository,
  type TestBackupOptions,
  type TestRepository,
} from '../support/test-repository.ts';
import { treeImage } from '../support/tree-image.ts';

/** What must survive that is no kill: mirrors that fail or come back old, clocks, neighbours. */

const testMs = 60_000;
/** Nothing is too young to be sure of. */
const later = { ...systemClock, now: (): number => Date.now() + 3_600_000 };
const ioError = new VersionsError('Unavailable', 'STORE_FAILED', 'Input/output error');

function makeSource(repository: TestRepository, name = 'source'): string {
  const source = repository.path(name);
  mkdirSync(`${source}/a/deep`, { recursive: true });
  mkdirSync(`${source}/b`);
  const random = new SeededRandom(name);
  writeFileSync(`${source}/a/large`, random.bytes(900_000));
  writeFileSync(`${source}/a/deep/file`, random.bytes(40_000));
  writeFileSync(`${source}/b/small`, 'small');
  return source;
}

describe('a mirror', () => {
  it(
    'that comes back from an older copy is told, and nothing is built upon what it lost',
    { timeout: testMs },
    async () => {
      using repository = await createTestRepository({ context: { clock: later } });
      const source = makeSource(repository);
      const images = new Map<string, TreeImage>();
      await saved(repository, source, images);
      cpSync(repository.mirror(), repository.path('old'), { recursive: true });
      writeFileSync(`${source}/a/later`, new SeededRandom('later').bytes(300_000));
      const { summary: lost } = await saved(repository, source, images);
      rmSync(repository.mirror(), { recursive: true });
      renameSync(repository.path('old'), repository.mirror());
      const { summary, monitor } = await saved(repository, source, images);
      expect(monitor.findings).toMatchObject([{ kind: 'stale', mirror: 'm1', healable: false }]);
      expect(summary.debts).toBeGreaterThan(0);
      const others = (await repository.snapshots()).filter(({ id }) => id !== lost.snapshotId);
      expect(others).toHaveLength(2);
      await assertRestores(repository, { source, images, snapshots: others });
      // The source cannot give back how the directories above it looked. That is said, of this
      // snapshot and of those directories alone: what is below the source is there again.
      const verified = await repository.verify('data');
      expect(verified.problems).toEqual(['SNAPSHOT_INCOMPLETE']);
      const [said] = verified.monitor.problems.map(({ message }) => message);
      const [, id, path] = /^Snapshot (\w+) has lost (.*): /.exec(said ?? '') ?? [];
      expect(lost.snapshotId?.startsWith(id ?? 'none')).toBe(true);
      expect({ path, leadsToSource: source.startsWith(path ?? 'none') }).toEqual({
        path,
        leadsToSource: true,
      });
      const again = await saved(repository, source, images);
      expect(again.summary.bytesRead).toBe(0);
    },
  );

  it(
    'that lost packs of content has it again for older snapshots too',
    { timeout: testMs },
    async () => {
      using repository = await createTestRepository({ context: { clock: later } });
      const source = makeSource(repository);
      const images = new Map<string, TreeImage>();
      await saved(repository, source, images);
      cpSync(repository.mirror(), repository.path('old'), { recursive: true });
      const before = await packsOf(repository, 'data');
      writeFileSync(`${source}/a/later`, new SeededRandom('later').bytes(300_000));
      await saved(repository, source, images);
      const lost = (await packsOf(repository, 'data')).filter((name) => !before.includes(name));
      expect(lost.length).toBeGreaterThan(0);
      // Its trees it still has.
      for (const name of await packsOf(repository, 'tree')) {
        const key = `packs/${name.slice(0, 2)}/${name}`;
        cpSync(`${repository.mirror()}/${key}`, `${repository.path('old')}/${key}`);
      }
      rmSync(repository.mirror(), { recursive: true });
      renameSync(repository.path('old'), repository.mirror());
      const { monitor } = await saved(repository, source, images);
      expect(monitor.findings).toMatchObject([{ kind: 'stale', mirror: 'm1' }]);
      await assertRestores(repository, { source, images });
      expect((await repository.snapshots()).length).toBe(3);
      const verified = await repository.verify('data');
      expect(verified.problems).toEqual([]);
      // All that was in them lies elsewhere by now, so there is nothing to tell any more.
      expect(verified.monitor.findings).toEqual([]);
    },
  );

  it(
    'of two that comes back from an older copy owes what it lacks',
    { timeout: testMs },
    async () => {
      using repository = await createTestRepository({ mirrors: 2, context: { clock: later } });
      const source = makeSource(repository);
      const images = new Map<string, TreeImage>();
      await saved(repository, source, images);
      cpSync(repository.mirror(2), repository.path('old'), { recursive: true });
      writeFileSync(`${source}/a/later`, 'x'.repeat(50_000));
      await saved(repository, source, images);
      rmSync(repository.mirror(2), { recursive: true });
      renameSync(repository.path('old'), repository.mirror(2));
      const { monitor, summary } = await saved(repository, source, images);
      expect(monitor.findings).toMatchObject([{ kind: 'stale', mirror: 'm2', healable: true }]);
      expect(summary.bytesRead).toBe(0);
      const verified = await repository.verify('data');
      expect(verified.summary.lost).toBe(0);
      await assertSound(repository, { source, images, mayLack: true });
    },
  );

  it(
    'that fails while it is written to or listed leaves the others to go on',
    { timeout: testMs },
    async () => {
      using repository = await createTestRepository({ mirrors: 2 });
      const source = makeSource(repository);
      const images = new Map<string, TreeImage>();
      for (const method of ['put', 'list', 'head'] as const) {
        writeFileSync(`${source}/b/${method}`, new SeededRandom(method).bytes(100_000));
        const { problems, summary } = await saved(repository, source, images, {
          context: {
            doors: {
              openStore: async (url, options) => {
                const store = new FaultyStore(await openStore(url, options));
                if (url.endsWith('m2')) store.on(method).fails(ioError).always();
                return store;
              },
            },
          },
        });
        expect({ method, problems, partial: summary.partial }).toEqual({
          method,
          problems: [],
          partial: false,
        });
      }
      await assertSound(repository, { source, images, mayLack: true });
    },
  );

  it('that comes back empty is absent and stays empty', { timeout: testMs }, async () => {
    using repository = await createTestRepository({ mirrors: 2 });
    const source = makeSource(repository);
    const images = new Map<string, TreeImage>();
    await saved(repository, source, images);
    rmSync(repository.mirror(2), { recursive: true });
    mkdirSync(repository.mirror(2));
    writeFileSync(`${source}/b/more`, 'more');
    const { summary, monitor } = await saved(repository, source, images);
    expect(monitor.findings).toMatchObject([{ kind: 'absent', mirror: 'm2' }]);
    expect(summary.partial).toBe(false);
    expect(readdirSync(repository.mirror(2))).toEqual([]);
    await assertRestores(repository, { source, images });
  });

  it(
    'that is alone and fails stops the backup, and the next one goes on',
    { timeout: testMs },
    async () => {
      using repository = await createTestRepository();
      const source = makeSource(repository);
      const failed = repository.backup(source, {
        context: {
          doors: {
            openStore: async (url, options) => {
              const store = new FaultyStore(await openStore(url, options));
              store
                .on('put', /^packs/)
                .fails(ioError)
                .always()
                .after(1);
              return store;
            },
          },
        },
      });
      await expect(failed).rejects.toMatchObject({ code: 'QUORUM_LOST' });
      expect(await repository.snapshots()).toEqual([]);
      await assertSound(repository, { source });
    },
  );
});

describe('a mirror that hangs', () => {
  it.each(['put', 'head', 'list', 'get'] as const)(
    'in %s is owed what it was not given, and the backup goes on',
    { timeout: testMs },
    async (method) => {
      using repository = await createTestRepository({ mirrors: 2, mirrorsMin: 1 });
      const source = makeSource(repository);
      const images = new Map<string, TreeImage>();
      await saved(repository, source, images);
      writeFileSync(`${source}/b/more`, new SeededRandom('more').bytes(300_000));
      const { problems, summary } = await saved(repository, source, images, {
        context: {
          callMsMax: 300,
          doors: {
            openStore: async (url, options) => {
              const store = new FaultyStore(await openStore(url, options));
              // Its marker it still shows.
              if (url.endsWith('m2'))
                store
                  .on(method, /^(?!mirror$)/)
                  .waits(3_600_000)
                  .always();
              return store;
            },
          },
        },
      });
      expect({ problems, partial: summary.partial }).toEqual({ problems: [], partial: false });
      await assertSound(repository, { source, images, mayLack: true });
    },
  );
});

describe('hard links', () => {
  it('hold when one of their directories is renamed', { timeout: testMs }, async () => {
    using repository = await createTestRepository({ context: { clock: later } });
    const source = makeSource(repository);
    writeFileSync(`${source}/a/name`, 'x'.repeat(1000));
    linkSync(`${source}/a/name`, `${source}/b/name`);
    await repository.backup(source);
    renameSync(`${source}/a`, `${source}/c`);
    await repository.backup(source);
    writeFileSync(`${source}/aa`, 'x'.repeat(1000));
    await repository.backup(source);
    const target = repository.path('target');
    await repository.restore(target);
    expect(treeImage(target + source)).toEqual(treeImage(source));
    expect(statSync(`${target}${source}/b/name`).nlink).toBe(2);
  });
});

describe('two clients of one machine', () => {
  it('both commit, and both snapshots come back', { timeout: testMs }, async () => {
    using repository = await createTestRepository({ mirrors: 2 });
    const sources = [makeSource(repository, 'one'), makeSource(repository, 'two')];
    const ends = await Promise.all(sources.map((source) => backupInProcess(repository, source)));
    expect(ends).toEqual(['', '']);
    for (const snapshot of await repository.snapshots()) {
      const target = repository.path('target');
      const { problems } = await repository.restore(target, { snapshot });
      const source = snapshot.paths[0] ?? '';
      expect(problems).toEqual([]);
      expect(treeImage(target + source)).toEqual(treeImage(source));
      rmSync(target, { recursive: true });
    }
    expect(await repository.snapshots()).toHaveLength(2);
    const { summary, problems } = await repository.verify('data');
    expect({ lost: summary.lost, problems }).toEqual({ lost: 0, problems: [] });
  });

  it('of the same paths leave notes that miss no later change', { timeout: testMs }, async () => {
    using repository = await createTestRepository({ mirrors: 1 });
    const source = makeSource(repository);
    await repository.backup(source, { context: { clock: later } });
    for (let round = 0; round < 3; round++) {
      writeFileSync(`${source}/a/deep/file`, `round ${round}`);
      const first = backupInProcess(repository, source);
      writeFileSync(`${source}/b/small`, `round ${round}`);
      const second = backupInProcess(repository, source);
      expect(await Promise.all([first, second])).toEqual(['', '']);
      await repository.backup(source, { context: { clock: later } });
      const target = repository.path('target');
      await repository.restore(target);
      expect(treeImage(target + source)).toEqual(treeImage(source));
      rmSync(target, { recursive: true });
    }
  });
});

describe('a clock', () => {
  it('that jumps back and forth loses no change', { timeout: testMs }, async () => {
    using repository = await createTestRepository();
    const source = makeSource(repository);
    const day = 86_400_000;
    for (const [at, jump] of [0, 40 * day, -400 * day, 0].entries()) {
      writeFileSync(`${source}/b/small`, `at ${at}`);
      utimesSync(`${source}/b/small`, 1000, 1000);
      const clock = { ...systemClock, now: () => Date.now() + jump };
      const { summary } = await repository.backup(source, { context: { clock } });
      const snapshot = (await repository.snapshots()).find(({ id }) => id === summary.snapshotId);
      const target = repository.path('target');
      await repository.restore(target, snapshot && { snapshot });
      expect(treeImage(target + source)).toEqual(treeImage(source));
      rmSync(target, { recursive: true });
    }
  });
});

/** Names of the packs of a kind. */
async function packsOf(
  repository: TestRepository,
  kind: 'data' | 'tree',
): Promise<readonly string[]> {
  const { summary } = await repository.use(true, ({ state }) => state.packs.all());
  return summary.filter((pack) => pack.kind === kind).map(({ name }) => name);
}

/** A backup, and what its snapshot must restore to from now on. */
async function saved(
  repository: TestRepository,
  source: string,
  images: Map<string, TreeImage>,
  options?: TestBackupOptions,
): ReturnType<TestRepository['backup']> {
  const reported = await repository.backup(source, options);
  images.set(reported.summary.snapshotId ?? '', treeImage(source));
  return reported;
}

const child = fileURLToPath(new URL('../support/crash-child.ts', import.meta.url));

/** Resolves to what went wrong; empty if nothing did. */
function backupInProcess({ root, places }: TestRepository, source: string): Promise<string> {
  const order: CrashOrder = { root, places, operation: 'backup', source, killAt: 0 };
  const process_ = spawn(process.execPath, [child, JSON.stringify(order)]);
  let err = '';
  process_.stderr.on('data', (part: Buffer) => (err += part.toString()));
  return new Promise((resolve) => {
    process_.on('close', (code) => resolve(code === 0 ? '' : `${code}: ${err}`));
  });
}
