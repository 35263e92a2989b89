import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../test/contract/object-store.ts';
import {
  createTestMirror,
  openTestMirrors,
  readTestMarker,
  testMarker,
  type TestMirror,
  testMirrorId,
  testRepository,
} from '../../../test/support/test-mirrors.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { RepositoryId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { CollectingMonitor, silentMonitor } from '../monitor/index.ts';
import { MemoryStore } from '../store/index.ts';
import { markerKey, MirrorSet } from './index.ts';

const otherRepository = 'bb'.repeat(16) as RepositoryId;
const unreachable = new VersionsError('Unavailable', 'STORE_UNAVAILABLE', 'No route to host');

function testMirrors(count: number): Promise<TestMirror[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => createTestMirror(index + 1)));
}

describe('opening mirrors', () => {
  it('reads each marker once and nothing else', async () => {
    const { set, mirrors, monitor } = await openTestMirrors();
    expect(set.repositoryId).toBe(testRepository);
    expect(set.mirrors.map(({ id }) => id)).toEqual([1, 2, 3].map(testMirrorId));
    expect(set.absent).toEqual([]);
    expect(monitor.findings).toEqual([]);
    for (const { store } of mirrors) {
      const range = { offset: 0, length: 131_072 };
      expect(store.calls).toEqual([{ method: 'get', key: markerKey, range }]);
    }
  });

  it.each([
    ['has no marker', 'absent', ''],
    ['cannot be reached', 'absent', ''],
    ['could not be opened', 'absent', ''],
    ['refuses access', 'absent', ''],
    ['has a damaged marker', 'corrupt', markerKey],
  ])('takes a place that %s as absent, and never writes to it', async (what, kind, object) => {
    const mirrors = await testMirrors(3);
    const [, second] = mirrors;
    if (second === undefined) throw new Error('no second mirror');
    if (what === 'has no marker') await second.memory.delete(markerKey);
    if (what === 'cannot be reached') second.faulty.on('get').fails(unreachable);
    if (what === 'refuses access') {
      second.faulty.on('get').fails(new VersionsError('Denied', 'STORE_DENIED', 'No'));
    }
    if (what === 'has a damaged marker') await second.memory.put(markerKey, [Buffer.from('{')]);
    const places = mirrors.map((mirror) =>
      mirror === second && what === 'could not be opened'
        ? { name: 'm2', error: unreachable }
        : mirror,
    );
    const { set, monitor, debts } = await openTestMirrors({ mirrors, places });
    expect(set.mirrors.map(({ name }) => name)).toEqual(['m1', 'm3']);
    expect(set.absent).toMatchObject([{ name: 'm2' }]);
    const finding = { kind, mirror: 'm2', object, healable: true };
    expect(monitor.findings).toMatchObject([finding]);
    second.store.clear();
    await set.put('packs/a', [Buffer.from('a')]);
    await set.get('packs/a');
    await set.drain();
    expect(second.store.calls).toEqual([]);
    expect(debts).toEqual([]);
    expect(await second.memory.head('packs/a')).toBeUndefined();
    expect(() => set.list(testMirrorId(2), '')).toThrow('There is no mirror');
  });

  it('waits a minute for a marker, no longer', async () => {
    const mirrors = await testMirrors(2);
    mirrors[0]?.faulty.on('get').waitsFor(new Promise(() => {}));
    const clock = new FakeClock();
    const monitor = new CollectingMonitor();
    const opening = MirrorSet.open({
      places: mirrors,
      readMarker: readTestMarker,
      readOnly: false,
      monitor,
      clock,
    });
    while (clock.sleeping !== 1) await new Promise(setImmediate);
    await clock.advance(60_000);
    const set = await opening;
    expect(set.absent).toMatchObject([{ name: 'm1', error: { code: 'MIRROR_STALLED' } }]);
    expect(monitor.findings).toMatchObject([{ kind: 'absent', mirror: 'm1' }]);
    expect(clock.sleeping).toBe(0);
  });

  it('stops when the signal aborts', async () => {
    const mirrors = await testMirrors(2);
    mirrors[0]?.faulty.on('get').waitsFor(new Promise(() => {}));
    const controller = new AbortController();
    const failure = failureOf(openTestMirrors({ mirrors, signal: controller.signal }));
    await new Promise(setImmediate);
    controller.abort();
    expect(await failure).toBe('Cancelled CANCELLED');
  });
});

describe('markers that contradict each other', () => {
  it('of another repository than expected are refused by name', async () => {
    const mirrors = await testMirrors(2);
    const opened = openTestMirrors({ mirrors, repositoryId: otherRepository });
    await expect(opened).rejects.toMatchObject({
      kind: 'Usage',
      code: 'MIRROR_FOREIGN',
      message: expect.stringContaining('m1'),
    });
  });

  it('of two repositories are refused, also for reading', async () => {
    const mirrors = await testMirrors(3);
    const marker = testMarker({ repository: otherRepository, mirror: testMirrorId(3) });
    await mirrors[2]?.memory.put(markerKey, [marker]);
    for (const readOnly of [true, false]) {
      const opened = openTestMirrors({ mirrors, readOnly });
      const message = `Mirror m3 holds repository ${otherRepository}, not repository ${testRepository} of mirror m1`;
      await expect(opened).rejects.toMatchObject({ code: 'MIRROR_FOREIGN', message });
    }
    const writes = mirrors
      .flatMap(({ store }) => store.calls)
      .filter(({ method }) => method !== 'get');
    expect(writes).toEqual([]);
  });

  it('of one mirror in two places are refused', async () => {
    const mirrors = await testMirrors(3);
    const marker = testMarker({ repository: testRepository, mirror: testMirrorId(1) });
    await mirrors[2]?.memory.put(markerKey, [marker]);
    const opened = openTestMirrors({ mirrors });
    await expect(opened).rejects.toMatchObject({ kind: 'Usage', code: 'MIRROR_TWICE' });
  });
});

describe('the quorum', () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [5, 4],
  ])('of %i mirrors is %i unless told otherwise', async (count, expected) => {
    expect((await openTestMirrors({ count })).set.mirrorsMin).toBe(expected);
  });

  it.each([0, 4, -1, 1.5, Number.NaN])('cannot be %d of 3', async (mirrorsMin) => {
    expect(await failureOf(openTestMirrors({ mirrorsMin }))).toBe('Usage MIRRORS_MIN_INVALID');
  });

  it('must be reachable for writing, one mirror is enough for reading', async () => {
    const mirrors = await testMirrors(3);
    await mirrors[0]?.memory.delete(markerKey);
    mirrors[1]?.faulty.on('get').fails(unreachable).always();
    const opened = openTestMirrors({ mirrors });
    await expect(opened).rejects.toMatchObject({
      kind: 'Unavailable',
      code: 'QUORUM_LOST',
      message: expect.stringMatching(/1 of 3 .* m1: .* m2: No route to host/),
    });
    const { set } = await openTestMirrors({ mirrors, readOnly: true });
    expect(set.mirrors).toHaveLength(1);
  });

  it('counts the places, so that absent ones do not lower it', async () => {
    const mirrors = await testMirrors(3);
    await mirrors[0]?.memory.delete(markerKey);
    const { set } = await openTestMirrors({ mirrors });
    expect(set.mirrorsMin).toBe(2);
  });
});

describe('when there is no mirror at all', () => {
  const open = (places: MirrorSetPlaces): Promise<string> =>
    failureOf(
      MirrorSet.open({
        places,
        readMarker: readTestMarker,
        readOnly: true,
        monitor: silentMonitor,
        clock: new FakeClock(),
      }),
    );
  type MirrorSetPlaces = Parameters<typeof MirrorSet.open>[0]['places'];
  const empty = { name: 'empty', store: new MemoryStore() };
  const gone = {
    name: 'gone',
    error: new VersionsError('Unavailable', 'STORE_ABSENT', 'It does not exist'),
  };
  const silent = { name: 'silent', error: unreachable };
  const denied = { name: 'denied', error: new VersionsError('Denied', 'STORE_DENIED', 'No') };

  it.each([
    [[empty, gone], 'NotFound REPOSITORY_NOT_FOUND'],
    [[empty, silent], 'Unavailable QUORUM_LOST'],
    [[silent], 'Unavailable QUORUM_LOST'],
    [[denied], 'Denied STORE_DENIED'],
    [[denied, empty], 'Unavailable QUORUM_LOST'],
  ])('the reason is told (case %#)', async (places, expected) => {
    expect(await open(places)).toBe(expected);
  });
});

describe('a set for reading only', () => {
  it('gives nobody a way to write', async () => {
    const { set, mirrors } = await openTestMirrors({ readOnly: true });
    expect(await failureOf(set.put('a', []))).toBe('Denied STORE_READ_ONLY');
    for (const { store } of set.mirrors) {
      expect(await failureOf(store.put('a', []))).toBe('Denied STORE_READ_ONLY');
      expect(await failureOf(store.delete('a'))).toBe('Denied STORE_READ_ONLY');
    }
    expect(mirrors.map(({ store }) => store.count('put') + store.count('delete'))).toEqual([
      0, 0, 0,
    ]);
  });
});
