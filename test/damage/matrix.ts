import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DamageKind, damageKinds, damageObject, pageIn } from './damage-kinds.ts';
import { DamageWorld, type ObjectKind, objectKinds } from './damage-world.ts';
import type { Ran } from './program.ts';

export const spreads = [
  'one of two mirrors',
  'one of three mirrors',
  'the same in all mirrors',
  'different places in all mirrors',
] as const;

export type Spread = (typeof spreads)[number];

export interface Row {
  readonly spread: Spread;
  readonly object: ObjectKind;
  readonly kind: DamageKind;
  /** The machine has opened the repository before, and keeps what it was opened with. */
  readonly isKept?: true;
}

/**
 * What must come of a row. `mended`: every byte is as it was. `put together`: that too, but before
 * it nothing can be opened. `lost`: the object is gone, and what depends on it is named. `closed`:
 * without it nothing can be opened, which is said.
 */
export type Outcome = 'mended' | 'put together' | 'lost' | 'closed';

/** Damage that leaves too little of an object of which there is no other copy. */
const fatal: ReadonlySet<DamageKind> = new Set([
  'delete',
  'truncate to 0',
  'truncate by half',
  'zero a page',
  'older content',
]);
/** Damage that, in different places of all copies, leaves no copy whole. */
const inPlaces: ReadonlySet<DamageKind> = new Set([
  'flip a bit',
  'zero a page',
  'append garbage',
  'swap two objects',
]);

/** With the keys, a machine has its catalog to mend from. */
export function outcomeWithKey({ spread, object, kind, isKept }: Row): Outcome {
  const isSame = spread === 'the same in all mirrors';
  const isNeeded = (object === 'key' || object === 'config') && isKept !== true;
  // The config has gone where the marker was: whatever is kept, no place shows what it is.
  const isEither = object === 'marker' || object === 'config';
  if (isSame && isEither && kind === 'swap two objects') return 'put together';
  if (isSame && fatal.has(kind)) {
    if (object === 'data pack' || object === 'tree pack') return 'lost';
    // With markers of another repository in all mirrors, nobody knows which is meant.
    return isNeeded || (object === 'marker' && kind === 'older content') ? 'closed' : 'mended';
  }
  const isApart = spread === 'different places in all mirrors' && inPlaces.has(kind);
  return isNeeded && (isSame || isApart) ? 'put together' : 'mended';
}

/** Or the exit code, if something is left as it is. */
export function outcomeWithoutKey({ spread, object, kind }: Row): 'mended' | number {
  if (spread === 'the same in all mirrors' && fatal.has(kind)) {
    if (object === 'marker') return kind === 'older content' ? 2 : 20;
    // The journal, which would name the object, is sealed.
    return kind !== 'delete' || object === 'config' ? 21 : 0;
  }
  if (spread === 'different places in all mirrors') {
    // One has no config, and gets it from the other, which has no marker.
    if (object === 'marker' && fatal.has(kind)) return 20;
    // In the mirror in which they have changed places, both are mended.
    if (object === 'marker' && kind === 'swap two objects') return 20;
    return object === 'config' && fatal.has(kind) && !inPlaces.has(kind) ? 20 : 'mended';
  }
  return object === 'marker' && fatal.has(kind) ? 20 : 'mended';
}

/** All rows of a spread. */
export function rowsOf(spread: Spread): readonly Row[] {
  return objectKinds.flatMap((object) => damageKinds.map((kind) => ({ spread, object, kind })));
}

/** Runs rows as tests of their own, in one world, whose source is the one given. */
export function testRows(
  rows: readonly Row[],
  { mirrors, source }: { readonly mirrors: number; readonly source?: string | undefined },
): void {
  let world: DamageWorld;
  beforeAll(async () => {
    world = await DamageWorld.create(mirrors, source);
  }, 3_600_000);
  afterAll(() => world[Symbol.dispose]());

  for (const [name, of] of Map.groupBy(rows, (row) => `${row.object}, ${row.spread}`)) {
    describe.each([name])('%s', () => {
      // oxlint-disable-next-line vitest/expect-expect -- in assertRow
      it.for(of)('$kind', async (row) => {
        await assertRow(world, row);
      });
    });
  }
}

async function assertRow(world: DamageWorld, row: Row): Promise<void> {
  const outcome = outcomeWithKey(row);
  const hurt = await damage(world, row);
  await assertRestore(world, row, outcome);
  // What is read from three mirrors is read from two in the same way, by the rows of these.
  if (row.spread !== 'one of three mirrors') await assertHealed(world, row, hurt);
  if (row.spread !== 'one of two mirrors') await assertKeyless(world, row);
}

async function assertHealed(world: DamageWorld, row: Row, hurt: readonly string[]): Promise<void> {
  const outcome = outcomeWithKey(row);
  const bad = new Set(hurt);
  await assertVerify(world, row, hurt);
  // Reading alone has changed nothing.
  expect(world.touched(bad)).toEqual([]);
  const { code } = await world.run('heal', '--level', 'data');
  expect({ row, exitCode: code }).toEqual({ row, exitCode: healExitCode(row, outcome) });
  expect(world.touched(bad)).toEqual([]);
  if (outcome === 'mended' || outcome === 'put together') await assertWhole(world, row);
  if (outcome === 'lost') await assertMendedByBackup(world, row);
}

async function assertWhole(world: DamageWorld, { spread }: Row): Promise<void> {
  expect(world.notWhole()).toEqual([]);
  // Every byte is as it was: that verify thinks so too is seen often enough by some of the rows.
  if (spread === 'one of two mirrors') return;
  expect((await world.run('verify', '--level', 'data')).code).toBe(0);
}

/** Damages what the row says, in a world that is whole. Returns the paths of the bad copies. */
async function damage(
  world: DamageWorld,
  { spread, object, kind, isKept }: Row,
): Promise<readonly string[]> {
  world.reset();
  if (isKept === true) expect((await world.run('snapshots')).code).toBe(0);
  const target = world.target(object);
  const bad: string[] = [];
  const hurt = (mirror: number, what: DamageKind, key = target.key, place: 0 | 1 = 0): void => {
    const keys = damageObject(world.mirror(mirror), { ...target, key }, what, place);
    for (const each of keys) bad.push(`m${mirror}/${each}`);
  };
  hurt(1, kind);
  if (spread === 'the same in all mirrors') hurt(2, kind);
  if (spread === 'different places in all mirrors') {
    if (kind === 'swap two objects') hurt(2, 'truncate to 0');
    else if (kind === 'flip a bit' || kind === 'zero a page' || kind === 'append garbage')
      hurt(2, kind, target.key, 1);
    else hurt(2, kind, target.other);
  }
  return bad.toSorted();
}

function healExitCode(row: Row, outcome: Outcome): number {
  if (outcome === 'mended' || outcome === 'put together') return 0;
  return closedExitCode(row);
}

/** Another key is there still, and does not fit: that looks like a wrong password. */
function closedExitCode({ object, kind }: Row): number {
  // Two places with one marker are refused, whatever it says.
  if (object === 'marker' && kind === 'older content') return 2;
  return object === 'key' ? 12 : 21;
}

/** All bad copies are named, nothing else is, and the exit code says whether something is lost. */
async function assertVerify(world: DamageWorld, row: Row, hurt: readonly string[]): Promise<void> {
  const outcome = outcomeWithKey(row);
  const verified = await world.run('verify', '--level', 'data');
  const exitCode = outcome === 'mended' ? 20 : closedExitCode(row);
  expect({ row, verify: verified.code }).toEqual({ row, verify: exitCode });
  if (outcome === 'mended' || outcome === 'lost')
    expect(damagedIn(verified)).toEqual(damagedByList(hurt));
}

/** A place whose `config` and marker are gone shows nothing of the repository: one finding. */
function damagedByList(hurt: readonly string[]): readonly string[] {
  return hurt.filter((path) => {
    const [mirror] = path.split('/');
    return !(path.endsWith('/config') && hurt.includes(`${mirror}/mirror`));
  });
}

function damagedIn({ documents }: Ran): readonly string[] {
  const findings = documents.filter(({ type, kind }) => type === 'finding' && kind !== 'extra');
  return findings.map(({ mirror, object }) => `${String(mirror)}/${String(object)}`).toSorted();
}

/** What has a good copy anywhere comes back; what has none is named, file by file. */
async function assertRestore(world: DamageWorld, row: Row, outcome: Outcome): Promise<void> {
  const { ran, wrong, missing } = await world.restore();
  if (outcome === 'closed' || outcome === 'put together') {
    expect({ row, restore: ran.code }).toEqual({ row, restore: closedExitCode(row) });
    return;
  }
  const lost = [...wrong, ...missing].map((path) => `${world.source}/${path}`).toSorted();
  const named = ran.documents
    .filter(({ type }) => type === 'problem')
    .map(({ message }) => String(message));
  expect({ row, exitCode: ran.code }).toEqual({ row, exitCode: lost.length > 0 ? 21 : 0 });
  if (row.object === 'data pack') expect(lost).toEqual(expectedLosses(world, row));
  else if (row.object !== 'tree pack') expect(lost).toEqual([]);
  for (const path of row.object === 'data pack' ? lost : []) {
    expect(named.some((message) => message.includes(path.slice(1)))).toBe(true);
  }
}

/** The files that have a block of which no mirror holds all bytes where they belong. */
function expectedLosses(world: DamageWorld, { spread, kind }: Row): readonly string[] {
  const isAll =
    spread === 'the same in all mirrors' || spread === 'different places in all mirrors';
  if (!isAll || kind === 'append garbage') return [];
  const bytes = world.bytesOf(world.target('data pack').key);
  const isHit = (from: number, to: number): boolean => {
    if (spread === 'different places in all mirrors') {
      // Both pages, or both bits, may lie in one block: then neither copy of it is good.
      if (kind === 'zero a page')
        return [0, 1].every((place) => overlaps([from, to], pageIn(bytes, place === 0 ? 0 : 1)));
      if (kind === 'flip a bit') return from <= 79 && to > 70;
      return kind === 'swap two objects';
    }
    if (kind === 'flip a bit') return overlaps([from, to], [70, 71]);
    if (kind === 'zero a page') return overlaps([from, to], pageIn(bytes, 0));
    return kind === 'truncate by half' ? to > bytes >> 1 : true;
  };
  const target = world.target('data pack');
  const paths = world.filesInPacks
    .filter(
      ({ pack }) =>
        pack === target.key ||
        (kind === 'swap two objects' && spread === 'the same in all mirrors'),
    )
    .filter(({ blocks }) => blocks.some(([from, to]) => isHit(from, to)))
    .map(({ path }) => path);
  return [...new Set(paths)].toSorted();
}

function overlaps(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] < b[1] && b[0] < a[1];
}

/**
 * What was lost is stored again by the next backup of the same data: for old snapshots too. Only how
 * the directories above the source looked then, the source cannot give back.
 */
async function assertMendedByBackup(world: DamageWorld, { object }: Row): Promise<void> {
  const snapshot = await world.backUpAgain();
  const whole = { ran: { code: 0 }, wrong: [], missing: [] };
  expect(await world.restore(snapshot)).toMatchObject(whole);
  const { code, documents } = await world.run('verify', '--level', 'data');
  const lost = documents
    .filter((document) => document['code'] === 'SNAPSHOT_INCOMPLETE')
    .map(({ message }) => / has lost (.*?): /.exec(String(message))?.[1] ?? 'none')
    .filter((path) => object !== 'tree pack' || !world.source.startsWith(path));
  expect(lost).toEqual([]);
  if (object === 'tree pack') return;
  expect(code).toBe(0);
  expect(await world.restore()).toMatchObject(whole);
}

/** Without keys and catalog: what every mirror lacks cannot be missed, all else is as above. */
async function assertKeyless(world: DamageWorld, row: Row): Promise<void> {
  const bad = new Set(await damage(world, row));
  const outcome = outcomeWithoutKey(row);
  const healed = await world.runKeyless('--level', 'data', '--heal');
  const exitCode = outcome === 'mended' ? 0 : outcome;
  expect({ row, keyless: healed.code }).toEqual({ row, keyless: exitCode });
  expect(world.touched(bad)).toEqual([]);
  // A place without a marker is not written to; but it gives to the others what it has.
  const left = world.notWhole().filter((path) => outcome !== 20 || !path.endsWith('/mirror'));
  if (outcome === 'mended' || outcome === 20) expect({ row, left }).toEqual({ row, left: [] });
}
