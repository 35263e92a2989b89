import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type DynamoServer, startDynamo } from '../../../test/support/dynamo-server.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestRepository,
  type Reported,
  type TestRepository,
  testSecret,
} from '../../../test/support/test-repository.ts';
import { treeImage } from '../../../test/support/tree-image.ts';
import type { MirrorId } from '../base/index.ts';
import type { Catalog } from '../catalog/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { doorsOf } from '../repository/index.ts';
import { copyCatalog, rebuildCatalog, verifyCatalog, type VerifiedCatalog } from './index.ts';

let server: DynamoServer;
let repository: TestRepository;
let source: string;

beforeAll(async () => {
  server = await startDynamo();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2, mirrorsMin: 1 });
  source = repository.path('source');
  mkdirSync(source);
  await save(repository, 'a');
});
afterEach(() => repository[Symbol.dispose]());

async function save(of: TestRepository, name: string): Promise<readonly string[]> {
  writeFileSync(join(source, name), seededBytes(name, 50_000));
  return (await of.backup(source)).problems;
}

/** The same repository with its catalog at `url`. */
function at(url: string, cache = 'other-cache'): TestRepository {
  return repository.with({ catalog: url, cacheDir: repository.path(cache) });
}

async function copy(of: TestRepository, to: string): Promise<void> {
  const { catalog = '', ...places } = of.places;
  const options = { secret: testSecret, to };
  await copyCatalog({ ...places, catalog }, options, of.context(new CollectingMonitor()));
}

async function verify(of: TestRepository): Promise<Reported<VerifiedCatalog>> {
  const { catalog = '', ...places } = of.places;
  const monitor = new CollectingMonitor();
  const cacheDir = repository.path('nothing');
  rmSync(cacheDir, { recursive: true, force: true });
  const own = { ...places, catalog, cacheDir };
  const summary = await verifyCatalog(own, { secret: testSecret }, of.context(monitor));
  return { summary, monitor, problems: monitor.problems.map(({ code }) => code) };
}

const openCatalogOf = (of: TestRepository): Promise<Catalog> =>
  doorsOf({}).openCatalog(of.places.catalog ?? '');

async function ledgerOf(of: TestRepository): Promise<unknown[]> {
  await using catalog = await openCatalogOf(of);
  const rows: unknown[] = [];
  for await (const copyRow of catalog.ledger.copies()) rows.push(copyRow);
  return [...rows, ...(await catalog.ledger.events(10))];
}

async function assertBack(of: TestRepository): Promise<void> {
  const target = repository.path('target');
  expect((await of.restore(target)).problems).toEqual([]);
  expect(treeImage(target + source)).toEqual(treeImage(source));
  rmSync(target, { recursive: true });
}

describe('a catalog that is copied', () => {
  it('goes from a file to DynamoDB and back, with the ledger, and history goes on', async () => {
    await withCatalog(repository, async (catalog) => {
      const mirror = '1'.repeat(32) as MirrorId;
      await catalog.ledger.setState(`packs/00/${'0'.repeat(64)}`, mirror, 'damaged', 1);
      await catalog.ledger.addEvent({ at: 1, kind: 'first', by: 'test', detail: '' });
      await catalog.ledger.addEvent({ at: 2, kind: 'second', by: 'test', detail: '' });
    });
    const table = at(server.catalogUrl());
    const before = await ledgerOf(repository);
    await copy(repository, table.places.catalog ?? '');
    expect(await ledgerOf(table)).toEqual(before);
    expect(await save(table, 'b')).toEqual([]);
    const file = at(`sqlite:${repository.path('back.db')}`, 'third-cache');
    await copy(table, file.places.catalog ?? '');
    expect(await save(file, 'c')).toEqual([]);
    expect(await file.snapshots()).toHaveLength(3);
    await assertBack(file);
    expect((await file.verify('data')).monitor.findings).toEqual([]);
    // Also onto the first one, which holds the beginning of the same history.
    await copy(file, repository.places.catalog ?? '');
    expect(await save(repository, 'd')).toEqual([]);
    expect(await repository.snapshots()).toHaveLength(4);
  });

  it('can only be read where it was, and says where it is', async () => {
    const table = at(server.catalogUrl());
    await copy(repository, table.places.catalog ?? '');
    await expect(repository.backup(source)).rejects.toMatchObject({
      code: 'CATALOG_MOVED',
      message: expect.stringContaining(table.places.catalog ?? ''),
    });
    expect(await repository.snapshots()).toHaveLength(1);
  });

  it('closes the old one for who is writing to it', async () => {
    const table = at(server.catalogUrl());
    await repository.use(false, async (writing) => {
      await copy(repository, table.places.catalog ?? '');
      const appended = writing.log.append(() => [{ type: 'settings', mirrorsMin: 1 }]);
      await expect(appended).rejects.toMatchObject({ code: 'CATALOG_MOVED' });
    });
    expect(await save(table, 'b')).toEqual([]);
  });

  it('is not put over one with another history, nor onto itself', async () => {
    const other = await createTestRepository({ mirrors: 1 });
    using _other = other;
    await expect(copy(repository, other.places.catalog ?? '')).rejects.toMatchObject({
      code: 'CATALOG_EXISTS',
    });
    await expect(copy(repository, repository.places.catalog ?? '')).rejects.toMatchObject({
      code: 'CATALOG_SAME',
    });
    // Nothing was closed.
    expect(await save(repository, 'b')).toEqual([]);
  });
});

describe('a table', () => {
  it('that is lost, empty or old is noticed, and made anew or brought up to date', async () => {
    const table = at(server.catalogUrl());
    await expect(table.backup(source)).rejects.toMatchObject({
      code: 'CATALOG_MISSING',
      hint: expect.stringContaining('catalog rebuild'),
    });
    await withCatalog(table, async () => {}, { create: true });
    await expect(table.backup(source)).rejects.toMatchObject({
      code: 'CATALOG_EMPTY',
      hint: expect.stringContaining('catalog rebuild'),
    });
    const { catalog = '', ...places } = table.places;
    const context = table.context(new CollectingMonitor());
    await rebuildCatalog({ ...places, catalog }, { secret: testSecret }, context);
    expect(await save(table, 'b')).toEqual([]);
    // Restored to a point in time: another table with the first rows only.
    const old = at(server.catalogUrl(), 'old-cache');
    await withCatalog(
      old,
      async (target) => {
        await using whole = await openCatalogOf(table);
        await target.setMeta('repository', (await whole.getMeta('repository')) ?? '');
        let tip;
        for await (const row of whole.read(0)) {
          if (row.number > 5) break;
          await target.append(row, tip);
          tip = { number: row.number, lineage: row.lineage, hash: row.hash };
        }
      },
      { create: true },
    );
    expect(await save(old, 'c')).toEqual([]);
    expect(await old.snapshots()).toHaveLength(3);
    await assertBack(old);
  });
});

describe('catalog verify', () => {
  it('finds nothing where all is well', async () => {
    const { summary, monitor } = await verify(repository);
    expect(monitor.findings).toEqual([]);
    expect(summary).toMatchObject({ snapshots: 1, findings: 0, lost: 0 });
  });

  it('names what an old catalog lacks, and what the mirrors lack', async () => {
    const old = repository.path('old.db');
    writeFileSync(old, readFileSync(repository.catalogFile));
    await save(repository, 'b');
    const { monitor } = await verify(at(`sqlite:${old}`));
    const kinds = monitor.findings.map(({ kind, mirror }) => `${mirror} ${kind}`);
    expect(kinds.filter((kind) => kind === '(catalog) stale')).toHaveLength(3);
    const pack = (await repository.use(true, ({ state }) => state.packs.at(0)?.name)).summary ?? '';
    const path = (number: number): string =>
      join(repository.mirror(number), 'packs', pack.slice(0, 2), pack);
    renameSync(path(1), repository.path('aside'));
    const one = await verify(repository);
    expect(one.monitor.findings).toMatchObject([{ kind: 'missing', mirror: 'm1', healable: true }]);
    rmSync(path(2));
    expect((await verify(repository)).summary).toMatchObject({ findings: 2, lost: 1 });
    expect(existsSync(repository.path('nothing', 'state.bin'))).toBe(false);
  });

  it('names a row that is not what it was', async () => {
    const bytes = readFileSync(repository.catalogFile);
    const entry = (
      await repository.use(true, async ({ log }) => {
        for await (const row of log.rows(1)) return row.bytes.slice(70, 120);
        return new Uint8Array();
      })
    ).summary;
    const where = bytes.indexOf(entry);
    expect(where).toBeGreaterThan(0);
    bytes[where + 40] = (bytes[where + 40] ?? 0) ^ 1;
    writeFileSync(repository.catalogFile, bytes);
    const { monitor, summary } = await verify(repository);
    expect(monitor.findings).toMatchObject([{ kind: 'corrupt', mirror: '(catalog)' }]);
    expect(summary.findings).toBe(1);
  });
});

/** Opens the catalog of a repository for a moment. */
async function withCatalog(
  of: TestRepository,
  action: (catalog: Catalog) => Promise<void>,
  options: { readonly create?: boolean } = {},
): Promise<void> {
  await using catalog = await doorsOf({}).openCatalog(of.places.catalog ?? '', options);
  await action(catalog);
}
