import { describe, expect, it } from 'vitest';
import {
  type World,
  append,
  createMachine,
  createWorld,
  first,
  forgedRows,
  keyOf,
  keys,
  keysIn,
  note,
  oldCopy,
  random,
  repository,
  rowsOf,
  second,
  largeRecord,
} from '../../../test/support/journal-world.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { newId, type ObjectHash } from '../base/index.ts';
import { MemoryCatalog, type EntryRow } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { decodeEntryObject } from '../format/index.ts';
import type { EntryAddress } from './object-keys.ts';
import { readHistory } from './rebuild.ts';

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
    expect(reader.log.isAuthentic(row!.bytes, row!)).toBe(false);
    const [own] = await rowsOf(reader);
    expect(reader.log.isAuthentic(own!.bytes, own!)).toBe(true);
    expect(reader.log.isAuthentic(seededBytes(1, 500), own!)).toBe(false);
    expect(reader.log.isAuthentic(own!.bytes, { ...own!, number: 2 })).toBe(false);
    expect(reader.log.isAuthentic(own!.bytes, { ...own!, lineage: second })).toBe(false);
    await expect(createMachine(world).log.bringIn(row!)).rejects.toMatchObject({ kind: 'Corrupt' });
  });
});

describe('the history that mirrors hold', () => {
  async function history(world: World, machine = createMachine(world)): Promise<EntryRow[]> {
    const rows: EntryRow[] = [];
    const { monitor, log } = machine;
    const options = {
      mirrors: world.set,
      keys,
      repository,
      monitor,
      isAuthentic: (bytes: Uint8Array, place: EntryAddress) => log.isAuthentic(bytes, place),
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

  it('ends before an entry whose payload object is lost, and goes another way round it', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 2);
    const round = await oldCopy(world, machine, 2);
    await machine.log.append(() => [largeRecord()]);
    await append(machine, 2);
    await world.set.drain();
    const rows = await rowsOf(machine);
    expect(hashes(await history(world))).toEqual(hashes(rows));
    for (const mirror of world.mirrors)
      for (const key of await keysIn(mirror, 'payloads/')) await mirror.memory.delete(key);
    const reader = createMachine(world);
    expect(hashes(await history(world, reader))).toEqual(hashes(rows.slice(0, 2)));
    const told = ['ENTRY_UNREADABLE', 'HISTORY_GAP'];
    expect(reader.monitor.problems.map(({ code }) => code)).toEqual(told);
    // What a rebuild does: it goes on from there, and its shorter branch is the one that counts.
    await append(round, 1, newId(random));
    await world.set.drain();
    const other = createMachine(world);
    expect(hashes(await history(world, other))).toEqual(hashes(await rowsOf(round)));
    expect(other.monitor.problems.map(({ code }) => code)).toEqual(told);
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
