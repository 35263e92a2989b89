/** What tests of the journal of several machines share: mirrors, machines, old copies of them. */
import { SeededRandom, seededBytes } from './seeded-random.ts';
import { testKeys } from './test-keys.ts';
import { openTestMirrors, type TestMirror } from './test-mirrors.ts';
import {
  newId,
  type LineageId,
  type RepositoryId,
  type PackName,
  type WriterId,
} from '../../src/core/base/index.ts';
import { MemoryCatalog, type EntryRow } from '../../src/core/catalog/index.ts';
import type { RepositoryKeys } from '../../src/core/crypto/index.ts';
import { type JournalRecord } from '../../src/core/format/index.ts';
import type { MirrorSet } from '../../src/core/mirror/index.ts';
import { CollectingMonitor } from '../../src/core/monitor/index.ts';
import { EntryLog } from '../../src/core/repository/entry-log.ts';
import { reconcileHistory } from '../../src/core/repository/mirror-history.ts';
import { entryKey } from '../../src/core/repository/object-keys.ts';
import { RepositoryState } from '../../src/core/repository/repository-state.ts';

const testing = testKeys();
export const keys: RepositoryKeys = testing.keys;
export const repository: RepositoryId = testing.repository;
export const random: SeededRandom = new SeededRandom('journal');
export const first = newId(random) as LineageId;
export const second = newId(random) as LineageId;

/** The mirrors that all machines of a test share. */
export interface World {
  readonly set: MirrorSet;
  readonly mirrors: readonly TestMirror[];
}

export async function createWorld(mirrors = 2): Promise<World> {
  const { set, mirrors: made } = await openTestMirrors({ count: mirrors });
  return { set, mirrors: made };
}

/** A machine with a catalog of its own, or with that of another. */
export interface Machine {
  readonly catalog: MemoryCatalog;
  readonly state: RepositoryState;
  readonly log: EntryLog;
  readonly writer: WriterId;
  readonly monitor: CollectingMonitor;
}

let time = 1_000_000;
export function createMachine(
  { set }: World,
  catalog: MemoryCatalog = new MemoryCatalog(),
): Machine {
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

export const note = (number: number): JournalRecord => ({
  type: 'settings',
  mirrorsMin: number + 1,
});

/** Appends `count` entries, which say their number. */
export async function append(
  machine: Machine,
  count: number,
  lineage: LineageId = first,
): Promise<void> {
  for (let left = count; left > 0; left--) {
    const number = (machine.log.tip?.number ?? 0) + 1;
    await machine.log.append(() => [note(number)], { lineage });
  }
}

export async function rowsOf({ catalog }: Machine): Promise<EntryRow[]> {
  const rows: EntryRow[] = [];
  for await (const row of catalog.read(0)) rows.push(row);
  return rows;
}

/** Entries as somebody makes them who has keys of his own: their names fit, the seals do not. */
export async function forgedRows(world: World, count: number): Promise<EntryRow[]> {
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

export const keyOf = ({ lineage, number, hash }: EntryRow): string =>
  entryKey(lineage, number, hash);
export async function keysIn(mirror: TestMirror | undefined, prefix: string): Promise<string[]> {
  const keysFound: string[] = [];
  for await (const { key } of mirror?.memory.list(prefix) ?? []) keysFound.push(key);
  return keysFound;
}
export const mirrorOf = ({ set }: World, number: number): MirrorSet['mirrors'][number] => {
  const mirror = set.mirrors[number];
  if (mirror === undefined) throw new Error(`There is no mirror ${number}`);
  return mirror;
};

/** Copies catalog rows to a machine that starts anew: an old copy of its catalog. */
export async function oldCopy(world: World, machine: Machine, entries: number): Promise<Machine> {
  const copy = createMachine(world);
  for (const row of (await rowsOf(machine)).slice(0, entries)) await copy.log.bringIn(row);
  return copy;
}

/** What opening for writing does; gives `mirror number,number` for each mirror that is behind. */
export async function reconcile(world: World, machine: Machine): Promise<string[]> {
  const { log, monitor, state } = machine;
  const behind = await reconcileHistory(world.set, state, { log, monitor });
  return behind.map(
    ({ mirror, missing }) => `${mirror.name} ${missing.map(({ number }) => number).join()}`,
  );
}

export function largeRecord(): JournalRecord {
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
