import { describe, expect, it } from 'vitest';
import { bytesOf, failureOf, joined, keysOf } from '../../../test/contract/object-store.ts';
import {
  openTestMirrors,
  type TestMirror,
  testMirrorId,
} from '../../../test/support/test-mirrors.ts';
import { VersionsError } from '../errors/index.ts';

const part = bytesOf(1, 1000);
const unavailable = new VersionsError('Unavailable', 'STORE_UNAVAILABLE', 'Try again');
const full = new VersionsError('Unavailable', 'STORE_FULL', 'No space is left');

/** Lets everything happen that can without the clock moving. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}

/** The n-th mirror, counted from 1. */
function nth(mirrors: readonly TestMirror[], number: number): TestMirror {
  const mirror = mirrors[number - 1];
  if (mirror === undefined) throw new Error(`There is no mirror ${number}`);
  return mirror;
}

/** Holds up the writes of a mirror until `open` is called. */
function blockWrites(mirror: TestMirror): { readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  mirror.faulty.on('put').waitsFor(promise).always();
  return { open: resolve };
}

describe('put', () => {
  it('stores the same bytes in all mirrors', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    const { settled } = await set.put('packs/a', [part, bytesOf(2, 5)]);
    expect((await settled).stored.toSorted()).toEqual([1, 2, 3].map(testMirrorId));
    for (const { memory } of mirrors) {
      expect(joined([await memory.get('packs/a')])).toEqual(joined([part, bytesOf(2, 5)]));
    }
    expect(debts).toEqual([]);
    expect(set.status().bytesInFlight).toBe(0);
  });

  it('resolves at the quorum and does not wait for the slow', async () => {
    const { set, mirrors } = await openTestMirrors();
    const slow = blockWrites(nth(mirrors, 2));
    const { stored, settled } = await set.put('packs/a', [part]);
    expect(stored).toEqual([testMirrorId(1), testMirrorId(3)]);
    expect(set.status()).toMatchObject({ bytesInFlight: 1000 });
    expect(set.status().mirrors.map(({ behind }) => behind)).toEqual([0, 1, 0]);
    slow.open();
    expect((await settled).stored).toHaveLength(3);
    await set.drain();
    expect(set.status().mirrors.map(({ behind }) => behind)).toEqual([0, 0, 0]);
  });

  it('waits for all where all must have it', async () => {
    const { set, mirrors } = await openTestMirrors({ mirrorsMin: 3 });
    const slow = blockWrites(nth(mirrors, 2));
    let resolved = false;
    const put = set.put('packs/a', [part]).then((result) => {
      resolved = true;
      return result;
    });
    await settle();
    expect(resolved).toBe(false);
    slow.open();
    expect((await put).stored).toHaveLength(3);
  });

  it('reports what failed at one mirror as a debt, once', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    nth(mirrors, 1).faulty.on('put').fails(unavailable);
    const { stored, settled } = await set.put('packs/a', [part]);
    expect(stored).toEqual([testMirrorId(2), testMirrorId(3)]);
    expect(await settled).toMatchObject({
      stored: [testMirrorId(2), testMirrorId(3)],
      debts: [{ mirror: testMirrorId(1), error: unavailable }],
    });
    await set.put('packs/b', [part]);
    await set.drain();
    expect(debts).toEqual(['packs/a m1 STORE_UNAVAILABLE']);
    expect(await keysOf(nth(mirrors, 1).memory.list('packs/'))).toEqual(['packs/b']);
  });

  it('reports what fails after the quorum as well', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    const { promise, reject } = Promise.withResolvers<void>();
    nth(mirrors, 3).faulty.on('put').waitsFor(promise);
    const { settled } = await set.put('packs/a', [part]);
    expect(debts).toEqual([]);
    reject(unavailable);
    expect((await settled).debts).toHaveLength(1);
    expect(debts).toEqual(['packs/a m3 STORE_UNAVAILABLE']);
    expect(set.status().mirrors.map(({ behind }) => behind)).toEqual([0, 0, 0]);
  });

  it('fails below the quorum, with the reason of each mirror, and leaves no debt', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    nth(mirrors, 1).faulty.on('put').fails(unavailable);
    nth(mirrors, 3).faulty.on('put').fails(full);
    await expect(set.put('packs/a', [part])).rejects.toMatchObject({
      kind: 'Unavailable',
      code: 'QUORUM_LOST',
      message: expect.stringMatching(/^packs\/a .*m1: Try again; m3: No space is left$/),
      hint: expect.stringMatching(/versions status.*or lower mirrors-min$/),
    });
    await set.drain();
    expect(debts).toEqual([]);
    expect(set.status().bytesInFlight).toBe(0);
  });

  it('hands on faults of the program as they are', async () => {
    const { set, mirrors } = await openTestMirrors();
    const crash = new Error('crash');
    for (const { faulty } of mirrors) faulty.on('put').fails(crash);
    await expect(set.put('packs/a', [part])).rejects.toBe(crash);
    expect(await failureOf(set.put('../a', [part]))).toBe('Internal STORE_KEY_INVALID');
    expect(set.status().mirrors.map(({ down }) => down)).toEqual([undefined, undefined, undefined]);
  });
});

describe('a mirror that is down', () => {
  it('is given up after three failures in a row, with one note', async () => {
    const { set, mirrors, debts, monitor } = await openTestMirrors();
    const { faulty, store } = nth(mirrors, 2);
    faulty.on('put').fails(unavailable).times(2);
    faulty.on('put').times(1);
    faulty.on('put').fails(unavailable).always();
    for (let number = 0; number < 9; number += 1) {
      await (
        await set.put(`packs/${number}`, [part])
      ).settled;
    }
    // Two failures, a success that begins the count anew, three failures.
    expect(store.count('put')).toBe(6);
    expect(monitor.notes).toEqual(['Mirror m2 is not used any more in this run: Try again']);
    expect(debts).toEqual([
      'packs/0 m2 STORE_UNAVAILABLE',
      'packs/1 m2 STORE_UNAVAILABLE',
      'packs/3 m2 STORE_UNAVAILABLE',
      'packs/4 m2 STORE_UNAVAILABLE',
      'packs/5 m2 STORE_UNAVAILABLE',
      'packs/6 m2 MIRROR_DOWN',
      'packs/7 m2 MIRROR_DOWN',
      'packs/8 m2 MIRROR_DOWN',
    ]);
    expect(set.status().mirrors[1]?.down?.code).toBe('MIRROR_DOWN');
  });

  it('is not told twice: what cannot be stored without it says why it was given up', async () => {
    const { set, mirrors, monitor } = await openTestMirrors({ count: 1 });
    nth(mirrors, 1).faulty.on('put').fails(full).always();
    await expect(set.put('packs/a', [part])).rejects.toMatchObject({ code: 'QUORUM_LOST' });
    expect(monitor.notes).toEqual(['Mirror m1 is not used any more in this run: No space is left']);
    await expect(set.put('packs/b', [part])).rejects.toMatchObject({
      message: expect.stringMatching(/^packs\/b [^:]*: m1: No space is left$/),
      hint: expect.stringMatching(/^Make room in m1 and run the command again$/),
    });
    expect(monitor.notes).toHaveLength(1);
  });

  it.each(['STORE_FULL', 'STORE_ABSENT'])('is given up at once with %s', async (code) => {
    const { set, mirrors, debts, monitor } = await openTestMirrors();
    const { faulty, store } = nth(mirrors, 2);
    faulty.on('put').fails(new VersionsError('Unavailable', code, 'It is over'));
    await (
      await set.put('packs/a', [part])
    ).settled;
    await (
      await set.put('packs/b', [part])
    ).settled;
    expect(debts).toEqual([`packs/a m2 ${code}`, 'packs/b m2 MIRROR_DOWN']);
    expect(store.count('put')).toBe(1);
    expect(monitor.notes).toHaveLength(1);
  });

  it('lets go of what waits for it', async () => {
    const { set, mirrors, debts } = await openTestMirrors({ connectionsMax: 1 });
    const { promise, reject } = Promise.withResolvers<void>();
    nth(mirrors, 2).faulty.on('put').waitsFor(promise);
    for (const key of ['a', 'b', 'c']) await set.put(key, [part]);
    reject(full);
    await set.drain();
    expect(debts).toEqual(['a m2 STORE_FULL', 'b m2 MIRROR_DOWN', 'c m2 MIRROR_DOWN']);
    expect(nth(mirrors, 2).store.count('put')).toBe(1);
  });

  it('makes put fail at once when the others are too few', async () => {
    const { set, mirrors } = await openTestMirrors();
    nth(mirrors, 1).faulty.on('put').fails(full);
    nth(mirrors, 2).faulty.on('put').fails(full);
    expect(await failureOf(set.put('packs/a', [part]))).toBe('Unavailable QUORUM_LOST');
    await set.drain();
    const calls = mirrors.map(({ store }) => store.count('put'));
    expect(await failureOf(set.put('packs/b', [part]))).toBe('Unavailable QUORUM_LOST');
    await set.drain();
    expect(nth(mirrors, 1).store.count('put')).toBe(calls[0]);
    expect(nth(mirrors, 2).store.count('put')).toBe(calls[1]);
  });

  it('that hangs is given up when its time is over, and holds up nothing else', async () => {
    const { set, mirrors, clock, debts } = await openTestMirrors({ connectionsMax: 2 });
    blockWrites(nth(mirrors, 2));
    for (const key of ['a', 'b', 'c']) await set.put(key, [part]);
    const drained = set.drain();
    await clock.advance(10 * 60_000);
    expect(debts).toEqual([]);
    // The object is small, but its bytes count too.
    await clock.advance(1000);
    await drained;
    expect(debts).toEqual(['a m2 MIRROR_STALLED', 'b m2 MIRROR_STALLED', 'c m2 MIRROR_DOWN']);
    await (
      await set.put('d', [part])
    ).settled;
    expect(debts.at(-1)).toBe('d m2 MIRROR_DOWN');
    expect(nth(mirrors, 2).store.count('put')).toBe(2);
    expect(clock.sleeping).toBe(0);
    expect(set.status().bytesInFlight).toBe(0);
  });
});

describe('a mirror that is behind', () => {
  it('is spared when it is more than four objects behind, and comes back', async () => {
    const { set, mirrors, debts } = await openTestMirrors({ connectionsMax: 1 });
    const slow = blockWrites(nth(mirrors, 2));
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    for (const key of keys) await set.put(key, [part]);
    expect(debts).toEqual(['f m2 MIRROR_BEHIND', 'g m2 MIRROR_BEHIND']);
    expect(set.status().mirrors[1]?.behind).toBe(5);
    slow.open();
    await set.drain();
    await (
      await set.put('h', [part])
    ).settled;
    expect(await keysOf(nth(mirrors, 2).memory.list(''))).toEqual('a b c d e h mirror'.split(' '));
    expect(debts).toHaveLength(2);
  });

  it('is asked after all when the quorum needs it', async () => {
    const { set, mirrors, debts } = await openTestMirrors({ count: 2, limits: { behindMax: 0 } });
    const slow = blockWrites(nth(mirrors, 2));
    await set.put('a', [part]);
    nth(mirrors, 1).faulty.on('put').fails(unavailable);
    const put = set.put('b', [part]);
    await settle();
    expect(debts).toEqual([]);
    slow.open();
    expect((await put).stored).toEqual([testMirrorId(2)]);
    expect(debts).toEqual(['b m1 STORE_UNAVAILABLE']);
  });

  it('is not behind where nothing can be stored without it', async () => {
    const { set, mirrors, debts } = await openTestMirrors({
      mirrorsMin: 3,
      limits: { behindMax: 0 },
    });
    const slow = blockWrites(nth(mirrors, 2));
    const puts = ['a', 'b', 'c'].map((key) => set.put(key, [part]));
    await settle();
    slow.open();
    await Promise.all(puts);
    expect(debts).toEqual([]);
    expect(await keysOf(nth(mirrors, 2).memory.list(''))).toEqual(['a', 'b', 'c', 'mirror']);
  });
});

describe('the bytes in flight', () => {
  it('are bounded, whoever puts, and first come is first served', async () => {
    const { set, mirrors } = await openTestMirrors({ limits: { bytesInFlightMax: 2500 } });
    const slow = mirrors.map(blockWrites);
    const done: number[] = [];
    const puts = Array.from({ length: 6 }, async (_, number) => {
      await set.put(`packs/${number}`, [part]);
      done.push(number);
    });
    await settle();
    expect(set.status().bytesInFlight).toBe(2000);
    expect(nth(mirrors, 1).store.count('put')).toBe(2);
    for (const { open } of slow) open();
    await Promise.all(puts);
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
    await set.drain();
    expect(set.status().bytesInFlight).toBe(0);
  });

  it('let an object through that is larger than the bound, alone', async () => {
    const { set, mirrors } = await openTestMirrors({ limits: { bytesInFlightMax: 500 } });
    const slow = mirrors.map(blockWrites);
    const puts = [set.put('a', [part]), set.put('b', [part])];
    await settle();
    expect(set.status().bytesInFlight).toBe(1000);
    for (const { open } of slow) open();
    await Promise.all(puts);
  });

  it('make ready wait, and a signal ends the wait', async () => {
    const { set, mirrors } = await openTestMirrors({ limits: { bytesInFlightMax: 2000 } });
    await set.ready();
    const slow = blockWrites(nth(mirrors, 2));
    await set.put('a', [part]);
    await set.ready();
    await set.put('b', [part]);
    const controller = new AbortController();
    const { signal } = controller;
    let isReady = false;
    const ready = (async () => {
      await set.ready();
      isReady = true;
    })();
    const others = [
      failureOf(set.ready({ signal })),
      failureOf(set.put('c', [part], { signal })),
      failureOf(set.ready({ signal })),
    ];
    await settle();
    expect(isReady).toBe(false);
    controller.abort();
    expect(new Set(await Promise.all(others))).toEqual(new Set(['Cancelled CANCELLED']));
    expect(nth(mirrors, 1).store.count('put')).toBe(2);
    slow.open();
    await ready;
    await set.drain();
    expect(set.status().bytesInFlight).toBe(0);
  });
});

describe('a signal', () => {
  it('is heard by a write that waits for its turn behind another', async () => {
    const { set, mirrors } = await openTestMirrors({ count: 1, connectionsMax: 1 });
    const slow = blockWrites(nth(mirrors, 1));
    const first = set.put('a', [part]);
    const controller = new AbortController();
    const second = failureOf(set.put('b', [part], { signal: controller.signal }));
    await settle();
    controller.abort();
    expect(await second).toBe('Cancelled CANCELLED');
    slow.open();
    await first;
    await set.drain();
    expect(await keysOf(nth(mirrors, 1).memory.list(''))).toEqual(['a', 'mirror']);
  });

  it('ends a put before the quorum, without a debt, and takes nobody down', async () => {
    const { set, mirrors, debts } = await openTestMirrors({ connectionsMax: 1 });
    mirrors.forEach(blockWrites);
    const controller = new AbortController();
    const puts = ['a', 'b', 'c', 'd'].map((key) =>
      failureOf(set.put(key, [part], { signal: controller.signal })),
    );
    await settle();
    controller.abort();
    expect(new Set(await Promise.all(puts))).toEqual(new Set(['Cancelled CANCELLED']));
    await set.drain();
    expect(debts).toEqual([]);
    expect(set.status().mirrors.map(({ down }) => down)).toEqual([undefined, undefined, undefined]);
    expect(set.status().bytesInFlight).toBe(0);
    const gone = set.put('e', [part], { signal: controller.signal });
    expect(await failureOf(gone)).toBe('Cancelled CANCELLED');
  });

  it('after the quorum leaves a debt at the mirrors that were cut off', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    blockWrites(nth(mirrors, 2));
    const controller = new AbortController();
    const { settled } = await set.put('a', [part], { signal: controller.signal });
    controller.abort();
    expect((await settled).stored).toHaveLength(2);
    expect(debts).toEqual(['a m2 CANCELLED']);
  });
});

describe('get', () => {
  const isGood = (bytes: Uint8Array): boolean => joined([bytes]).equals(joined([part]));

  it('asks the preferred mirror, and no other', async () => {
    const { set, mirrors, suspects } = await openTestMirrors();
    await (
      await set.put('packs/a', [part])
    ).settled;
    for (const { store } of mirrors) store.clear();
    expect(isGood(await set.get('packs/a', { accept: isGood }))).toBe(true);
    const range = { offset: 10, length: 20 };
    expect(joined([await set.get('packs/a', { range })])).toEqual(joined([part.subarray(10, 30)]));
    expect(mirrors.map(({ store }) => store.count())).toEqual([2, 0, 0]);
    expect(suspects).toEqual([]);
  });

  it.each([
    ['is missing', 'OBJECT_NOT_FOUND'],
    ['cannot be read', 'STORE_UNAVAILABLE'],
    ['is damaged', 'COPY_DAMAGED'],
    ['is cut short', 'COPY_DAMAGED'],
    ['is refused with a reason', 'COPY_DAMAGED'],
  ])('goes on to the next mirror when a copy %s, and says so', async (what, code) => {
    const { set, mirrors, suspects } = await openTestMirrors();
    await (
      await set.put('packs/a', [part])
    ).settled;
    const { memory, faulty } = nth(mirrors, 1);
    if (what === 'is missing') await memory.delete('packs/a');
    if (what === 'cannot be read') faulty.on('get').fails(unavailable);
    if (what === 'is damaged') faulty.on('get').flipsByteAt(999);
    if (what === 'is cut short') faulty.on('get').readsOnly(999);
    let judged = 0;
    const accept = async (bytes: Uint8Array): Promise<boolean> => {
      judged += 1;
      await settle();
      if (what === 'is refused with a reason' && judged === 1) {
        throw new VersionsError('Corrupt', 'BLOCK_DAMAGED', 'A block is damaged');
      }
      return isGood(bytes);
    };
    expect(isGood(await set.get('packs/a', { accept }))).toBe(true);
    expect(suspects).toEqual([`packs/a m1 ${code}`]);
  });

  it('fails when no copy is good, and names the reasons', async () => {
    const { set, mirrors, suspects } = await openTestMirrors();
    await (
      await set.put('packs/a', [part])
    ).settled;
    nth(mirrors, 1).faulty.on('get').fails(unavailable);
    await nth(mirrors, 2).memory.delete('packs/a');
    await nth(mirrors, 3).memory.put('packs/a', [bytesOf(9, 1000)]);
    await expect(set.get('packs/a', { accept: isGood })).rejects.toMatchObject({
      kind: 'Corrupt',
      code: 'NO_GOOD_COPY',
      message: expect.stringMatching(/m1: Try again; m2: There is no .*; m3: .* is damaged$/),
    });
    expect(suspects).toHaveLength(3);
  });

  it('tells apart what no mirror has, and what no mirror could be asked for', async () => {
    const { set, mirrors, suspects } = await openTestMirrors();
    expect(await failureOf(set.get('packs/none'))).toBe('NotFound OBJECT_NOT_FOUND');
    expect(suspects).toEqual([]);
    nth(mirrors, 2).faulty.on('get').fails(unavailable);
    expect(await failureOf(set.get('packs/none'))).toBe('Unavailable NO_COPY_REACHABLE');
  });

  it('asks a mirror last that did not answer three times, until it answers again', async () => {
    const { set, mirrors } = await openTestMirrors();
    await (
      await set.put('a', [part])
    ).settled;
    const { faulty, store } = nth(mirrors, 1);
    faulty.on('get').fails(unavailable).times(3);
    store.clear();
    for (let turn = 0; turn < 6; turn += 1) await set.get('a');
    expect(store.count('get')).toBe(3);
    // It is still asked where the others cannot help, and then is as good as any.
    nth(mirrors, 2).faulty.on('get').fails(unavailable);
    nth(mirrors, 3).faulty.on('get').fails(unavailable);
    await set.get('a');
    await set.get('a');
    expect(store.count('get')).toBe(5);
  });

  it('does not wait for a mirror that hangs beyond its time', async () => {
    const { set, mirrors, clock, suspects } = await openTestMirrors();
    await (
      await set.put('a', [part])
    ).settled;
    nth(mirrors, 1)
      .faulty.on('get')
      .waitsFor(new Promise(() => {}))
      .always();
    const got = set.get('a');
    await settle();
    await clock.advance(10 * 60_000);
    expect(isGood(await got)).toBe(true);
    expect(isGood(await set.get('a'))).toBe(true);
    expect(suspects).toEqual(['a m1 MIRROR_STALLED']);
  });

  it('does not wait in the queue of a mirror that hangs', async () => {
    const { set, mirrors, clock, suspects } = await openTestMirrors({ connectionsMax: 1 });
    await (
      await set.put('a', [part])
    ).settled;
    const { faulty, store } = nth(mirrors, 1);
    faulty
      .on('get')
      .waitsFor(new Promise(() => {}))
      .times(1);
    nth(mirrors, 2).faulty.on('get').fails(unavailable).always();
    nth(mirrors, 3).faulty.on('get').fails(unavailable).after(1).always();
    store.clear();
    const gets = [set.get('a'), set.get('a')];
    await settle();
    await clock.advance(10 * 60_000);
    // The second is turned away, and comes back when nobody else can help.
    for (const got of await Promise.all(gets)) expect(isGood(got)).toBe(true);
    expect(store.count('get')).toBe(2);
    expect(suspects.filter((suspect) => suspect.includes('m1'))).toEqual(['a m1 MIRROR_STALLED']);
  });

  it('comes before writes that wait for the same mirror', async () => {
    const { set, mirrors } = await openTestMirrors({ count: 1, connectionsMax: 1 });
    await (
      await set.put('a', [part])
    ).settled;
    const slow = blockWrites(nth(mirrors, 1));
    const puts = ['b', 'c', 'd'].map((key) => set.put(key, [part]));
    await settle();
    const got = set.get('a');
    slow.open();
    await got;
    const order = nth(mirrors, 1).store.calls.map(({ method, key }) => `${method} ${key}`);
    expect(order.slice(0, 4)).toEqual(['get mirror', 'put a', 'put b', 'get a']);
    await Promise.all(puts);
  });

  it('ends with the signal, and hands on faults of the program', async () => {
    const { set, mirrors, suspects } = await openTestMirrors();
    await (
      await set.put('a', [part])
    ).settled;
    const signal = AbortSignal.abort();
    expect(await failureOf(set.get('a', { signal }))).toBe('Cancelled CANCELLED');
    const crash = new Error('crash');
    const accept = (): boolean => {
      throw crash;
    };
    await expect(set.get('a', { accept })).rejects.toBe(crash);
    nth(mirrors, 1).faulty.on('get').fails(crash);
    await expect(set.get('a')).rejects.toBe(crash);
    expect(suspects).toEqual([]);
  });
});

describe('the rest', () => {
  it('lists one mirror', async () => {
    const { set, mirrors } = await openTestMirrors();
    await (
      await set.put('packs/a', [part])
    ).settled;
    await nth(mirrors, 2).memory.put('packs/b', [part]);
    expect(await keysOf(set.list(testMirrorId(2), 'packs/'))).toEqual(['packs/a', 'packs/b']);
    expect(await keysOf(set.list(testMirrorId(2), 'packs/', { after: 'packs/a' }))).toEqual([
      'packs/b',
    ]);
    expect(await keysOf(set.list(testMirrorId(3), 'packs/'))).toEqual(['packs/a']);
  });

  it('waits on closing for what is in flight', async () => {
    const { set, mirrors } = await openTestMirrors();
    const slow = blockWrites(nth(mirrors, 2));
    await set.put('a', [part]);
    let closed = false;
    const closing = (async () => {
      await set[Symbol.asyncDispose]();
      closed = true;
    })();
    await settle();
    expect(closed).toBe(false);
    slow.open();
    await closing;
    expect(await nth(mirrors, 2).memory.head('a')).toBeDefined();
  });
});
