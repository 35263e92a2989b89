import { describe, expect, it } from 'vitest';
import { bytesOf, failureOf } from '../../../test/contract/object-store.ts';
import {
  openTestMirrors,
  type TestMirror,
  testMarker,
  testMirrorId,
  testRepository,
} from '../../../test/support/test-mirrors.ts';
import { VersionsError } from '../errors/index.ts';
import { markerKey } from './mirror.ts';

const part = bytesOf(1, 1000);

/** Takes away what is there; what is written from then on is stored. */
async function empty({ memory }: TestMirror): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of memory.list('')) keys.push(key);
  for (const key of keys) await memory.delete(key);
}

function nth(mirrors: readonly TestMirror[], number: number): TestMirror {
  const mirror = mirrors[number - 1];
  if (mirror === undefined) throw new Error(`There is no mirror ${number}`);
  return mirror;
}

const looks = ({ store }: TestMirror): number =>
  store.calls.filter(({ method, key }) => method === 'get' && key === markerKey).length;

async function putAll(
  set: Awaited<ReturnType<typeof openTestMirrors>>['set'],
  ...keys: readonly string[]
): Promise<void> {
  for (const key of keys) await (await set.put(key, [part])).settled;
}

describe('confirm', () => {
  it('asks each mirror once, and only if something was put since', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    await set.confirm();
    expect(mirrors.map(looks)).toEqual([1, 1, 1]);
    await putAll(set, 'packs/a', 'packs/b');
    expect(set.unconfirmedCount).toBe(2);
    await set.confirm();
    await set.confirm();
    await set.drain();
    expect(mirrors.map(looks)).toEqual([2, 2, 2]);
    expect(set.unconfirmedCount).toBe(0);
    expect(debts).toEqual([]);
  });

  it('owes a mirror that was emptied all that it was given, and gives it no more', async () => {
    const { set, mirrors, debts, monitor } = await openTestMirrors();
    await putAll(set, 'packs/a');
    await empty(nth(mirrors, 2));
    await putAll(set, 'packs/b');
    await set.confirm();
    await set.drain();
    expect(debts.toSorted()).toEqual(['packs/a m2 MIRROR_GONE', 'packs/b m2 MIRROR_GONE']);
    expect(monitor.notes).toEqual([
      expect.stringMatching(/^Mirror m2 is not used any more.*emptied/),
    ]);
    await putAll(set, 'journal/c');
    expect(debts).toContain('journal/c m2 MIRROR_DOWN');
    await expect(nth(mirrors, 2).memory.head('journal/c')).resolves.toBeUndefined();
    await set.confirm();
    expect(debts).toHaveLength(3);
  });

  it.each([
    ['of another mirror', testMarker({ repository: testRepository, mirror: testMirrorId(9) })],
    ['that is damaged', Buffer.from('{')],
  ])('takes a marker %s for none', async (_what, marker) => {
    const { set, mirrors, debts } = await openTestMirrors();
    await putAll(set, 'packs/a');
    await nth(mirrors, 3).memory.put(markerKey, [marker]);
    await set.confirm();
    await set.drain();
    expect(debts).toEqual(['packs/a m3 MIRROR_GONE']);
  });

  it('fails where too few mirrors are left', async () => {
    const { set, mirrors, debts } = await openTestMirrors({ count: 1 });
    await putAll(set, 'packs/a');
    await empty(nth(mirrors, 1));
    expect(await failureOf(set.confirm())).toMatch(/^Unavailable QUORUM_LOST/);
    expect(debts).toEqual(['packs/a m1 MIRROR_GONE']);
  });

  it('waits for what is on its way to others before it says so', async () => {
    const { set, mirrors, debts } = await openTestMirrors({ count: 2 });
    const { promise, resolve } = Promise.withResolvers<void>();
    nth(mirrors, 2).faulty.on('put').waitsFor(promise);
    await set.put('packs/a', [part]);
    await empty(nth(mirrors, 1));
    let isConfirmed = false;
    const confirmed = set.confirm().then(() => (isConfirmed = true));
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    expect(isConfirmed).toBe(false);
    resolve();
    await confirmed;
    expect(debts).toEqual(['packs/a m1 MIRROR_GONE']);
  });

  it('judges nobody by one look, and nobody who does not answer', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    await putAll(set, 'packs/a');
    const absent = new VersionsError('Unavailable', 'STORE_ABSENT', 'Not there');
    nth(mirrors, 1).faulty.on('get', markerKey).fails(absent).times(1);
    const silent = new VersionsError('Unavailable', 'STORE_UNAVAILABLE', 'Try again');
    nth(mirrors, 2).faulty.on('get', markerKey).fails(silent).always();
    const denied = new VersionsError('Denied', 'STORE_DENIED', 'No');
    nth(mirrors, 3).faulty.on('get', markerKey).fails(denied).always();
    await set.confirm();
    await set.drain();
    expect(debts).toEqual([]);
    expect(set.status().mirrors.map(({ down }) => down)).toEqual([undefined, undefined, undefined]);
  });

  it('is not held up by a slow mirror, and judges it when it has answered', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    await putAll(set, 'packs/a');
    await empty(nth(mirrors, 3));
    const { promise, resolve } = Promise.withResolvers<void>();
    nth(mirrors, 3).faulty.on('get', markerKey).waitsFor(promise);
    await set.confirm();
    expect(debts).toEqual([]);
    await putAll(set, 'packs/b');
    resolve();
    await set.drain();
    expect(debts.toSorted()).toEqual(['packs/a m3 MIRROR_GONE', 'packs/b m3 MIRROR_GONE']);
  });

  it('owes what a mirror says that it stored while it was found to be gone', async () => {
    const { set, mirrors, debts } = await openTestMirrors();
    await putAll(set, 'packs/a');
    const late = Promise.withResolvers<void>();
    nth(mirrors, 1).faulty.on('put').waitsFor(late.promise);
    nth(mirrors, 2).faulty.on('put').waitsFor(late.promise);
    const put = set.put('packs/b', [part]);
    await empty(nth(mirrors, 1));
    await set.confirm();
    late.resolve();
    await (
      await put
    ).settled;
    await set.drain();
    expect(debts.toSorted()).toEqual(['packs/a m1 MIRROR_GONE', 'packs/b m1 MIRROR_DOWN']);
  });
});
