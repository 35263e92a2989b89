import { describe, expect, it } from 'vitest';
import {
  append,
  createMachine,
  createWorld,
  first,
  forgedRows,
  keyOf,
  keys,
  keysIn,
  mirrorOf,
  oldCopy,
  random,
  reconcile,
  repository,
  rowsOf,
  second,
  largeRecord,
} from '../../../test/support/journal-world.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { newId, type ObjectHash } from '../base/index.ts';
import type { EntryRow } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { objectHashOf } from '../format/index.ts';
import { hasForeignHistory, reconcileHistory, takeInNewer } from './mirror-history.ts';
import { entryKey } from './object-keys.ts';
import { readHistory } from './rebuild.ts';

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

  it('what says that a newer version made it is told so, and stops nobody', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 2);
    await world.set.drain();
    const [row] = await forgedRows(world, 1);
    const bytes = Buffer.from(row!.bytes);
    bytes[8] = 2;
    const hash = objectHashOf(bytes);
    await world.mirrors[0]!.memory.put(entryKey(first, 3, hash), [bytes]);
    await world.mirrors[0]!.memory.put(entryKey(second, 1, hash), [bytes]);
    expect(await reconcile(world, machine)).toEqual([]);
    const codes = machine.monitor.problems.map(({ code }) => code);
    expect(codes).toEqual(['FORMAT_TOO_NEW', 'FORMAT_TOO_NEW']);
  });

  it('true entries in places that are not theirs stop nobody, hide none, and are told', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 20);
    const old = await oldCopy(world, machine, 19);
    await world.set.drain();
    const rows = await rowsOf(machine);
    const { memory } = world.mirrors[0]!;
    const misplaced = [
      entryKey(first, 18, rows[2]!.hash),
      entryKey(first, 20, rows[18]!.hash),
      entryKey(first, 21, rows[2]!.hash),
      entryKey(first, 22, rows[19]!.hash),
      entryKey(second, 1, rows[0]!.hash),
    ];
    const rowOf = (key: string): EntryRow => rows.find(({ hash }) => key.endsWith(hash))!;
    for (const key of misplaced) await memory.put(key, [rowOf(key).bytes]);
    await memory.delete(keyOf(rows[19]!));
    expect(await reconcile(world, old)).toEqual(['m1 20']);
    expect(old.log.tip).toEqual(machine.log.tip);
    const told = old.monitor.problems.map(({ code, message }) => `${code} ${message}`);
    for (const key of misplaced)
      expect(
        told.filter((problem) => problem.includes(`ENTRY_FORGED`) && problem.includes(key)),
      ).toHaveLength(1);
    // A machine that begins anew reads the same history.
    const isAuthentic = machine.log.isAuthentic.bind(machine.log);
    const options = { mirrors: world.set, keys, repository, monitor: machine.monitor, isAuthentic };
    const read: string[] = [];
    for await (const { hash } of readHistory(options)) read.push(hash);
    expect(read).toEqual(rows.map(({ hash }) => hash));
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
    const look = { log: reader.log, mirrors: world.set, monitor: reader.monitor };
    await takeInNewer(mirrorOf(world, 1), look);
    expect(copies.map(({ log }) => log.tip)).toContainEqual(reader.log.tip);
    expect(reader.log.tip?.number).toBe(5);
  });

  it('a machine that only reads follows without writing to its catalog', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 4);
    await world.set.drain();
    const reader = await oldCopy(world, machine, 1);
    const look = { log: reader.log, mirrors: world.set, monitor: reader.monitor };
    await takeInNewer(mirrorOf(world, 1), look);
    expect(reader.log.tip).toEqual(machine.log.tip);
    expect((await reader.catalog.tip())?.number).toBe(1);
    await takeInNewer(mirrorOf(world, 1), look);
    expect(reader.log.tip?.number).toBe(4);
  });

  it('a machine that only reads takes from one mirror what another has damaged', async () => {
    const world = await createWorld();
    const machine = createMachine(world);
    await append(machine, 4);
    await world.set.drain();
    const reader = await oldCopy(world, machine, 1);
    const { memory } = world.mirrors[0]!;
    for await (const { key } of memory.list('journal/')) await memory.put(key, [Buffer.from('x')]);
    const look = { log: reader.log, mirrors: world.set, monitor: reader.monitor };
    await takeInNewer(mirrorOf(world, 0), look);
    expect(reader.log.tip).toEqual(machine.log.tip);
    expect(reader.monitor.problems).toEqual([]);
  });
});
