import { describe, expect, it } from 'vitest';
import { SeededRandom, seededBytes } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import { openTestMirrors, type TestMirror } from '../../../test/support/test-mirrors.ts';
import {
  newId,
  type LineageId,
  type ObjectHash,
  type PackName,
  type WriterId,
} from '../base/index.ts';
import { MemoryCatalog, type EntryRow } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { decodeEntryObject, type JournalRecord } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { EntryLog } from './entry-log.ts';
import { hasForeignHistory, reconcileHistory, takeInNewer } from './mirror-history.ts';
import { entryKey } from './object-keys.ts';
import { readHistory } from './rebuild.ts';
import { RepositoryState } from './repository-state.ts';

const { keys, repository } = testKeys();
const random = new SeededRandom('journal');
const first = newId(random) as LineageId;
const second = newId(random) as LineageId;

/** The mirrors that all machines of a test share. */
interface World {
  readonly set: MirrorSet;
  readonly mirrors: readonly TestMirror[];
}

async function createWorld(mirrors = 2): Promise<World> {
  const { set, mirrors: made } = await openTestMirrors({ count: mirrors });
  return { set, mirrors: made };
}

/** A machine with a catalog of its own, or with that of another. */
interface Machine {
  readonly catalog: MemoryCatalog;
  readonly state: RepositoryState;
  readonly log: EntryLog;
  readonly writer: WriterId;
  readonly monitor: CollectingMonitor;
}

let time = 1_000_000;
function createMachine({ set }: World, catalog: MemoryCatalog = new MemoryCatalog()): Machine {
  const state = new RepositoryState();
  const writer: WriterId = newId(random);
  const clock = { now: () => ++time, elapsed: () => time, sleep: async () => {} };
  const log = new EntryLog({
    catalog,
    mirrors: set,
    keys,
    repository,
    writer,
    state,
    clock,
    random,
  });
  return { catalog, state, log, writer, monitor: new CollectingMonitor() };
}

const note = (number: number): JournalRecord => ({ type: 'settings', mirrorsMin: number + 1 });

/** Appends `count` entries, which say their number. */
async function append(machine: Machine, count: number, lineage: LineageId = first): Promise<void> {
  for (let left = count; left > 0; left--) {
    const number = (machine.log.tip?.number ?? 0) + 1;
    await machine.log.append(() => [note(number)], { lineage });
  }
}

async function rowsOf({ catalog }: Machine): Promise<EntryRow[]> {
  const rows: EntryRow[] = [];
  for await (const row of catalog.read(0)) rows.push(row);
  return rows;
}

/** Entries as somebody makes them who has keys of his own: their names fit, the seals do not. */
async function forgedRows(world: World, count: number): Promise<EntryRow[]> {
  const { catalog, state, writer } = createMachine(world);
  const { set } = await openTestMirrors();
  const clock = { now: () => 1, elapsed: () => 1, sleep: async () => {} };
  const { keys: others } = testKeys('stranger');
  const options = { catalog, mirrors: set, keys: others, repository, writer, state, clock, random };
  const log = new EntryLog(options);
  for (let number = 0; number < count; number++)
    await log.append(() => [note(number)], { lineage: second });
  const rows: EntryRow[] = [];
  for await (const row of catalog.read(0)) rows.push(row);
  return rows;
}

const keyOf = ({ lineage, number, hash }: EntryRow): string => entryKey(lineage, number, hash);
async function keysIn(mirror: TestMirror | undefined, prefix: string): Promise<string[]> {
  const keysFound: string[] = [];
  for await (const { key } of mirror?.memory.list(prefix) ?? []) keysFound.push(key);
  return keysFound;
}
const mirrorOf = ({ set }: World, number: number): MirrorSet['mirrors'][number] => {
  const mirror = set.mirrors[number];
  if (mirror === undefined) throw new Error(`There is no mirror ${number}`);
  return mirror;
};

/** Copies catalog rows to a machine that starts anew: an old copy of its catalog. */
async function oldCopy(world: World, machine: Machine, entries: number): Promise<Machine> {
  const copy = createMachine(world);
  for (const row of (await rowsOf(machine)).slice(0, entries)) await copy.log.bringIn(row);
  return copy;
}

/** What opening for writing does; gives `mirror number,number` for each mirror that is behind. */
async function reconcile(world: World, machine: Machine): Promise<string[]> {
  const { log, monitor, state } = machine;
  const behind = await reconcileHistory(world.set, state, { log, monitor });
  return behind.map(
    ({ mirror, missing }) => `${mirror.name} ${missing.map(({ number }) => number).join()}`,
  );
}

describe('EntryLog', () => {
  it('appends to the catalog and to every mirror, in a chain', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 3);
    await world.set.drain();
    const rows = await rowsOf(machine);
    expect(rows.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(rows.map(({ bytes }) => decodeEntryObject(bytes).previous)).toEqual([
      '0'.repeat(64),
      rows[0]?.hash,
      rows[1]?.hash,
    ]);
    for (const mirror of world.mirrors) {
      expect(await keysIn(mirror, 'journal/')).toEqual(rows.map((row) => keyOf(row)));
      expect(Buffer.from(await mirror.memory.get(keyOf(rows[2]!))).equals(rows[2]!.bytes)).toBe(
        true,
      );
    }
    expect(machine.log.tip).toEqual({ lineage: first, number: 3, hash: rows[2]?.hash });
    expect(machine.state.mirrorsMin).toBe(4);
  });

  it('commits before any mirror has the entry, and not before the payload is there', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 1);
    await world.set.drain();
    for (const { faulty } of world.mirrors)
      faulty
        .on('put', /^journal/)
        .fails(new VersionsError('Unavailable', 'GONE', 'Gone'))
        .always();
    await expect(machine.log.append(() => [note(2)])).rejects.toMatchObject({
      kind: 'Unavailable',
    });
    expect((await machine.catalog.tip())?.number).toBe(2);
    const other = await createWorld();
    const next = createMachine(other);
    await append(next, 1);
    for (const { faulty } of other.mirrors)
      faulty
        .on('put', /^payloads/)
        .fails(new VersionsError('Unavailable', 'GONE', 'Gone'))
        .always();
    await expect(next.log.append(() => [largeRecord()])).rejects.toMatchObject({
      kind: 'Unavailable',
    });
    expect((await next.catalog.tip())?.number).toBe(1);
  });

  it('keeps a large payload as an object of its own, and reads it back from there', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 1);
    const record = largeRecord();
    await machine.log.append(() => [record]);
    await world.set.drain();
    const payloads = await Promise.all(world.mirrors.map((mirror) => keysIn(mirror, 'payloads/')));
    expect(payloads[0]).toHaveLength(1);
    expect(payloads[1]).toEqual(payloads[0]);
    // A catalog without the payloads: they come from whichever mirror has them whole.
    await world.mirrors[0]?.memory.delete(payloads[0]?.[0] ?? '');
    const other = createMachine(world);
    for (const { payload: _, ...row } of await rowsOf(machine)) await other.log.bringIn(row);
    expect(other.state.packs.count).toBe(machine.state.packs.count);
    expect(other.state.packs.count).toBe(5000);
  });

  it('takes in what another was faster with, and asks again what to append', async () => {
    const world = await createWorld();
    const a = createMachine(world);
    const b = createMachine(world, a.catalog);
    await append(a, 1);
    await b.log.catchUp();
    await append(a, 2);
    const asked: (number | undefined)[] = [];
    const number = await b.log.append(() => {
      asked.push(b.log.tip?.number);
      return [note(99)];
    });
    expect(number).toBe(4);
    expect(asked).toEqual([1, 3]);
    expect(await a.log.catchUp()).toBe(1);
    expect(a.state.mirrorsMin).toBe(100);
    expect(a.log.tip).toEqual(b.log.tip);
  });

  it('finishes what another has begun before it reports its own', async () => {
    const world = await createWorld();
    const dying = createMachine(world);
    const other = createMachine(world, dying.catalog);
    const dead = new VersionsError('Unavailable', 'STORE_FAILED', 'It died just then');
    for (const { faulty } of world.mirrors) faulty.on('put', /^journal/).fails(dead);
    await expect(append(dying, 1)).rejects.toMatchObject({ code: 'QUORUM_LOST' });
    await append(other, 1);
    await world.set.drain();
    const keysHeld = (await rowsOf(other)).map((row) => keyOf(row));
    expect([keysHeld.length, await keysIn(world.mirrors[0], 'journal/')]).toEqual([2, keysHeld]);
  });

  it('appends nothing if it turns out that there is nothing to append', async () => {
    const world = await createWorld();
    const a = createMachine(world);
    const b = createMachine(world, a.catalog);
    await append(a, 1);
    await b.log.catchUp();
    await append(a, 1);
    let asked = 0;
    expect(await b.log.append(() => (asked++ === 0 ? [note(9)] : undefined))).toBeUndefined();
    expect((await b.catalog.tip())?.number).toBe(2);
  });

  it('lets many append at once, in one order without gaps', async () => {
    const world = await createWorld();
    const catalog = new MemoryCatalog();
    const machines = Array.from({ length: 5 }, () => createMachine(world, catalog));
    await append(machines[0]!, 1);
    await Promise.all(machines.map(({ log }) => log.catchUp()));
    await Promise.all(
      machines.map(async ({ log }, at) => {
        for (let count = 0; count < 8; count++) await log.append(() => [note(at)]);
      }),
    );
    for (const { log } of machines) await log.catchUp();
    expect((await catalog.tip())?.number).toBe(41);
    expect(new Set(machines.map(({ log }) => log.tip?.hash)).size).toBe(1);
  });

  it('gives up, and does not spin, where others always win', async () => {
    const world = await createWorld();
    const catalog = new MemoryCatalog();
    const [a, b] = [createMachine(world, catalog), createMachine(world, catalog)];
    await append(a, 1);
    await b.log.catchUp();
    const append1 = catalog.append.bind(catalog);
    let inside = false;
    catalog.append = async (row, expected) => {
      if (!inside && decodeEntryObject(row.bytes).writer === b.writer) {
        inside = true;
        await a.log.catchUp();
        await append(a, 1);
        inside = false;
      }
      return append1(row, expected);
    };
    await expect(b.log.append(() => [note(5)])).rejects.toMatchObject({
      code: 'JOURNAL_CONTENDED',
    });
  });

  it.each<readonly [string, (rows: EntryRow[]) => EntryRow]>([
    [
      'bytes that do not match the hash',
      ([, row]) => ({ ...row!, hash: 'f'.repeat(64) as ObjectHash }),
    ],
    ['an entry that skips a number', ([, , row]) => row!],
    ['an entry again', ([row]) => row!],
    ['a row that lies about its number', ([, row]) => ({ ...row!, number: 7 })],
  ])('refuses %s', async (_, pick) => {
    const world = await createWorld();
    const writer = createMachine(world);
    await append(writer, 3);
    const reader = await oldCopy(world, writer, 1);
    const row = pick(await rowsOf(writer));
    const before = { ...reader.log.tip };
    await expect(reader.log.takeIn(row)).rejects.toMatchObject({ kind: 'Corrupt' });
    await expect(reader.log.bringIn(row)).rejects.toMatchObject({ kind: 'Corrupt' });
    expect(reader.log.tip).toEqual(before);
    expect((await reader.catalog.tip())?.number).toBe(1);
  });

  it('refuses an entry that somebody without the keys has made', async () => {
    const world = await createWorld();
    const reader = createMachine(world);
    await append(reader, 1);
    const [row] = await forgedRows(world, 1);
    expect(reader.log.isAuthentic(row!.bytes)).toBe(false);
    expect(reader.log.isAuthentic((await rowsOf(reader))[0]!.bytes)).toBe(true);
    expect(reader.log.isAuthentic(seededBytes(1, 500))).toBe(false);
    await expect(createMachine(world).log.bringIn(row!)).rejects.toMatchObject({ kind: 'Corrupt' });
  });
});

function largeRecord(): JournalRecord {
  const packs = Array.from({ length: 5000 }, (_, number) => ({
    name: seededBytes(`pack ${number}`, 32).toString('hex') as PackName,
    kind: 'data' as const,
    bytes: 1000,
    tableBytes: 100,
    chunkCount: 1,
    salt: seededBytes(`salt ${number}`, 32),
  }));
  return { type: 'packs', session: newId(random), packs };
}

describe('before writing', () => {
  it('all is well if the mirrors know what the catalog knows', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 3);
    await world.set.drain();
    const [mirror] = world.mirrors;
    mirror?.store.clear();
    expect(await reconcile(world, machine)).toEqual([]);
    // Two lists to see all lineages, one to see what is beyond the tip.
    expect(mirror?.store.calls.map(({ method }) => method)).toEqual(['list', 'list', 'list']);
  });

  it('entries that the catalog lacks are brought in: it was an old copy', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 6);
    await world.set.drain();
    const old = await oldCopy(world, machine, 2);
    expect(await reconcile(world, old)).toEqual([]);
    expect(old.log.tip).toEqual(machine.log.tip);
    expect(await rowsOf(old)).toHaveLength(6);
    expect(old.state.mirrorsMin).toBe(7);
  });

  it('mirrors that lack some of the last entries are told, and given them with their payloads', async () => {
    const world = await createWorld(3);
    const machine = createMachine(world);
    await append(machine, 1);
    await machine.log.append(() => [largeRecord()]);
    await append(machine, 2);
    await world.set.drain();
    const [whole, some, none] = world.mirrors;
    const rows = await rowsOf(machine);
    await some?.memory.delete(keyOf(rows[3]!));
    for (const key of [
      ...rows.slice(1).map((row) => keyOf(row)),
      ...(await keysIn(none, 'payloads/')),
    ])
      await none?.memory.delete(key);
    expect(await reconcile(world, machine)).toEqual(['m2 4', 'm3 2,3,4']);
    const { log, monitor, state } = machine;
    const behind = await reconcileHistory(world.set, state, { log, monitor });
    for (const { mirror, missing } of behind)
      for (const row of missing) await log.storeIn(mirror, row);
    for (const mirror of [some, none])
      expect(await keysIn(mirror, '')).toEqual(await keysIn(whole, ''));
    expect(await reconcile(world, machine)).toEqual([]);
  });

  it('another entry with a number that is taken means a fork', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 3);
    const copy = await oldCopy(world, machine, 2);
    await append(copy, 1);
    await world.set.drain();
    await expect(reconcile(world, machine)).rejects.toMatchObject({ code: 'HISTORY_FORKED' });
    await expect(reconcile(world, copy)).rejects.toMatchObject({ code: 'HISTORY_FORKED' });
  });

  it('an unknown lineage means that another machine has taken over', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 2);
    const taker = await oldCopy(world, machine, 2);
    await append(taker, 1, second);
    await world.set.drain();
    await expect(reconcile(world, machine)).rejects.toMatchObject({ code: 'FOREIGN_LINEAGE' });
    expect(await reconcile(world, taker)).toEqual([]);
    const look = { log: machine.log, monitor: machine.monitor };
    expect(await hasForeignHistory(mirrorOf(world, 0), machine.state, look)).toBe(true);
    expect(await hasForeignHistory(mirrorOf(world, 0), taker.state, look)).toBe(false);
  });

  it('files that no holder of the keys has made stop nobody, and are told', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 2);
    await world.set.drain();
    const { memory } = world.mirrors[0]!;
    const forged = await forgedRows(world, 3);
    for (const row of forged) await memory.put(keyOf(row), [row.bytes]);
    const hash = 'e'.repeat(64) as ObjectHash;
    await memory.put(entryKey(first, 3, hash), [seededBytes(2, 300)]);
    await memory.put(entryKey(newId(random), 1, hash), [seededBytes(3, 300)]);
    await memory.put(`journal/${first}/nonsense`, [Buffer.from('x')]);
    expect(await reconcile(world, machine)).toEqual([]);
    expect(machine.log.tip?.number).toBe(2);
    const codes = machine.monitor.problems.map(({ code }) => code);
    expect(new Set(codes)).toEqual(new Set(['ENTRY_FORGED', 'ENTRY_DAMAGED']));
  });

  it('entries that are spread over the mirrors are brought in together', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 7);
    await world.set.drain();
    const rows = await rowsOf(machine);
    for (const number of [4, 6]) await world.mirrors[0]?.memory.delete(keyOf(rows[number - 1]!));
    for (const number of [3, 5]) await world.mirrors[1]?.memory.delete(keyOf(rows[number - 1]!));
    const old = await oldCopy(world, machine, 2);
    expect(await reconcile(world, old)).toEqual(['m1 4,6', 'm2 3,5']);
    expect(old.log.tip).toEqual(machine.log.tip);
  });

  it('an entry behind a gap that no mirror fills is a history that must not be left behind', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 5);
    await world.set.drain();
    const rows = await rowsOf(machine);
    for (const { memory } of world.mirrors) await memory.delete(keyOf(rows[3]!));
    const old = await oldCopy(world, machine, 2);
    await expect(reconcile(world, old)).rejects.toMatchObject({ code: 'HISTORY_INCOMPLETE' });
    expect(await rowsOf(old)).toHaveLength(2);
  });

  it('a mirror that does not answer is left out while enough others do', async () => {
    const world = await createWorld(3);
    const machine = createMachine(world);
    await append(machine, 3);
    await world.set.drain();
    const old = await oldCopy(world, machine, 1);
    const gone = new VersionsError('Unavailable', 'TIMEOUT', 'It does not answer');
    world.mirrors[0]?.faulty.on('list').fails(gone).always();
    expect(await reconcile(world, old)).toEqual([]);
    expect(old.log.tip).toEqual(machine.log.tip);
    expect(old.monitor.notes).toHaveLength(1);
    world.mirrors[1]?.faulty.on('list').fails(gone).always();
    await expect(reconcile(world, old)).rejects.toBe(gone);
  });

  it('a machine that only reads follows one of several histories to its end', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 2);
    await world.set.drain();
    const copies = [];
    for (let copy = 0; copy < 4; copy++) copies.push(await oldCopy(world, machine, 2));
    for (const copy of copies) await append(copy, 3);
    await world.set.drain();
    const reader = await oldCopy(world, machine, 2);
    await takeInNewer(mirrorOf(world, 1), { log: reader.log, monitor: reader.monitor });
    expect(copies.map(({ log }) => log.tip)).toContainEqual(reader.log.tip);
    expect(reader.log.tip?.number).toBe(5);
  });

  it('a machine that only reads follows without writing to its catalog', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 4);
    await world.set.drain();
    const reader = await oldCopy(world, machine, 1);
    const look = { log: reader.log, monitor: reader.monitor };
    await takeInNewer(mirrorOf(world, 1), look);
    expect(reader.log.tip).toEqual(machine.log.tip);
    expect((await reader.catalog.tip())?.number).toBe(1);
    await takeInNewer(mirrorOf(world, 1), look);
    expect(reader.log.tip?.number).toBe(4);
  });
});

describe('the history that mirrors hold', () => {
  async function history(world: World, machine = createMachine(world)): Promise<EntryRow[]> {
    const rows: EntryRow[] = [];
    const { monitor, log } = machine;
    const options = {
      mirrors: world.set,
      keys,
      monitor,
      isAuthentic: (bytes: Uint8Array) => log.isAuthentic(bytes),
    };
    for await (const row of readHistory(options)) rows.push(row);
    return rows;
  }

  const hashes = (rows: readonly EntryRow[]): string[] => rows.map(({ hash }) => hash);

  it('comes back whole from each, and from several that lack different parts', async () => {
    const world = await createWorld(3);
    const machine = createMachine(world);
    await append(machine, 9);
    await world.set.drain();
    const rows = await rowsOf(machine);
    for (const [number, row] of rows.entries())
      await world.mirrors[number % 3]?.memory.delete(keyOf(row));
    const found = await history(world);
    expect(hashes(found)).toEqual(hashes(rows));
    const other = createMachine(world);
    for (const row of found) await other.log.bringIn(row);
    expect(other.log.tip).toEqual(machine.log.tip);
  });

  it('comes from the mirror that has an entry whole, if another has it damaged', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 3);
    await world.set.drain();
    const rows = await rowsOf(machine);
    const key = keyOf(rows[1]!);
    await world.mirrors[0]?.memory.delete(key);
    await world.mirrors[0]?.memory.put(key, [seededBytes(1, 200)]);
    expect(hashes(await history(world))).toEqual(hashes(rows));
  });

  it('ends before an entry that nobody has, and says what is behind', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 5);
    await world.set.drain();
    const rows = await rowsOf(machine);
    for (const { memory } of world.mirrors) await memory.delete(keyOf(rows[2]!));
    const reader = createMachine(world);
    expect(hashes(await history(world, reader))).toEqual(hashes(rows.slice(0, 2)));
    expect(reader.monitor.problems.map(({ code }) => code)).toEqual(['HISTORY_GAP']);
  });

  it('ends before an entry that is damaged everywhere, and says so', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 4);
    await world.set.drain();
    const rows = await rowsOf(machine);
    for (const { memory } of world.mirrors) {
      await memory.delete(keyOf(rows[2]!));
      await memory.put(keyOf(rows[2]!), [seededBytes(1, 200)]);
    }
    const reader = createMachine(world);
    expect(hashes(await history(world, reader))).toEqual(hashes(rows.slice(0, 2)));
    expect(reader.monitor.problems.map(({ code }) => code)).toEqual([
      'ENTRY_UNREADABLE',
      'HISTORY_GAP',
    ]);
  });

  it('is the longest of several branches, whichever mirror lists first', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 3);
    const short = await oldCopy(world, machine, 2);
    const long = await oldCopy(world, machine, 2);
    await append(short, 1, second);
    await append(long, 4, newId(random));
    await append(machine, 1);
    await world.set.drain();
    expect(hashes(await history(world))).toEqual(hashes(await rowsOf(long)));
  });

  it('is, of two branches of one length, the one that was written to last', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 2);
    const [a, b] = [await oldCopy(world, machine, 2), await oldCopy(world, machine, 2)];
    await append(a, 1, newId(random));
    await append(b, 1, newId(random));
    await append(a, 1, a.log.tip?.lineage);
    await append(b, 1, b.log.tip?.lineage);
    await world.set.drain();
    expect(hashes(await history(world))).toEqual(hashes(await rowsOf(b)));
  });

  it('is a shorter branch that is whole rather than a longer one with a gap', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 2);
    const long = await oldCopy(world, machine, 2);
    const short = await oldCopy(world, machine, 2);
    await append(long, 5, newId(random));
    await append(short, 2, newId(random));
    await world.set.drain();
    const rows = await rowsOf(long);
    for (const { memory } of world.mirrors) await memory.delete(keyOf(rows[2]!));
    const reader = createMachine(world);
    expect(hashes(await history(world, reader))).toEqual(hashes(await rowsOf(short)));
    expect(reader.monitor.problems.map(({ code }) => code)).toEqual(['HISTORY_GAP']);
  });

  it('does not follow what no holder of the keys has made', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 3);
    await world.set.drain();
    for (const row of await forgedRows(world, 6))
      await world.mirrors[0]?.memory.put(keyOf(row), [row.bytes]);
    expect(hashes(await history(world))).toEqual(hashes(await rowsOf(machine)));
  });

  it('of empty mirrors is empty', async () => {
    const world = await createWorld();
    const reader = createMachine(world);
    expect(await history(world, reader)).toEqual([]);
    expect(reader.monitor.problems).toEqual([]);
  });
});
