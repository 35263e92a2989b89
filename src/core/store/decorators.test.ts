import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  failureOf,
  infosOf,
  joined,
  keysOf,
} from '../../../test/contract/object-store.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { VersionsError } from '../errors/index.ts';
import { FaultyStore } from './faulty-store.ts';
import { LimitedStore } from './limited-store.ts';
import { MemoryStore } from './memory-store.ts';
import { ReadOnlyStore } from './read-only-store.ts';
import { RecordingStore } from './recording-store.ts';
import { RetryingStore } from './retrying-store.ts';

const part = bytesOf(1, 100);
const unavailable = new VersionsError('Unavailable', 'STORE_UNAVAILABLE', 'Try again');

function retrying(
  options: { readonly totalMsMax?: number; readonly unreachedMsMax?: number } = {},
) {
  const clock = new FakeClock({ skips: true });
  const faulty = new FaultyStore(new MemoryStore(), clock);
  const recording = new RecordingStore(faulty);
  const random = new SeededRandom('jitter');
  const store = new RetryingStore(recording, { clock, random, ...options });
  return { store, recording, faulty, clock };
}

describe('RetryingStore', () => {
  it('tries again what was unavailable, with waits below a bound that doubles', async () => {
    const { store, recording, faulty, clock } = retrying();
    faulty.on('put').fails(unavailable).times(5);
    await store.put('a', [part]);
    expect(recording.count('put')).toBe(6);
    expect(clock.sleeps).toHaveLength(5);
    clock.sleeps.forEach((slept, index) => {
      expect(slept).toBeGreaterThanOrEqual(0);
      expect(slept).toBeLessThan(250 * 2 ** index);
    });
    expect(new Set(clock.sleeps).size).toBeGreaterThan(3);
    expect(await store.get('a')).toHaveLength(100);
  });

  it('gives up after six attempts, with the last failure as it is', async () => {
    const { store, recording, faulty } = retrying();
    faulty.on('get').fails(new Error('first')).times(0);
    faulty.on('get').fails(unavailable).times(5);
    const last = new VersionsError('Unavailable', 'STORE_UNAVAILABLE', 'The last one');
    faulty.on('get').fails(last).always();
    await expect(store.get('a')).rejects.toBe(last);
    expect(recording.count('get')).toBe(6);
  });

  it('begins no attempt after the total time', async () => {
    const { store, recording, faulty, clock } = retrying({ totalMsMax: 10_000 });
    const startedAt = clock.now();
    faulty.on('head').waits(4000).fails(unavailable).always();
    expect(await failureOf(store.head('a'))).toBe('Unavailable STORE_UNAVAILABLE');
    expect(recording.count('head')).toBeLessThanOrEqual(3);
    expect(clock.now() - startedAt).toBeLessThan(14_001);
  });

  it.each([
    ['Unavailable', 'STORE_FULL'],
    ['Unavailable', 'STORE_ABSENT'],
    ['Conflict', 'OBJECT_EXISTS'],
    ['Denied', 'STORE_DENIED'],
    ['NotFound', 'OBJECT_NOT_FOUND'],
    ['Internal', 'ASSERTION_FAILED'],
  ] as const)('does not try %s %s again', async (kind, code) => {
    const { store, recording, faulty } = retrying();
    faulty
      .on('any')
      .fails(new VersionsError(kind, code, 'No'))
      .always();
    expect(await failureOf(store.put('a', [part]))).toBe(`${kind} ${code}`);
    expect(await failureOf(store.get('a'))).toBe(`${kind} ${code}`);
    expect(await failureOf(store.delete('a'))).toBe(`${kind} ${code}`);
    expect(await failureOf(keysOf(store.list('')))).toBe(`${kind} ${code}`);
    expect(recording.calls).toHaveLength(4);
  });

  it('gives an address that never answered up soon, one that has answered late', async () => {
    const options = { totalMsMax: 60_000, unreachedMsMax: 3000 };
    const unreached = new VersionsError('Unavailable', 'STORE_UNREACHABLE', 'Nobody there');
    const { store, faulty, clock, recording } = retrying(options);
    const startedAt = clock.now();
    faulty.on('head').waits(700).fails(unreached).always();
    expect(await failureOf(store.head('a'))).toBe('Unavailable STORE_UNREACHABLE');
    expect(clock.now() - startedAt).toBeLessThan(4000);
    expect(recording.count('head')).toBeGreaterThan(1);
    faulty.heal();
    await store.head('a');
    const later = clock.now();
    faulty.on('head').waits(700).fails(unreached).times(5);
    await store.head('a');
    expect(clock.now() - later).toBeGreaterThan(3500);
  });

  it('gives what the provider refuses in words nobody knows one more attempt', async () => {
    const { store, faulty, recording } = retrying();
    const refused = new VersionsError('Unavailable', 'STORE_REFUSES', 'No such animal');
    faulty.on('head').fails(refused).always();
    expect(await failureOf(store.head('a'))).toBe('Unavailable STORE_REFUSES');
    expect(recording.count('head')).toBe(2);
  });

  it('stops waiting when the signal aborts', async () => {
    const clock = new FakeClock();
    const faulty = new FaultyStore(new MemoryStore());
    const store = new RetryingStore(faulty, { clock, random: new SeededRandom(1) });
    faulty.on('get').fails(unavailable).always();
    const controller = new AbortController();
    const failure = failureOf(store.get('a', { signal: controller.signal }));
    while (clock.sleeping === 0) await new Promise(setImmediate);
    controller.abort();
    expect(await failure).toBe('Cancelled CANCELLED');
    expect(clock.sleeping).toBe(0);
  });

  it('goes on with a listing where it broke off', async () => {
    const { store, recording, faulty } = retrying();
    const keys = ['a', 'b', 'c/1', 'c/2', 'd', 'e', 'f', 'g'];
    for (const key of keys) await store.put(key, [part]);
    // More failures than attempts: each comes after some progress.
    for (let round = 0; round < 7; round += 1) {
      faulty.on('list').fails(unavailable).afterObjects(1);
      faulty.on('list').fails(unavailable);
    }
    expect(await keysOf(store.list(''))).toEqual(keys);
    expect(recording.count('list')).toBe(15);
    faulty.on('list').fails(unavailable).always();
    expect(await failureOf(keysOf(store.list('')))).toBe('Unavailable STORE_UNAVAILABLE');
    expect(recording.count('list')).toBe(21);
  });

  it('knows its own object after a lost answer, and no other', async () => {
    const { store, faulty } = retrying();
    faulty.on('put').losesAnswer(unavailable).times(2);
    await store.put('mine', [part, part], { ifAbsent: true });
    await store.put('theirs', [bytesOf(2, 200)]);
    faulty.on('put').fails(unavailable);
    const put = store.put('theirs', [part, part], { ifAbsent: true });
    expect(await failureOf(put)).toBe('Conflict OBJECT_EXISTS');
    faulty.on('put').fails(unavailable);
    const longer = store.put('mine', [part], { ifAbsent: true });
    expect(await failureOf(longer)).toBe('Conflict OBJECT_EXISTS');
    expect(joined([await store.get('theirs')])).toEqual(joined([bytesOf(2, 200)]));
  });
});

describe('LimitedStore', () => {
  it('runs no more calls at once than allowed, whatever their method', async () => {
    const faulty = new FaultyStore(new MemoryStore());
    let running = 0;
    let most = 0;
    const recording = new RecordingStore(faulty, async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
    });
    const store = new LimitedStore(recording, 3);
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        await store.put(`a/${index}`, [part]);
        await store.head(`a/${index}`);
        await infosOf(store.list('a/'));
        await store.get(`a/${index}`);
        await store.delete(`a/${index}`);
      }),
    );
    expect(most).toBe(3);
    expect(recording.calls).toHaveLength(150);
  });

  it('takes calls that wait out of the queue when their signal aborts', async () => {
    const faulty = new FaultyStore(new MemoryStore());
    const store = new LimitedStore(faulty, 1);
    const { promise, resolve } = Promise.withResolvers<void>();
    faulty.on('put', 'first').waitsFor(promise);
    const first = store.put('first', [part]);
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = [
      failureOf(store.put('second', [part], { signal })),
      failureOf(store.get('first', { signal })),
      failureOf(keysOf(store.list('', { signal }))),
    ];
    const third = store.put('third', [part]);
    await new Promise(setImmediate);
    controller.abort();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['Cancelled CANCELLED']));
    resolve();
    await Promise.all([first, third]);
    expect(await keysOf(store.list(''))).toEqual(['first', 'third']);
  });

  it('keeps the place of a call that is cut off until it has ended', async () => {
    const recording = new RecordingStore(new MemoryStore());
    const { promise, resolve } = Promise.withResolvers<void>();
    // A store that does not hear the signal.
    recording.before = (call) => (call.key === 'deaf' ? promise : undefined);
    const store = new LimitedStore(recording, 1);
    const controller = new AbortController();
    const deaf = failureOf(store.put('deaf', [part], { signal: controller.signal }));
    const next = store.put('next', [part]);
    await new Promise(setImmediate);
    controller.abort();
    await new Promise(setImmediate);
    expect(recording.calls.map(({ key }) => key)).toEqual(['deaf']);
    resolve();
    expect(await deaf).toBe('Cancelled CANCELLED');
    await next;
  });

  it('lets others through while a listing is being read', async () => {
    const store = new LimitedStore(new MemoryStore(), 1);
    for (const key of ['a', 'b', 'c']) await store.put(key, [part]);
    const read: number[] = [];
    for await (const { key } of store.list('')) read.push((await store.get(key)).byteLength);
    expect(read).toEqual([100, 100, 100]);
  });
});

describe('ReadOnlyStore', () => {
  it('lets nothing through that writes', async () => {
    const recording = new RecordingStore(new MemoryStore());
    await recording.put('a', [part]);
    recording.clear();
    const store = new ReadOnlyStore(recording);
    expect(await failureOf(store.put())).toBe('Denied STORE_READ_ONLY');
    expect(await failureOf(store.delete())).toBe('Denied STORE_READ_ONLY');
    expect(recording.calls).toEqual([]);
    expect(await store.get('a')).toHaveLength(100);
    expect(await store.head('a')).toEqual({ key: 'a', bytes: 100 });
    expect(await keysOf(store.list(''))).toEqual(['a']);
  });
});

describe('RecordingStore', () => {
  it('lists the calls, and what its hook throws stops the call', async () => {
    const crash = new Error('crash');
    const store = new RecordingStore(new MemoryStore(), (call, number) => {
      if (call.method === 'put' && number === 3) throw crash;
    });
    await store.put('a', [part]);
    await store.get('a', { range: { offset: 1, length: 2 } });
    await expect(store.put('b', [part])).rejects.toBe(crash);
    expect(await keysOf(store.list(''))).toEqual(['a']);
    expect(store.calls).toEqual([
      { method: 'put', key: 'a' },
      { method: 'get', key: 'a', range: { offset: 1, length: 2 } },
      { method: 'put', key: 'b' },
      { method: 'list', key: '' },
    ]);
    expect(store.count('put')).toBe(2);
    expect(store.count()).toBe(4);
  });
});

describe('FaultyStore', () => {
  it('follows its script: after, times, and which key', async () => {
    const store = new FaultyStore(new MemoryStore());
    store
      .on('put', /^packs\//)
      .fails(unavailable)
      .after(1)
      .times(2);
    const failures: string[] = [];
    for (const key of ['a', 'packs/1', 'packs/2', 'b', 'packs/3', 'packs/4']) {
      failures.push(await failureOf(store.put(key, [part])));
    }
    const bad = 'Unavailable STORE_UNAVAILABLE';
    const good = 'no failure';
    expect(failures).toEqual([good, good, bad, good, bad, good]);
    expect(await keysOf(store.list(''))).toEqual(['a', 'b', 'packs/1', 'packs/4']);
  });

  it('loses answers, reads short, flips bits, waits', async () => {
    const clock = new FakeClock({ skips: true });
    const store = new FaultyStore(new MemoryStore(), clock);
    store.on('put').losesAnswer(unavailable).waits(500);
    expect(await failureOf(store.put('a', [part]))).toBe('Unavailable STORE_UNAVAILABLE');
    expect(clock.sleeps).toEqual([500]);
    store.on('get').readsOnly(7);
    store.on('get').flipsByteAt(3);
    expect(joined([await store.get('a')])).toEqual(joined([part.subarray(0, 7)]));
    const flipped = await store.get('a');
    const differing = [...flipped.keys()].filter((index) => flipped[index] !== part[index]);
    expect(differing).toEqual([3]);
    expect(joined([await store.get('a')])).toEqual(joined([part]));
    store.on('any').fails(unavailable).always();
    store.heal();
    expect(await store.head('a')).toEqual({ key: 'a', bytes: 100 });
  });
});
