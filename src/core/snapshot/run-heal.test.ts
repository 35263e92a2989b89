import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestRepository,
  type Reported,
  type TestRepository,
  testSecret,
} from '../../../test/support/test-repository.ts';
import { treeImage } from '../../../test/support/tree-image.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { mendMarkers, planSync } from '../repository/index.ts';
import { repositoryHealth } from './repository-health.ts';
import { type HealSummary, runHeal, type RunHealOptions } from './run-heal.ts';
import { runVerify } from './run-verify.ts';
import { snapshotCopies } from './snapshot-copies.ts';

/** In all, three blocks of one pack. */
const fileBytes = 100_000;

let repository: TestRepository;
let source: string;
let packs: readonly string[];

beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2, context: { packBytes: 8 * 1024 * 1024 } });
  source = repository.path('source');
  mkdirSync(source);
  for (let number = 0; number < 30; number++) {
    writeFileSync(join(source, `f${number}`), seededBytes(`file ${number}`, fileBytes));
  }
  await repository.backup(source);
  packs = await keysOfPacks('data');
});
afterEach(() => repository[Symbol.dispose]());

async function keysOfPacks(kind: 'data' | 'tree'): Promise<readonly string[]> {
  const { summary } = await repository.use(true, ({ state }) =>
    state.packs.all().filter((pack) => pack.kind === kind),
  );
  return summary.map(({ name }) => `packs/${name.slice(0, 2)}/${name}`);
}

function heal(options: Partial<RunHealOptions> = {}): Promise<Reported<HealSummary>> {
  const full = { level: 'data', dryRun: false, host: 'test', ...options } as const;
  return repository.use(options.dryRun ?? false, (opened, context) =>
    runHeal(opened, full, context),
  );
}

/** Overwrites bytes with zeros in all mirrors, or deletes the object where no length is given. */
function spoil(key: string, from = 0, length?: number): void {
  for (const mirror of [1, 2]) {
    const path = join(repository.mirror(mirror), key);
    const bytes = readFileSync(path);
    if (length === undefined) rmSync(path);
    else writeFileSync(path, bytes.fill(0, from, Math.min(bytes.length, from + length)));
  }
}

const quarantined = (mirror: number): readonly string[] =>
  globSync('quarantine/packs/*/*/*', { cwd: repository.mirror(mirror) });

/** Packs without a good copy, what a sync would give the first mirror, and on how many snapshots are. */
async function owed(): Promise<{
  readonly nowhere: number;
  readonly owed: number;
  readonly complete: readonly number[];
}> {
  const { summary } = await repository.use(true, async (opened) => {
    const { packsByCopies } = await repositoryHealth(opened, opened.clock.now());
    const [first] = opened.mirrors.mirrors;
    const plan = await planSync(opened, first!);
    const complete = [...(await snapshotCopies(opened)).values()];
    return {
      nowhere: packsByCopies[0] ?? 0,
      owed: plan.owed.length,
      complete: complete.map((copies) => copies.complete),
    };
  });
  return summary;
}

async function restored(): Promise<{
  readonly missing: readonly string[];
  readonly codes: object;
}> {
  const target = repository.path('restored');
  const { problems } = await repository.restore(target);
  const image = treeImage(target + source);
  const missing: string[] = [];
  for (const [path, item] of treeImage(source)) {
    if (image.get(path)?.content !== item.content) missing.push(path);
  }
  rmSync(target, { recursive: true, force: true });
  return { missing, codes: problems };
}

describe('what only a mirror has that is not to be taken from', () => {
  it('is left, and never counts as lost: the good copy stays where it is', async () => {
    const [pack = ''] = packs;
    const path = join(repository.mirror(1), pack);
    const good = readFileSync(join(repository.mirror(2), pack));
    writeFileSync(path, Buffer.from(good).fill(0, 100, 300));
    const { summary, problems } = await heal({ from: 'm1' });
    expect(problems).toEqual(['NO_GOOD_COPY']);
    expect(summary).toMatchObject({ lost: 0, left: 1, mended: 0, salvaged: undefined });
    expect(readFileSync(join(repository.mirror(2), pack)).equals(good)).toBe(true);
    expect([...quarantined(1), ...quarantined(2)]).toEqual([]);
    for (const names of [{ from: 'm3' }, { mirror: 'm3' }]) {
      await expect(heal(names)).rejects.toMatchObject({ code: 'MIRROR_UNKNOWN' });
    }
    expect((await heal({ from: 'm2' })).summary).toMatchObject({ mended: 1, left: 0, lost: 0 });
    expect(readFileSync(path).equals(good)).toBe(true);
  });
});

describe('what no mirror has whole any more', () => {
  it('is saved block by block, and the rest is stored anew by the next backup', async () => {
    const [pack = ''] = packs;
    spoil(pack, 100, 200);
    const before = await restored();
    const { summary, problems } = await heal();
    expect(problems).toEqual(['OBJECT_NOT_MENDED']);
    expect(summary).toMatchObject({ lost: 1, left: 2, mended: 0, salvaged: { packs: 1 } });
    const { chunks = 0, chunksLost = 0 } = summary.salvaged ?? {};
    expect(Math.min(chunks, chunksLost)).toBeGreaterThan(0);
    // Nobody builds upon the damaged copies any more, and they are kept.
    for (const mirror of [1, 2]) {
      expect(existsSync(join(repository.mirror(mirror), pack))).toBe(false);
      expect(quarantined(mirror)).toHaveLength(1);
    }
    expect((await restored()).missing).toEqual(before.missing);
    expect(before.missing.length).toBeGreaterThan(0);
    expect(before.missing.length).toBeLessThan(15);
    await repository.backup(source);
    expect(await restored()).toEqual({ missing: [], codes: [] });
    const verified = await repository.verify('data');
    expect(verified.summary).toMatchObject({ findings: 0, lost: 0 });
    expect(await owed()).toEqual({ nowhere: 1, owed: 1, complete: [0, 0] });
    expect((await heal({ dryRun: true })).summary).toMatchObject({ findings: 0 });
    expect(await owed()).toMatchObject({ nowhere: 1 });
    expect((await heal()).summary).toMatchObject({ findings: 0, lost: 0, salvaged: undefined });
    // Its loss is over: nobody is asked for it any more.
    expect(await owed()).toEqual({ nowhere: 0, owed: 0, complete: [2, 2] });
    expect((await repository.verify('quick')).summary).toMatchObject({ findings: 0, lost: 0 });
    // Another one is a loss of its own.
    for (const key of await keysOfPacks('tree')) spoil(key);
    expect((await heal()).summary.lost).toBeGreaterThan(0);
    expect((await owed()).nowhere).toBeGreaterThan(1);
  });

  it('is read and saved as a whole where only what those without a key need is lost', async () => {
    const lost = [...packs.slice(0, 1), ...(await keysOfPacks('tree'))];
    for (const pack of lost) {
      const { size } = statSync(join(repository.mirror(1), pack));
      // Piece table and trailer, which says where the chunk table is.
      spoil(pack, size - 128 - 32 * Math.ceil(size / 65_536), size);
    }
    rmSync(repository.path('cache'), { recursive: true });
    expect((await restored()).missing).toEqual([]);
    const { summary } = await heal();
    expect(summary.salvaged).toMatchObject({ packs: lost.length, chunksLost: 0 });
    expect(await restored()).toEqual({ missing: [], codes: [] });
  });

  it('is kept until a later run has read every byte of every mirror', async () => {
    const [pack = ''] = packs;
    const path = join(repository.mirror(1), pack);
    writeFileSync(path, readFileSync(path).fill(0, 100, 200));
    expect((await heal()).summary).toMatchObject({ mended: 1, left: 0 });
    expect(quarantined(1)).toHaveLength(1);
    await heal({ level: 'structure' });
    await heal({ dryRun: true });
    renameSync(repository.mirror(2), repository.path('away'));
    await heal();
    expect(quarantined(1)).toHaveLength(1);
    renameSync(repository.path('away'), repository.mirror(2));
    await heal();
    expect(quarantined(1)).toEqual([]);
  });

  it('is not given up while a mirror is missing', async () => {
    const [pack = ''] = packs;
    spoil(pack, 100, 200);
    renameSync(repository.mirror(2), repository.path('away'));
    const image = readFileSync(join(repository.mirror(1), pack));
    const { summary, monitor } = await heal();
    expect(summary).toMatchObject({ lost: 1, salvaged: undefined });
    expect(monitor.notes.join('\n')).toContain('may be whole in m2');
    expect(readFileSync(join(repository.mirror(1), pack)).equals(image)).toBe(true);
    expect(quarantined(1)).toEqual([]);
  });

  it('stays where it is if what was saved cannot be stored', async () => {
    const [pack = ''] = packs;
    spoil(pack, 100, 200);
    const broken = async (): Promise<never> => {
      throw new Error('the disk is full');
    };
    const failing = repository.use(false, async (opened, context) => {
      Object.assign(opened.mirrors, { put: broken });
      return runHeal(opened, { level: 'data', dryRun: false, host: 'test' }, context);
    });
    await expect(failing).rejects.toThrow('the disk is full');
    for (const mirror of [1, 2]) {
      expect(existsSync(join(repository.mirror(mirror), pack))).toBe(true);
    }
  });

  it('is only named in a dry run', async () => {
    const [pack = ''] = packs;
    spoil(pack);
    const before = treeImage(repository.mirror(1));
    const { summary } = await heal({ dryRun: true });
    expect(summary).toMatchObject({ findings: 2, mended: 0, lost: 0, salvaged: undefined });
    expect(treeImage(repository.mirror(1))).toEqual(before);
  });

  it('of the trees is stored anew from the source', async () => {
    for (const key of await keysOfPacks('tree')) spoil(key);
    expect((await heal()).summary.lost).toBeGreaterThan(0);
    await repository.backup(source);
    expect(await restored()).toEqual({ missing: [], codes: [] });
  });
});

describe('files that chance picks', () => {
  const sample = async (
    samples: number,
  ): Promise<Reported<Awaited<ReturnType<typeof runVerify>>>> =>
    repository.use(true, (opened, context) =>
      runVerify(opened, { level: 'quick', samples }, context),
    );

  it('are read back whole, and counted', async () => {
    const { summary, problems } = await sample(20);
    expect(summary.samples).toEqual({ files: 20, bytes: 20 * fileBytes, lost: 0 });
    expect(problems).toEqual([]);
  });

  it('that cannot be read are named', async () => {
    for (const key of packs) spoil(key, 64, 4_000_000);
    const { summary, problems } = await sample(5);
    expect(summary.samples?.lost).toBe(5);
    expect(summary.lost).toBeGreaterThanOrEqual(5);
    expect([...new Set(problems)]).toEqual(['SAMPLE_LOST']);
  });

  it('are none where there is no file', async () => {
    using empty = await createTestRepository();
    mkdirSync(empty.path('source'));
    await empty.backup(empty.path('source'));
    const { summary } = await empty.use(true, (opened, context) =>
      runVerify(opened, { level: 'quick', samples: 3 }, context),
    );
    expect(summary.samples).toEqual({ files: 0, bytes: 0, lost: 0 });
  });
});

describe('a marker', () => {
  const markerOf = (mirror: number): string => join(repository.mirror(mirror), 'mirror');
  const mend = async (dryRun = false): Promise<number> =>
    mendMarkers(
      repository.places,
      { secret: testSecret, dryRun },
      repository.context(new CollectingMonitor()),
    );

  it('is written anew under the id that the journal knows', async () => {
    const before = [1, 2].map((mirror) => readFileSync(markerOf(mirror)));
    rmSync(markerOf(1));
    writeFileSync(markerOf(2), '');
    expect(await mend(true)).toBe(2);
    expect(existsSync(markerOf(1))).toBe(false);
    expect(await mend()).toBe(2);
    expect([1, 2].map((mirror) => readFileSync(markerOf(mirror)))).toEqual(before);
    expect(await mend()).toBe(0);
  });

  it('of another repository is seen for what it is by the config beside it', async () => {
    const before = readFileSync(markerOf(1));
    using other = await createTestRepository();
    writeFileSync(markerOf(1), readFileSync(join(other.mirror(), 'mirror')));
    expect(await restored()).toEqual({ missing: [], codes: [] });
    expect(await mend()).toBe(1);
    expect(readFileSync(markerOf(1))).toEqual(before);
  });

  it('is not made in a place that shows nothing of the repository', async () => {
    rmSync(repository.mirror(1), { recursive: true });
    mkdirSync(repository.mirror(1));
    expect(await mend()).toBe(0);
    expect(existsSync(markerOf(1))).toBe(false);
  });

  it.skipIf(process.getuid?.() === 0)('that cannot be read is left alone', async () => {
    chmodSync(markerOf(1), 0);
    expect(await mend()).toBe(0);
    expect(statSync(markerOf(1)).mode & 0o777).toBe(0);
  });
});

describe('what was not chosen', () => {
  it('is left alone and counted, whether by mirror or by object', async () => {
    const [pack = ''] = packs;
    const { summary: name } = await repository.use(true, ({ state }) => state.packs.all());
    const tree = name.find(({ kind }) => kind === 'tree')?.name ?? '';
    const treeKey = `packs/${tree.slice(0, 2)}/${tree}`;
    rmSync(join(repository.mirror(1), pack));
    rmSync(join(repository.mirror(2), treeKey));
    const none = await heal({ mirror: 'm1', object: treeKey });
    expect(none.summary).toMatchObject({ mended: 0, left: 0, unchosen: 2, findings: 2 });
    const first = await heal({ mirror: 'm1' });
    expect(first.summary).toMatchObject({ mended: 1, left: 0, unchosen: 1 });
    expect(existsSync(join(repository.mirror(2), treeKey))).toBe(false);
    const second = await heal({ object: treeKey });
    expect(second.summary).toMatchObject({ mended: 1, left: 0, unchosen: 0, findings: 1 });
    expect((await heal()).summary).toMatchObject({ mended: 0, unchosen: 0, findings: 0 });
    await expect(heal({ object: 'packs/none' })).rejects.toMatchObject({ code: 'OBJECT_UNKNOWN' });
  });
});
