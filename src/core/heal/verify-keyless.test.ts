import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { createTestPack } from '../../../test/support/test-pack.ts';
import { testMirrorId, testRepository } from '../../../test/support/test-mirrors.ts';
import { MemoryCatalog } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { encodeConfig, encodeMarker, objectHashOf, quarantinedKey } from '../format/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { FaultyStore, MemoryStore } from '../store/index.ts';
import { type KeylessOptions, type KeylessSummary, verifyKeyless } from './verify-keyless.ts';

const packs = Array.from({ length: 6 }, (_, seed) => createTestPack(seed, 150_000 + seed));
const small = Array.from({ length: 4 }, (_, seed) => seededBytes(`small ${seed}`, 300 + seed));
const config = encodeConfig(
  {
    repository: testRepository,
    suite: 1,
    created: 1000,
    chunkBytesAvg: 65_536,
    blockBytes: 1_048_576,
    inlineBytes: 256,
  },
  () => new Uint8Array(32),
);
const objects = new Map<string, Uint8Array>([
  ['config', config],
  ...packs.map(({ key, bytes }): [string, Uint8Array] => [key, bytes]),
  ...small.map((bytes, n): [string, Uint8Array] => [
    `${['keys', 'payloads', 'checkpoints', `journal/${'a'.repeat(32)}`][n]}/${n === 3 ? '000000000001-' : ''}${objectHashOf(bytes)}`,
    bytes,
  ]),
]);
const markerOf = (number: number): Uint8Array =>
  encodeMarker({
    repository: testRepository,
    suite: 1,
    mirror: testMirrorId(number),
    created: 1000,
  });

const denied = new VersionsError('Denied', 'STORE_DENIED', 'No permission');

let stores: MemoryStore[];
let faulty: FaultyStore[];
let monitor: CollectingMonitor;
let catalog: MemoryCatalog;
const clock = new FakeClock();

beforeEach(async () => {
  stores = [1, 2, 3].map(() => new MemoryStore());
  faulty = stores.map((store) => new FaultyStore(store));
  monitor = new CollectingMonitor();
  catalog = new MemoryCatalog();
  for (const [at, store] of stores.entries()) {
    for (const [key, bytes] of objects) await store.put(key, [bytes]);
    await store.put('mirror', [markerOf(at + 1)]);
  }
});

function run(
  options: Partial<KeylessOptions> & { readonly mirrors?: number } = {},
): Promise<KeylessSummary> {
  const { mirrors = 3, ...rest } = options;
  const places = faulty.slice(0, mirrors).map((store, at) => ({ name: `m${at + 1}`, store }));
  return verifyKeyless(places, { level: 'data', monitor, clock, by: 'test', ...rest });
}

const heal = (options: Parameters<typeof run>[0] = {}): Promise<KeylessSummary> =>
  run({ heal: { dryRun: false }, ...options });

async function damage(
  at: number,
  key: string,
  how: (bytes: Uint8Array) => Uint8Array | undefined,
): Promise<void> {
  const store = stores[at]!;
  const bytes = how(await store.get(key));
  if (bytes === undefined) await store.delete(key);
  else await store.put(key, [bytes]);
}

const flip =
  (...offsets: readonly number[]) =>
  (bytes: Uint8Array): Uint8Array => {
    const copy = new Uint8Array(bytes);
    for (const at of offsets) copy[at] = (copy[at] ?? 0) ^ 16;
    return copy;
  };
const zero =
  (from: number, length: number) =>
  (bytes: Uint8Array): Uint8Array =>
    new Uint8Array(bytes).fill(0, from, from + length);

/** Everything in a store, damaged copies that were set aside apart. */
async function contentOf(at: number): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const { key } of stores[at]!.list('')) {
    if (quarantinedKey(key) !== undefined) continue;
    content.set(key, objectHashOf(await stores[at]!.get(key)));
  }
  return content;
}

async function expectWhole(mirrors = 3): Promise<void> {
  for (let at = 0; at < mirrors; at++) {
    const whole = new Map([...objects].map(([key, bytes]) => [key, objectHashOf(bytes)]));
    whole.set('mirror', objectHashOf(markerOf(at + 1)));
    expect(await contentOf(at)).toEqual(
      new Map([...whole].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    );
  }
}

const { key: pack } = packs[0]!;
const keys = [...objects.keys()];

describe('verifyKeyless', () => {
  it('finds nothing in whole mirrors, and writes nothing', async () => {
    expect(await run()).toMatchObject({ mirrors: 3, findings: 0, lost: 0, objects: 36 });
    expect(monitor.findings).toEqual([]);
  });

  it.each(keys)('tells what is wrong with %s, and mends it', async (key) => {
    await damage(0, key, flip(70));
    await damage(1, key, () => undefined);
    const found = await run();
    expect(found).toMatchObject({ findings: 2, healable: 2, lost: 0 });
    expect(monitor.findings.map(({ mirror, kind, object }) => [mirror, kind, object])).toEqual([
      ['m1', 'corrupt', key],
      ['m2', 'missing', key],
    ]);
    const { healed } = await heal();
    expect(healed).toMatchObject({ mended: 2, left: 0, lost: [] });
    await expectWhole();
  });

  it('sees by lists alone that sizes differ, and reads to tell which is right', async () => {
    await damage(0, pack, (bytes) => bytes.subarray(0, 1000));
    expect(await run({ level: 'quick' })).toMatchObject({ findings: 1, healable: 1 });
    expect(monitor.findings[0]).toMatchObject({ mirror: 'm1', object: pack });
    expect((await heal({ level: 'quick' })).healed).toMatchObject({ mended: 1, left: 0 });
    await expectWhole();
  });

  it('puts together what is damaged in different places of all mirrors', async () => {
    await damage(0, pack, zero(0, 70_000));
    await damage(1, pack, zero(70_000, 60_000));
    await damage(2, pack, zero(1000, 149_000));
    const found = await run();
    expect(found).toMatchObject({ findings: 3, healable: 3, lost: 0 });
    expect((await heal()).healed).toMatchObject({ mended: 3, left: 0, lost: [] });
    await expectWhole();
  });

  it('mends a single bit of the only copy', async () => {
    for (const at of [0, 1]) await damage(at, keys[7]!, () => undefined);
    await damage(2, keys[7]!, flip(100));
    expect((await heal()).healed).toMatchObject({ mended: 3, lost: [] });
    await expectWhole();
  });

  it('leaves what cannot be mended as it is, names it, and mends the rest', async () => {
    for (const at of [0, 1, 2]) await damage(at, pack, zero(5000, 512));
    await damage(1, packs[1]!.key, zero(0, 4096));
    const before = await contentOf(0);
    const { healed } = await heal();
    expect(healed).toMatchObject({ mended: 1, left: 3, lost: [pack] });
    expect(monitor.problems.map(({ code }) => code)).toEqual(['OBJECT_NOT_MENDED']);
    expect(await contentOf(0)).toEqual(before);
  });

  it('takes what was set aside into account', async () => {
    await damage(0, pack, zero(0, 70_000));
    await heal({ mirrors: 2 });
    // The good copies go, and what was bad before has what they lack.
    for (const at of [0, 1, 2]) await damage(at, pack, zero(80_000, 60_000));
    expect((await heal()).healed).toMatchObject({ mended: 3, lost: [] });
    await expectWhole();
  });

  it('writes nothing in a dry run, and shows the plan', async () => {
    await damage(0, pack, flip(5));
    const before = await contentOf(0);
    const plans: number[] = [];
    const summary = await run({
      heal: { dryRun: true, onPlan: ({ items }) => void plans.push(items.length) },
    });
    expect(summary.healed).toBeUndefined();
    expect(plans).toEqual([1]);
    expect(await contentOf(0)).toEqual(before);
  });

  it('mends only where it is told, from where it is told', async () => {
    await damage(0, pack, () => undefined);
    await damage(1, pack, () => undefined);
    await damage(1, packs[1]!.key, () => undefined);
    await heal({ heal: { dryRun: false, mirror: 'm2', object: pack.slice(10) } });
    expect((await contentOf(1)).has(pack)).toBe(true);
    expect((await contentOf(0)).has(pack)).toBe(false);
    expect((await contentOf(1)).has(packs[1]!.key)).toBe(false);
    const { healed } = await heal({ heal: { dryRun: false, from: 'm1' } });
    expect(healed?.left).toBe(1);
    expect((await contentOf(1)).has(packs[1]!.key)).toBe(true);
  });

  it('stops before it has written more than it may', async () => {
    for (const { key } of packs) await damage(0, key, () => undefined);
    const first = await heal({ heal: { dryRun: false, bytesMax: 320_000 } });
    expect(first.healed).toMatchObject({ mended: 2, left: 4 });
    expect((await heal()).healed).toMatchObject({ mended: 4, left: 0 });
    await expectWhole();
  });

  it('says that no mirror has a key object any more, though nothing names them', async () => {
    const key = keys.find((each) => each.startsWith('keys/')) ?? '';
    await damage(0, key, () => undefined);
    await damage(1, key, () => undefined);
    expect(await run()).toMatchObject({ findings: 2, lost: 0 });
    monitor = new CollectingMonitor();
    await damage(2, key, () => undefined);
    expect(await run()).toMatchObject({ findings: 3, healable: 0, lost: 1 });
    expect(monitor.findings).toMatchObject(
      ['m1', 'm2', 'm3'].map((mirror) => ({ mirror, kind: 'missing', object: 'keys/' })),
    );
    expect(await heal()).toMatchObject({ lost: 1, healed: { mended: 0, left: 0 } });
  });

  it('reports what nothing names, and leaves it alone', async () => {
    await stores[0]!.put('packs/ff/left-over', [Buffer.from('x')]);
    await stores[1]!.put('somebody-else', [Buffer.from('x')]);
    expect((await heal()).healed).toMatchObject({ mended: 0, left: 0 });
    expect(monitor.findings).toMatchObject([{ kind: 'extra', object: 'packs/ff/left-over' }]);
    expect((await contentOf(0)).has('packs/ff/left-over')).toBe(true);
  });

  it('does not write over what it cannot read', async () => {
    faulty[0]!.on('get', pack).fails(denied).always();
    expect((await heal()).healed).toMatchObject({ mended: 0, left: 1, lost: [] });
    expect(monitor.problems.map(({ code }) => code)).toEqual(['TARGET_UNREADABLE']);
  });

  it('does not call mended what is in a mirror that cannot be listed', async () => {
    await damage(1, pack, zero(5000, 512));
    faulty[0]!.on('list').fails(denied).always();
    expect((await heal()).healed).toMatchObject({ mended: 1, left: 0 });
    expect(monitor.problems.map(({ code }) => code)).toEqual(['MIRROR_UNLISTED']);
  });

  it('takes older versions where a store keeps them', async () => {
    for (const at of [0, 1, 2]) await damage(at, pack, zero(5000, 512));
    const versions = Object.assign(faulty[1]!, {
      async *versions(key: string) {
        if (key === pack) for (const version of ['b', 'a']) yield { key, bytes: 1, version };
      },
      getVersion: async (_key: string, version: string) =>
        version === 'a' ? packs[0]!.bytes : Buffer.from('deleted'),
    });
    faulty[1] = versions;
    expect((await heal()).healed).toMatchObject({ mended: 3, lost: [] });
    await expectWhole();
  });

  it('goes on if the ledger cannot be written', async () => {
    const { ledger } = catalog;
    const broken = Object.assign(ledger, {
      record: async () => {
        throw new VersionsError('Unavailable', 'CATALOG_BUSY', 'It is busy');
      },
    });
    await damage(0, pack, flip(3));
    expect((await heal({ ledger: broken })).healed).toMatchObject({ mended: 1 });
    expect(monitor.notes).toEqual(['It is busy', 'The ledger could not be written: It is busy']);
  });

  it('tells of each copy that it has healed, without a ledger', async () => {
    await damage(0, pack, flip(100));
    const told: object[] = [];
    await heal({ onEvent: (event) => told.push(event) });
    expect(told).toEqual([
      {
        at: clock.now(),
        kind: 'healed',
        mirror: 'm1',
        object: pack,
        by: 'test',
        detail: expect.stringContaining('mended from m2 (copy)'),
      },
    ]);
    await heal({ onEvent: (event) => told.push(event) });
    expect(told).toHaveLength(1);
  });

  it('notes what it has read and done', async () => {
    const { ledger } = catalog;
    await damage(0, pack, flip(3));
    await damage(1, pack, () => undefined);
    await run({ ledger });
    const states = async (): Promise<string[]> =>
      (await ledger.copiesOf(pack)).map(({ state }) => state);
    expect(await states()).toEqual(['damaged', 'debt', 'stored']);
    expect((await ledger.copiesOf(pack))[2]?.lastVerified).toBe(clock.now());
    // What the ledger calls damaged is read again, though lists show nothing.
    expect((await heal({ ledger, level: 'quick' })).healed).toMatchObject({ mended: 2 });
    expect(await states()).toEqual(['stored', 'stored', 'stored']);
    expect((await ledger.events(9)).map(({ kind, object }) => [kind, object])).toEqual([
      ['healed', pack],
      ['healed', pack],
    ]);
    await expectWhole();
  });
});

describe('a mirror in which too much is wrong at once', () => {
  const many = Array.from({ length: 40 }, (_, seed) => seededBytes(`many ${seed}`, 200));

  beforeEach(async () => {
    for (const bytes of many) {
      for (const store of stores) await store.put(`payloads/${objectHashOf(bytes)}`, [bytes]);
      await damage(0, `payloads/${objectHashOf(bytes)}`, flip(4, 9));
    }
    await damage(0, pack, () => undefined);
  });

  it('is not written over; what it lacks is still given', async () => {
    const tripped: number[] = [];
    const { healed } = await heal({
      heal: { dryRun: false, onPlan: (plan) => void tripped.push(plan.tripped[0]?.damaged ?? 0) },
    });
    expect(tripped).toEqual([40]);
    expect(healed).toMatchObject({ mended: 1, left: 40 });
  });

  it('is mended if told so', async () => {
    const { healed } = await heal({ heal: { dryRun: false, noBreaker: true } });
    expect(healed).toMatchObject({ mended: 41, left: 0 });
  });
});

describe('a marker', () => {
  it('does not stop reading, and is mended from what is left of it', async () => {
    await damage(0, 'mirror', flip(80));
    expect(await run()).toMatchObject({ mirrors: 3, lost: 0 });
    expect(monitor.findings).toMatchObject([{ mirror: 'm1', kind: 'corrupt', object: 'mirror' }]);
    expect((await heal()).healed).toMatchObject({ mended: 1, left: 0 });
    await expectWhole();
  });

  it('is written anew if somebody knows the id, and only where objects prove whose it is', async () => {
    await damage(0, 'mirror', () => undefined);
    await heal({ mirrors: 2 });
    expect((await contentOf(0)).has('mirror')).toBe(false);
    expect(monitor.problems.map(({ code }) => code)).toEqual(['MARKER_LOST']);
    stores[1] = new MemoryStore();
    faulty[1] = new FaultyStore(stores[1]);
    const idOf = async (name: string) => testMirrorId(Number(name.slice(1)));
    await heal({ idOf });
    await expectWhole(1);
    // Nothing of the repository is there: it may be an empty mount point.
    expect((await contentOf(1)).size).toBe(0);
  });

  it('that is lost leaves a place that gives to the others, and is given nothing', async () => {
    await damage(0, 'mirror', () => undefined);
    await damage(0, packs[1]!.key, flip(80));
    const before = await contentOf(0);
    for (const at of [1, 2]) await damage(at, pack, zero(70, 140_000));
    const { healed, lost } = await heal({ ledger: catalog.ledger });
    expect({ healed, lost }).toMatchObject({ healed: { mended: 2, left: 0 }, lost: 0 });
    expect(monitor.problems.map(({ code }) => code)).toEqual(['MARKER_LOST']);
    expect(await contentOf(0)).toEqual(before);
    for (const at of [1, 2])
      expect((await contentOf(at)).get(pack)).toBe(objectHashOf(packs[0]!.bytes));
    // Whose copies those are is not known, so nothing is noted of them.
    for await (const { mirror } of catalog.ledger.copies()) {
      expect([testMirrorId(2), testMirrorId(3)]).toContain(mirror);
    }
  });

  it('that a place does not take keeps nobody from healing the others', async () => {
    await damage(2, 'mirror', () => undefined);
    await damage(0, pack, flip(80));
    faulty[2]!.on('put', 'mirror').fails(denied).always();
    const { healed } = await heal({ idOf: async (name) => testMirrorId(Number(name.slice(1))) });
    expect(healed).toMatchObject({ mended: 1 });
    expect(monitor.problems).toEqual([denied]);
    await expectWhole(2);
  });

  it('is never made a second time', async () => {
    await damage(0, 'mirror', () => undefined);
    await heal({ idOf: async () => testMirrorId(2) });
    expect((await contentOf(0)).has('mirror')).toBe(false);
  });
});
