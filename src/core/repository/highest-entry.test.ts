import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTestRepository,
  type TestRepository,
  testSecret,
} from '../../../test/support/test-repository.ts';
import { CollectingMonitor, rebuildCatalog } from '../index.ts';

let repository: TestRepository;
let run = 0;

beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2 });
  mkdirSync(repository.path('source'));
  await save();
});
afterEach(() => repository[Symbol.dispose]());

async function save(of: TestRepository = repository): Promise<void> {
  writeFileSync(of.path('source', 'file'), `content ${++run}`);
  await of.backup(of.path('source'));
}

const parts = ['catalog.db', 'm1', 'm2'];

function keep(): void {
  for (const name of parts) {
    cpSync(repository.path(name), repository.path('kept', name), { recursive: true });
  }
}

function bringBack(names: readonly string[] = parts): void {
  for (const name of names) {
    rmSync(repository.path(name), { recursive: true, force: true });
    cpSync(repository.path('kept', name), repository.path(name), { recursive: true });
  }
}

const refused = { kind: 'Conflict', code: 'HISTORY_ROLLED_BACK' };

describe('an older copy of the catalog alone', () => {
  it('knows what the mirrors hold beyond it: for one who only reads, that is not left over', async () => {
    keep();
    await save();
    await save();
    bringBack(['catalog.db']);
    const { summary, monitor } = await repository.verify('structure');
    expect(monitor.findings).toEqual([]);
    expect(summary).toMatchObject({ findings: 0, snapshots: 3 });
    // What is beyond it is verified too.
    const entries = globSync('journal/*/*', { cwd: repository.path('m2') }).toSorted();
    const lost = entries.at(-3) ?? '';
    rmSync(repository.path('m2', lost));
    const again = (await repository.verify('structure')).monitor.findings;
    expect(again).toMatchObject([{ kind: 'missing', mirror: 'm2', object: lost }]);
  });

  it('does not take what went on elsewhere for put back', async () => {
    keep();
    await save();
    const where = { ...repository.places, catalog: `sqlite:${repository.catalogFile}` };
    const context = repository.context(new CollectingMonitor());
    await rebuildCatalog(where, { secret: testSecret }, context);
    await save();
    bringBack(['catalog.db']);
    const { monitor } = await repository.use(true, () => {});
    const notes = monitor.notes.join();
    expect(notes).toContain('does not follow the newer history that is in m1, m2');
    expect(notes).not.toContain('put back');
  });
});

describe('a catalog and all mirrors that were put back together', () => {
  it('are noticed before anything is written, until the catalog is made anew', async () => {
    keep();
    await save();
    bringBack();
    await expect(save()).rejects.toMatchObject(refused);
    const { monitor } = await repository.use(true, () => {});
    expect(monitor.notes.join()).toContain('were put back to an older state');
    await expect(save()).rejects.toMatchObject(refused);
    const { places } = repository;
    const context = repository.context(new CollectingMonitor());
    const where = { ...places, catalog: `sqlite:${repository.catalogFile}` };
    await rebuildCatalog(where, { secret: testSecret }, context);
    await save();
    expect((await repository.verify('data')).summary).toMatchObject({ findings: 0, lost: 0 });
  });

  it('are noticed too when they have gone on since', async () => {
    keep();
    await save();
    bringBack();
    const other = repository.with({ cacheDir: repository.path('other-cache') });
    for (let more = 0; more < 3; more++) await save(other);
    await expect(save()).rejects.toMatchObject(refused);
  });

  it('are noticed by a machine that only looked on', async () => {
    keep();
    const reader = repository.with({ cacheDir: repository.path('reader-cache') });
    await save();
    await reader.use(true, () => {});
    rmSync(repository.places.cacheDir, { recursive: true });
    bringBack();
    await expect(save(reader)).rejects.toMatchObject(refused);
  });
});

it.each([[['catalog.db', 'm1']], [['m1', 'm2']]])(
  '%j alone are brought up to date',
  async (names) => {
    keep();
    await save();
    bringBack(names);
    await save();
    expect((await repository.latest()).id).toMatch(/^[0-9a-f]+$/);
    await repository.use(true, ({ state }) => expect(state.snapshots.size).toBe(3));
  },
);

it('what the cache says is not believed if it is damaged', async () => {
  writeFileSync(repository.path('cache', 'highest-entry'), 'nonsense');
  await save();
  await repository.use(true, ({ state }) => expect(state.snapshots.size).toBe(2));
});
