import { expect, it } from 'vitest';
import { bytesOf } from '../../../test/contract/object-store.ts';
import { createTestMirror, openTestMirrors } from '../../../test/support/test-mirrors.ts';
import { systemRandom } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { RetryingStore } from '../store/index.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';

/** Calls at once, as the test mirrors allow them. */
const atOnce = 4;
const objects = 60;

/** How often it is tried at all, of so many objects that are put while a mirror refuses them. */
it.each([
  ['a bucket that is gone', 'Unavailable', 'STORE_ABSENT', atOnce],
  ['a bucket that is full', 'Unavailable', 'STORE_FULL', atOnce],
  ['a key that is refused', 'Denied', 'STORE_CREDENTIALS_REFUSED', atOnce],
  // New ones are asked for once.
  ['credentials that have expired', 'Unavailable', 'STORE_CREDENTIALS_EXPIRED', 2 * atOnce],
  // It may be about one object.
  ['a right that is missing', 'Denied', 'STORE_DENIED', 2 + atOnce],
] as const)('%s ends what a mirror is asked in mid-run', async (_what, kind, code, requestsMax) => {
  const clock = new FakeClock();
  const [first, second] = await Promise.all(
    [1, 2].map((number) => createTestMirror(number, { connectionsMax: atOnce })),
  );
  if (first === undefined || second === undefined) throw new Error('There are no mirrors');
  const store = new RetryingStore(second.store, { clock, random: systemRandom, attemptsMax: 60 });
  const { set, debts } = await openTestMirrors({ places: [first, { name: 'm2', store }] });
  await (
    await set.put('packs/before', [bytesOf(1, 10)])
  ).settled;
  second.faulty
    .on('put')
    .fails(new VersionsError(kind, code, 'No'))
    .always();
  const before = second.store.calls.length;
  const puts = Array.from({ length: objects }, (_, at) =>
    set.put(`packs/${at}`, [bytesOf(at, 10)]),
  );
  const state = { isDone: false };
  const done = Promise.all(puts)
    .then(() => set.drain())
    .then(() => (state.isDone = true));
  while (!state.isDone) {
    await new Promise(setImmediate);
    await clock.advance(100);
  }
  await done;
  expect(second.store.calls.length - before).toBeLessThanOrEqual(requestsMax);
  expect(debts).toHaveLength(objects);
});
