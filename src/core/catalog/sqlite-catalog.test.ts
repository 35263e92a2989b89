import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MirrorId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { catalogContract, fill, makeRow, tipOf } from '../../../test/contract/catalog.ts';
import { collect } from '../../../test/contract/collect.ts';
import { SqliteCatalog } from './sqlite-catalog.ts';

catalogContract('in an SQLite file', async () => {
  const home = mkdtempSync(join(tmpdir(), 'catalog-'));
  return {
    open: () => SqliteCatalog.open(join(home, 'state', 'catalog.db'), { create: true }),
    isKept: true,
    remove: async () => rmSync(home, { recursive: true }),
  };
});

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'catalog-'));
  path = join(directory, 'catalog.db');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const damaged = { kind: 'Corrupt', code: 'CATALOG_DAMAGED' };

async function make(rows: number): Promise<void> {
  await using catalog = await SqliteCatalog.open(path, { create: true });
  await fill(catalog, rows);
}

/** Changes the file as another program would. */
function change(sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

/** Runs on a disk of its own that has `size` bytes; only root may mount one. */
const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
async function onSmallDisk(size: string, run: (disk: string) => Promise<void>): Promise<void> {
  const disk = join(directory, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk]);
  try {
    await run(disk);
  } finally {
    execFileSync('umount', [disk]);
  }
}

describe('the file', () => {
  it('is for its owner only', async () => {
    const deep = join(directory, 'a', 'b', 'catalog.db');
    await using catalog = await SqliteCatalog.open(deep, { create: true });
    expect(catalog.location).toBe(`sqlite:${deep}`);
    expect(statSync(deep).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'a', 'b')).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['is missing', () => {}],
    ['is empty, as a killed process may leave it', () => writeFileSync(path, '')],
    ['has no tables', () => change('CREATE TABLE t (a); DROP TABLE t')],
  ])('that %s is told, and made only if wanted', async (_what, prepare) => {
    prepare();
    for (const readOnly of [true, false]) {
      await expect(SqliteCatalog.open(path, { readOnly })).rejects.toMatchObject({
        kind: 'NotFound',
        code: 'CATALOG_MISSING',
      });
    }
    await expect(SqliteCatalog.open(path, { readOnly: true, create: true })).rejects.toMatchObject({
      code: 'CATALOG_MISSING',
    });
    await make(1);
    await using catalog = await SqliteCatalog.open(path, { create: true });
    expect(await catalog.tip()).toEqual(tipOf(makeRow(1)));
  });

  it('of another program is refused and left alone', async () => {
    change('PRAGMA journal_mode = WAL; CREATE TABLE bookmarks (url); PRAGMA user_version = 1');
    const before = readFileSync(path);
    for (const options of [{}, { create: true }, { readOnly: true }]) {
      await expect(SqliteCatalog.open(path, options)).rejects.toMatchObject(damaged);
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it.each([
    ['text', Buffer.from('#!/bin/sh\n'.repeat(100))],
    ['a few bytes', Buffer.from('x')],
    ['zeros', Buffer.alloc(8192)],
  ])('that is no database is refused and left alone: %s', async (_what, content) => {
    writeFileSync(path, content);
    for (const options of [{}, { create: true }, { readOnly: true }]) {
      await expect(SqliteCatalog.open(path, options)).rejects.toMatchObject({
        ...damaged,
        hint: expect.stringContaining('`versions catalog rebuild`'),
      });
    }
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('that is a directory is refused', async () => {
    await expect(SqliteCatalog.open(directory)).rejects.toMatchObject(damaged);
  });

  it('of a newer version is refused', async () => {
    await make(1);
    change('PRAGMA user_version = 2');
    await expect(SqliteCatalog.open(path)).rejects.toMatchObject({
      kind: 'Unsupported',
      code: 'CATALOG_TOO_NEW',
    });
  });

  it('that was cut short is damaged', async () => {
    await make(200);
    truncateSync(path, statSync(path).size - 8192);
    const reading = (async () => {
      await using catalog = await SqliteCatalog.open(path);
      return await collect(catalog.read(0));
    })();
    await expect(reading).rejects.toMatchObject(damaged);
  });

  it('with any page overwritten gives true rows, or is damaged', async () => {
    await make(300);
    const whole = readFileSync(path);
    const all = Array.from({ length: 300 }, (_, index) => index + 1).join();
    let failures = 0;
    for (let page = 0; page < whole.length / 4096; page += 1) {
      const bytes = Buffer.from(whole);
      bytes.fill(0xa5, page * 4096, (page + 1) * 4096);
      writeFileSync(path, bytes);
      const read = async (): Promise<string> => {
        await using catalog = await SqliteCatalog.open(path, { readOnly: true });
        const rows = await collect(catalog.read(0));
        return rows.map(({ number }) => number).join();
      };
      const found = await read().catch((error: unknown) =>
        isVersionsError(error, 'Corrupt') ? error.code : error,
      );
      expect([all, 'CATALOG_DAMAGED']).toContain(found);
      if (found !== all) failures += 1;
    }
    expect(failures).toBeGreaterThan(3);
  });

  it.each([
    ['a gap', 'DROP TRIGGER entries_stay; DELETE FROM entries WHERE number = 2'],
    ['no first row', 'DROP TRIGGER entries_stay; DELETE FROM entries WHERE number = 1'],
    ['no table', 'DROP TABLE entries'],
    [
      'a hash of the wrong kind',
      "DROP TABLE entries; CREATE TABLE entries (number, lineage, hash, bytes); INSERT INTO entries VALUES (1, 'a', 'b', 'c')",
    ],
    [
      'a number that is none',
      'DROP TABLE entries; CREATE TABLE entries (number, lineage, hash, bytes); INSERT INTO entries VALUES (1.5, zeroblob(16), zeroblob(32), zeroblob(1))',
    ],
    [
      'a number beyond all',
      'DROP TABLE entries; CREATE TABLE entries (number, lineage, hash, bytes); INSERT INTO entries VALUES (9223372036854775807, zeroblob(16), zeroblob(32), zeroblob(1))',
    ],
  ])('with %s is damaged', async (_what, sql) => {
    await make(3);
    change(sql);
    await using catalog = await SqliteCatalog.open(path);
    await expect(collect(catalog.read(0))).rejects.toMatchObject(damaged);
  });

  it('with a rotten tip is damaged, not in conflict', async () => {
    await make(3);
    change(`DROP TRIGGER entries_keep; UPDATE entries SET hash = zeroblob(32) WHERE number = 3`);
    await using catalog = await SqliteCatalog.open(path);
    const append = catalog.append(makeRow(4), tipOf(makeRow(3)));
    await expect(append).rejects.toMatchObject(damaged);
  });

  it('keeps rows even from other programs', async () => {
    await make(2);
    expect(() => change('DELETE FROM entries')).toThrow('never removed');
    expect(() => change('UPDATE entries SET bytes = zeroblob(1)')).toThrow('never changed');
    const gap = 'INSERT INTO entries VALUES (9, zeroblob(16), zeroblob(32), zeroblob(1))';
    expect(() => change(gap)).toThrow('no gaps');
  });
});

describe('opening', () => {
  it('for reading changes nothing and cannot change anything', async () => {
    await make(2);
    const before = readFileSync(path);
    await using catalog = await SqliteCatalog.open(path, { readOnly: true });
    const readOnly = { kind: 'Denied', code: 'CATALOG_READ_ONLY' };
    await expect(catalog.append(makeRow(3), tipOf(makeRow(2)))).rejects.toMatchObject(readOnly);
    await expect(catalog.setMeta('a', 'b')).rejects.toMatchObject(readOnly);
    await expect(catalog.clearPayloads(1)).rejects.toMatchObject(readOnly);
    expect(await collect(catalog.read(0))).toHaveLength(2);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('works while another connection is in the middle of a change', async () => {
    await make(2);
    const writer = new DatabaseSync(path);
    writer.exec("BEGIN IMMEDIATE; INSERT INTO meta VALUES ('a', 'b')");
    await using catalog = await SqliteCatalog.open(path, { readOnly: true });
    expect(await collect(catalog.read(0))).toHaveLength(2);
    expect(await catalog.getMeta('a')).toBeUndefined();
    writer.exec('COMMIT');
    writer.close();
    expect(await catalog.getMeta('a')).toBe('b');
  });

  it('a reader that stops half way hinders nobody', async () => {
    await make(200);
    await using slow = await SqliteCatalog.open(path, { readOnly: true });
    const reader = slow.read(0)[Symbol.asyncIterator]();
    await reader.next();
    await using catalog = await SqliteCatalog.open(path);
    await fill(catalog, 1);
    expect(await slow.tip()).toEqual(tipOf(makeRow(201)));
  });

  it('rolls back what a killed process left half done, also for a reader', async () => {
    await make(2);
    const writer = new DatabaseSync(path);
    writer.exec('PRAGMA cache_size = 1; BEGIN IMMEDIATE');
    // More than the cache holds: some of it goes into the file before the commit.
    const insert = writer.prepare('INSERT INTO meta VALUES (?, ?)');
    for (let index = 0; index < 100; index += 1) insert.run(`k${index}`, 'x'.repeat(3000));
    const half = join(directory, 'half.db');
    copyFileSync(path, half);
    copyFileSync(`${path}-journal`, `${half}-journal`);
    writer.close();
    expect(statSync(half).size).toBeGreaterThan(100_000);
    await using catalog = await SqliteCatalog.open(half, { readOnly: true });
    expect(await collect(catalog.read(0))).toHaveLength(2);
    expect(await catalog.getMeta('k0')).toBeUndefined();
  });

  it('costs the same with many rows as with few', async () => {
    await make(1);
    change(`WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
      INSERT INTO entries SELECT i, zeroblob(16), zeroblob(32), zeroblob(500) FROM n`);
    await (await SqliteCatalog.open(path, { readOnly: true }))[Symbol.asyncDispose]();
    const took = (begin: number): number => performance.now() - begin;
    const times: number[] = [];
    const readings: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const begin = performance.now();
      await using catalog = await SqliteCatalog.open(path, { readOnly: true });
      expect((await catalog.tip())?.number).toBe(50_000);
      times.push(took(begin));
      const beginReading = performance.now();
      change('SELECT sum(length(hex(bytes))) FROM entries');
      readings.push(took(beginReading));
    }
    expect(Math.min(...times)).toBeLessThan(Math.min(...readings) / 2);
  });

  it('may be undone twice, and then nothing works', async () => {
    const catalog = await SqliteCatalog.open(path, { create: true });
    await catalog[Symbol.asyncDispose]();
    await catalog[Symbol.asyncDispose]();
    await expect(catalog.tip()).rejects.toMatchObject({ kind: 'Internal' });
    await expect(catalog.ledger.events(1)).rejects.toMatchObject({ kind: 'Internal' });
  });

  it('leaves nothing behind but the catalog', async () => {
    await make(3);
    expect(existsSync(`${path}-wal`)).toBe(false);
    expect(existsSync(`${path}-shm`)).toBe(false);
    // The rollback journal stays as an empty file between transactions, and goes with the last one.
    expect(statSync(`${path}-journal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
  });
});

describe('a disk', () => {
  it.each(['removed', 'replaced'])('whose catalog is %s meanwhile gets no rows', async (what) => {
    await make(1);
    await using catalog = await SqliteCatalog.open(path);
    const copy = readFileSync(path);
    renameSync(path, `${path}.old`);
    if (what === 'replaced') writeFileSync(path, copy);
    await expect(catalog.append(makeRow(2), tipOf(makeRow(1)))).rejects.toMatchObject({
      kind: 'Conflict',
      code: 'CATALOG_REPLACED',
    });
  });

  it.runIf(isRoot)('that is full loses nothing, and is told', async () => {
    await onSmallDisk('300k', async (disk) => {
      const at = join(disk, 'catalog.db');
      await using catalog = await SqliteCatalog.open(at, { create: true });
      await fill(catalog, 3);
      const payload = Buffer.alloc(400_000);
      const full = { kind: 'Unavailable', code: 'CATALOG_FULL' };
      const row = { ...makeRow(4), payload };
      await expect(catalog.append(row, tipOf(makeRow(3)))).rejects.toMatchObject(full);
      expect(await catalog.tip()).toEqual(tipOf(makeRow(3)));
      await catalog.append(makeRow(4), tipOf(makeRow(3)));
      expect(await collect(catalog.read(0))).toHaveLength(4);
    });
  });

  it.runIf(isRoot)('that can only be read can be read', async () => {
    await onSmallDisk('1m', async (disk) => {
      path = join(disk, 'catalog.db');
      await make(3);
      execFileSync('mount', ['-o', 'remount,ro', disk]);
      await using catalog = await SqliteCatalog.open(path, { readOnly: true });
      expect(await collect(catalog.read(0))).toHaveLength(3);
      await using writer = await SqliteCatalog.open(path);
      const append = writer.append(makeRow(4), tipOf(makeRow(3)));
      await expect(append).rejects.toMatchObject({ kind: 'Denied', code: 'CATALOG_READ_ONLY' });
      const other = SqliteCatalog.open(join(disk, 'other.db'), { create: true });
      await expect(other).rejects.toMatchObject({ kind: 'Denied', code: 'CATALOG_DENIED' });
    });
  });

  it.skipIf(isRoot)('that denies access is told', async () => {
    await make(1);
    chmodSync(path, 0o000);
    await expect(SqliteCatalog.open(path)).rejects.toMatchObject({
      kind: 'Denied',
      code: 'CATALOG_DENIED',
    });
    chmodSync(path, 0o400);
    await using catalog = await SqliteCatalog.open(path);
    expect(await collect(catalog.read(0))).toHaveLength(1);
  });
});

describe('the ledger', () => {
  it('finds the few copies that are not stored without looking at all', async () => {
    await using catalog = await SqliteCatalog.open(path, { create: true });
    await catalog.ledger.setState('a', '1'.repeat(32) as MirrorId, 'debt', 1);
    const database = new DatabaseSync(path);
    const plan = database
      .prepare(
        `EXPLAIN QUERY PLAN SELECT * FROM copies
         WHERE (object, mirror) > (?, ?) AND state = ? AND state <> 'stored'
         ORDER BY object, mirror LIMIT 500`,
      )
      .all();
    database.close();
    expect(String(plan[0]?.['detail'])).toContain('copies_not_stored');
  });
});
