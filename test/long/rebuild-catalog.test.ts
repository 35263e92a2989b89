import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertSound, type TreeImage } from '../support/assert-sound.ts';
import { RecordingCatalog } from '../support/recording-catalog.ts';
import { seededBytes } from '../support/seeded-random.ts';
import {
  createTestRepository,
  type Reported,
  type TestRepository,
  testSecret,
} from '../support/test-repository.ts';
import { treeImage } from '../support/tree-image.ts';
import { openCatalog } from '../../src/core/catalog/index.ts';
import { VersionsError } from '../../src/core/errors/index.ts';
import { CollectingMonitor } from '../../src/core/monitor/index.ts';
import { pieceTableBytes, trailerBytes, writePackEnd } from '../../src/core/format/index.ts';
import { openStore, RecordingStore } from '../../src/core/store/index.ts';
import { rebuildCatalog, type Rebuilt } from '../../src/core/rebuild/index.ts';

let repository: TestRepository;
let source: string;
/** What each snapshot must restore to. */
let images: Map<string, TreeImage>;

beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2, mirrorsMin: 1 });
  source = repository.path('source');
  images = new Map();
  mkdirSync(join(source, 'sub'), { recursive: true });
  writeFileSync(join(source, 'large'), seededBytes('large', 600_000));
  writeFileSync(join(source, 'sub', 'inline'), 'inline');
});
afterEach(() => repository[Symbol.dispose]());

/** A backup of the source after a change. */
async function save(name: string, of: TestRepository = repository): Promise<void> {
  writeFileSync(join(source, name), seededBytes(name, 90_000));
  const { summary } = await of.backup(source);
  images.set(summary.snapshotId ?? '', treeImage(source));
}

/** As `save`, without noting what it must restore to. */
function saveWith(
  name: string,
  context: { readonly checkpointEntries: number },
): ReturnType<TestRepository['backup']> {
  writeFileSync(join(source, name), seededBytes(name, 90_000));
  return repository.backup(source, { context });
}

async function rebuild(
  options: { readonly from?: string; readonly of?: TestRepository } = {},
): Promise<Reported<Rebuilt>> {
  const { of = repository, from } = options;
  const monitor = new CollectingMonitor();
  const { catalog = '', ...places } = of.places;
  const given = { secret: testSecret, from };
  const summary = await rebuildCatalog({ ...places, catalog }, given, of.context(monitor));
  return { summary, monitor, problems: monitor.problems.map(({ code }) => code) };
}

const ids = async (of: TestRepository = repository): Promise<string[]> =>
  (await of.snapshots()).map(({ id }) => id).sort();

/** The journal entries of a mirror, by number. */
function entriesOf(mirror: string): { readonly path: string; readonly number: number }[] {
  return readdirSync(join(mirror, 'journal'), { recursive: true, encoding: 'utf8' })
    .flatMap((path) => {
      const number = /(\d{12})-[0-9a-f]{64}$/.exec(path)?.[1];
      return number === undefined
        ? []
        : [{ path: join(mirror, 'journal', path), number: Number(number) }];
    })
    .sort((a, b) => a.number - b.number);
}

function loseEntries(isLost: (number: number, last: number) => boolean): void {
  for (const mirror of [repository.mirror(1), repository.mirror(2)]) {
    const entries = entriesOf(mirror);
    const last = entries.at(-1)?.number ?? 0;
    for (const { path, number } of entries) if (isLost(number, last)) rmSync(path);
  }
}

function loseJournals(): void {
  for (const mirror of [repository.mirror(1), repository.mirror(2)]) {
    for (const part of ['journal', 'payloads']) {
      rmSync(join(mirror, part), { recursive: true, force: true });
    }
  }
}

function packsIn(mirror: string): string[] {
  return readdirSync(join(mirror, 'packs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /[0-9a-f]{64}$/.test(path))
    .map((path) => join(mirror, 'packs', path));
}

/** Every snapshot is there and restores to what it was made of; the next backup has no problem. */
async function assertBack(): Promise<void> {
  expect(await ids()).toEqual([...images.keys()].sort());
  for (const snapshot of await repository.snapshots()) {
    const target = repository.path('target');
    expect((await repository.restore(target, { snapshot })).problems).toEqual([]);
    expect(treeImage(target + source)).toEqual(images.get(snapshot.id));
    rmSync(target, { recursive: true });
  }
  expect((await repository.backup(source)).problems).toEqual([]);
}

describe('a catalog that is lost', () => {
  it('comes back from the journals, and everything with it', async () => {
    await save('a');
    await save('b');
    rmSync(repository.catalogFile);
    const { summary, problems } = await rebuild();
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ merged: 0, packsFound: 0, recovered: 0, notAsked: [] });
    await assertBack();
  });

  it('is not needed: a whole one is kept beside the new one, and is seen to be old', async () => {
    await save('a');
    cpSync(repository.catalogFile, repository.path('old.db'));
    const { monitor } = await rebuild();
    expect(monitor.notes.join()).toMatch(/kept as .*catalog\.db\.before-/);
    const old = repository.with({
      catalog: `sqlite:${repository.path('old.db')}`,
      cacheDir: repository.path('old-cache'),
    });
    await expect(old.backup(source)).rejects.toMatchObject({ code: 'FOREIGN_LINEAGE' });
    await assertBack();
  });

  it('may be damaged in any way', async () => {
    await save('a');
    const whole = readFileSync(repository.catalogFile);
    for (const bad of [
      Buffer.alloc(0),
      whole.subarray(0, whole.length / 2),
      Buffer.from('text'),
      Buffer.from(whole).fill(0, 4096),
    ]) {
      writeFileSync(repository.catalogFile, bad);
      await expect(repository.backup(source)).rejects.toMatchObject({
        hint: expect.stringContaining('catalog rebuild'),
      });
      await rebuild();
      expect(await ids()).toEqual([...images.keys()].sort());
    }
    await assertBack();
  });

  it('comes back once more when the new one is lost too', async () => {
    await save('a');
    for (let times = 0; times < 3; times++) {
      rmSync(repository.catalogFile);
      await rebuild();
      await save(`more-${times}`);
    }
    expect(images.size).toBe(4);
    await assertBack();
  });
});

describe('without any journal', () => {
  it('the packs alone give back every snapshot, marked as recovered', async () => {
    await save('a');
    await save('b');
    loseJournals();
    rmSync(repository.catalogFile);
    const { summary, problems } = await rebuild();
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ entries: 0, recovered: 2, snapshots: 2 });
    expect((await repository.snapshots()).map(({ recovered }) => recovered)).toEqual([true, true]);
    await assertSound(repository, { source, images });
    // From now on there is a journal again.
    rmSync(repository.catalogFile);
    expect((await rebuild()).summary).toMatchObject({ packsFound: 0, recovered: 0, snapshots: 3 });
  });

  it('one mirror is enough, and the others are named', async () => {
    await save('a');
    loseJournals();
    rmSync(repository.catalogFile);
    const { summary, problems } = await rebuild({ from: 'm2' });
    expect(summary).toMatchObject({ notAsked: ['m1'], mayLack: true, snapshots: 1 });
    expect(problems).toEqual(['REBUILD_INCOMPLETE']);
    // When the other one is back, it is a mirror as before.
    expect((await rebuild()).summary).toMatchObject({ notAsked: [], mayLack: false, snapshots: 1 });
    await assertBack();
  });

  it('a pack whose table is damaged in one mirror is read from the other', async () => {
    await save('a');
    loseJournals();
    for (const path of packsIn(repository.mirror(1))) {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0, bytes.length - 200, bytes.length - 100));
    }
    const { summary, problems } = await rebuild();
    expect(problems).toEqual([]);
    expect(summary).toMatchObject({ packsRefused: 0, recovered: 1 });
    const target = repository.path('target');
    expect((await repository.restore(target)).problems).toEqual([]);
    expect(treeImage(target + source)).toEqual([...images.values()][0]);
  });

  it('a pack that no mirror has whole is told, and the others are found', async () => {
    await save('a');
    await save('b');
    loseJournals();
    const [first] = packsIn(repository.mirror(1));
    const name = first?.slice(repository.mirror(1).length) ?? '';
    for (const mirror of [repository.mirror(1), repository.mirror(2)]) {
      writeFileSync(mirror + name, readFileSync(mirror + name).subarray(0, -1));
    }
    const { summary, problems } = await rebuild();
    expect(problems).toEqual(['PACK_TABLE_DAMAGED']);
    expect(summary.packsRefused).toBe(1);
    expect(summary.packsFound).toBeGreaterThan(2);
  });

  it('parts of a pack under another name do not count', async () => {
    await save('a');
    loseJournals();
    for (const path of packsIn(repository.mirror(1))) {
      // The very end of the pack behind blocks that are not its own; the name fits.
      const bytes = Buffer.from(readFileSync(path));
      const pieceTable = Number(bytes.readBigUInt64LE(bytes.length - trailerBytes + 64));
      const tableBytes = bytes.readUInt32LE(bytes.length - trailerBytes + 72);
      bytes[70] = (bytes[70] ?? 0) ^ 1;
      writePackEnd(bytes, pieceTable, tableBytes);
      expect(bytes.length).toBe(pieceTable + pieceTableBytes(pieceTable) + trailerBytes);
      const name = createHash('sha256').update(bytes).digest('hex');
      for (const mirror of [repository.mirror(1), repository.mirror(2)]) {
        mkdirSync(join(mirror, 'packs', name.slice(0, 2)), { recursive: true });
        writeFileSync(join(mirror, 'packs', name.slice(0, 2), name), bytes);
      }
    }
    const { problems } = await rebuild();
    expect(new Set(problems)).toEqual(new Set(['PACK_SPLICED']));
    const target = repository.path('target');
    expect((await repository.restore(target)).problems).toEqual([]);
    expect(treeImage(target + source)).toEqual([...images.values()][0]);
  });
});

describe('with checkpoints', () => {
  const context = { checkpointEntries: 4 };

  it('a journal that is lost everywhere comes back as far as they go, with nothing recovered', async () => {
    for (const name of ['a', 'b', 'c']) {
      const { summary } = await saveWith(name, context);
      images.set(summary.snapshotId ?? '', treeImage(source));
    }
    const { summary: forgotten } = await saveWith('d', context);
    await repository.use(false, async ({ log }) => {
      await log.append(() => [{ type: 'forget', snapshots: [forgotten.snapshotId as never] }]);
    });
    for (const name of ['e', 'f', 'g']) {
      const { summary } = await saveWith(name, { checkpointEntries: name === 'g' ? 1 : 100 });
      images.set(summary.snapshotId ?? '', treeImage(source));
    }
    loseJournals();
    rmSync(repository.catalogFile);
    const { summary, problems } = await rebuild();
    expect(problems).toEqual([]);
    // What was forgotten stays forgotten: the checkpoint knows of it, and the packs alone do not.
    expect(summary).toMatchObject({ snapshots: 6, recovered: 0, packsFound: 0 });
    await assertBack();
    expect((await repository.verify('data')).problems).toEqual([]);
  });
});

describe('a mirror that is there and cannot be listed', () => {
  it('counts as one that was not asked', async () => {
    await save('a');
    const { mirrors } = repository.places;
    const doors = {
      openStore: async (...given: Parameters<typeof openStore>) =>
        new RecordingStore(await openStore(...given), ({ method, key }) => {
          if (method !== 'list' || key !== 'packs/' || given[0] !== mirrors[1]?.url) return;
          throw new VersionsError('Unavailable', 'STORE_FAILED', 'It does not answer');
        }),
    };
    const failing = repository.with({}, { doors });
    const { summary, problems } = await rebuild({ of: failing });
    expect(summary).toMatchObject({ notAsked: ['m2'], mayLack: true });
    expect(problems).toContain('REBUILD_INCOMPLETE');
  });
});

describe('cut short while one mirror is behind', () => {
  it('run again, it gives that mirror every entry', async () => {
    await save('a');
    loseJournals();
    rmSync(repository.catalogFile);
    const [, second] = repository.places.mirrors;
    let appended = 0;
    const doors = {
      openStore: async (...given: Parameters<typeof openStore>) =>
        new RecordingStore(await openStore(...given), ({ method, key }) => {
          if (method !== 'put' || !key.startsWith('journal/') || given[0] !== second?.url) return;
          throw new VersionsError('Unavailable', 'STORE_FAILED', 'It does not answer');
        }),
      openCatalog: async (...given: Parameters<typeof openCatalog>) =>
        new RecordingCatalog(await openCatalog(...given), (method) => {
          if (method === 'append' && ++appended === 3) throw new Error('Killed');
        }),
    };
    await expect(rebuild({ of: repository.with({}, { doors }) })).rejects.toThrow('Killed');
    expect(entriesOf(repository.mirror(1))).toHaveLength(2);
    await rebuild();
    const numbersOf = (mirror: number): number[] =>
      entriesOf(repository.mirror(mirror)).map(({ number }) => number);
    expect(numbersOf(1).length).toBeGreaterThan(2);
    expect(numbersOf(2)).toEqual(numbersOf(1));
    await assertBack();
  });
});

describe('a journal with holes', () => {
  it('behind a gap everything still counts', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await save(name);
    loseEntries((number) => number === 5);
    rmSync(repository.catalogFile);
    const { summary, problems } = await rebuild();
    expect(problems).toEqual(['HISTORY_GAP']);
    expect(summary.merged).toBe(4);
    await assertBack();
    // A machine that comes later sees one history, without a gap.
    const other = repository.with({ catalog: undefined, cacheDir: repository.path('other') });
    const { problems: seen, summary: count } = await other.use(
      true,
      ({ state }) => state.snapshots,
    );
    expect(seen).toEqual([]);
    expect(count.size).toBe(images.size + 1);
  });

  it('that lacks its end: the snapshots are found in the packs', async () => {
    for (const name of ['a', 'b', 'c']) await save(name);
    loseEntries((number, last) => number > last - 4);
    rmSync(repository.catalogFile);
    const { summary } = await rebuild();
    expect(summary.recovered).toBe(2);
    await assertBack();
  });
});

describe('two machines with copies of one catalog', () => {
  it('wrote without seeing each other: both histories are put together', async () => {
    await save('a');
    cpSync(repository.catalogFile, repository.path('copy.db'));
    const [first, second] = repository.places.mirrors;
    const left = repository.with({ mirrors: first ? [first] : [], mirrorsMin: 1 });
    const right = repository.with({
      mirrors: second ? [second] : [],
      catalog: `sqlite:${repository.path('copy.db')}`,
      cacheDir: repository.path('copy-cache'),
    });
    await save('b', left);
    await save('c', left);
    await save('d', right);
    await expect(repository.backup(source)).rejects.toMatchObject({
      code: 'HISTORY_FORKED',
      hint: expect.stringContaining('catalog rebuild'),
    });
    const { summary, problems } = await rebuild();
    expect(problems).toEqual([]);
    expect(summary.merged).toBe(2);
    expect(await ids()).toEqual([...images.keys()].sort());
    await repository.use(false, async ({ debts, catalog }) => debts.record(catalog));
    const other = repository.with({
      catalog: right.places.catalog,
      cacheDir: repository.path('copy-cache'),
    });
    await expect(other.backup(source)).rejects.toMatchObject({ kind: 'Conflict' });
    await assertBack();
  });

  it('one that went on in the old history after the rebuild is noticed, and merged', async () => {
    await save('a');
    cpSync(repository.catalogFile, repository.path('copy.db'));
    const [, second] = repository.places.mirrors;
    // It had lost its network before the other one rebuilt.
    const away = repository.path('away');
    cpSync(repository.mirror(2), away, { recursive: true });
    const right = repository.with({
      mirrors: [{ name: 'm2', url: away }],
      catalog: `sqlite:${repository.path('copy.db')}`,
      cacheDir: repository.path('copy-cache'),
      mirrorsMin: 1,
    });
    await rebuild();
    await save('b', right);
    cpSync(away, second?.url ?? '', { recursive: true });
    await expect(repository.backup(source)).rejects.toMatchObject({ code: 'FOREIGN_LINEAGE' });
    expect((await rebuild()).summary.merged).toBe(2);
    expect(await ids()).toEqual([...images.keys()].sort());
    expect((await repository.backup(source)).problems).toEqual([]);
  });
});
