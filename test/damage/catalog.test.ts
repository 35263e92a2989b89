import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededBytes } from '../support/seeded-random.ts';
import { DamageWorld, olderCatalog } from './damage-world.ts';

/** What goes wrong with a file of SQLite. */
const kinds = [
  'delete',
  'truncate to 0',
  'truncate by half',
  'flip a bit of the first page',
  'flip a bit in the middle',
  'zero the first page',
  'zero a page in the middle',
  'zero every other page',
  'older content',
  'append garbage',
] as const;

type CatalogDamage = (typeof kinds)[number];

const missing = { exitCode: 10, code: 'CATALOG_MISSING' };
const damaged = { exitCode: 1, code: 'CATALOG_DAMAGED' };

/** What commands end with until the catalog is made anew; of the rest nobody need notice anything. */
const refusals: ReadonlyMap<CatalogDamage, typeof missing> = new Map([
  ['delete', missing],
  ['truncate to 0', missing],
  ['truncate by half', damaged],
  ['flip a bit of the first page', damaged],
  ['zero the first page', damaged],
  ['zero a page in the middle', damaged],
  ['zero every other page', damaged],
]);

const pageBytes = 4096;

function damageCatalog(file: string, older: string, kind: CatalogDamage): void {
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
  const bytes = readFileSync(file);
  const middle = Math.floor(bytes.length / pageBytes / 2) * pageBytes;
  switch (kind) {
    case 'delete':
      rmSync(file);
      return;
    case 'truncate to 0':
      writeFileSync(file, '');
      return;
    case 'truncate by half':
      writeFileSync(file, bytes.subarray(0, bytes.length >> 1));
      return;
    case 'flip a bit of the first page':
      bytes[30] = (bytes[30] ?? 0) ^ 16;
      break;
    case 'flip a bit in the middle':
      bytes[middle + 2000] = (bytes[middle + 2000] ?? 0) ^ 16;
      break;
    case 'zero the first page':
      bytes.fill(0, 0, pageBytes);
      break;
    case 'zero a page in the middle':
      bytes.fill(0, middle, middle + pageBytes);
      break;
    case 'zero every other page':
      for (let at = pageBytes; at < bytes.length; at += 2 * pageBytes)
        bytes.fill(0, at, at + pageBytes);
      break;
    case 'older content':
      copyFileSync(older, file);
      return;
    case 'append garbage':
      writeFileSync(file, Buffer.concat([bytes, seededBytes('garbage', 777)]));
      return;
    default:
      kind satisfies never;
  }
  writeFileSync(file, bytes);
}

describe('the catalog by itself', () => {
  let world: DamageWorld;
  beforeAll(async () => {
    world = await DamageWorld.create(2);
  }, 600_000);
  afterAll(() => world[Symbol.dispose]());

  it.each(kinds)('%s', async (kind) => {
    world.reset();
    damageCatalog(world.repository.catalogFile, world.repository.path(olderCatalog), kind);
    const refused = refusals.get(kind);
    if (refused === undefined) await assertUpToDate(world);
    else await assertRefused(world, refused);
    const rebuilt = await world.run('catalog', 'rebuild');
    expect(rebuilt).toMatchObject({ code: 0, summary: { mayLack: false } });
    expect(rebuilt.summary['snapshots']).toBe(refused === undefined ? 4 : 3);
    expect((await world.run('verify', '--level', 'data')).code).toBe(0);
    expect(await world.restore()).toMatchObject(whole);
    expect(world.notWhole()).toEqual([]);
  });
});

const whole = { ran: { code: 0 }, wrong: [], missing: [] };

/** Also where the catalog never knew the last snapshot. */
async function assertUpToDate(world: DamageWorld): Promise<void> {
  expect(await world.restore()).toMatchObject(whole);
  expect((await world.run('backup', world.source)).code).toBe(0);
}

/** By reading and by writing, and nothing was begun anew beside what the mirrors hold. */
async function assertRefused(world: DamageWorld, refused: typeof damaged): Promise<void> {
  const { ran: restored } = await world.restore();
  for (const { code, documents } of [restored, await world.run('backup', world.source)]) {
    expect(code).toBe(refused.exitCode);
    const error = documents.find(({ type }) => type === 'exit_error');
    expect(error).toMatchObject({ code: refused.code });
    expect(error?.['hint']).toContain('versions catalog rebuild');
  }
  expect(world.touched(new Set())).toEqual([]);
}
