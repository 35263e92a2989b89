import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import { openTestMirrors } from '../../../test/support/test-mirrors.ts';
import type { Secret } from '../crypto/index.ts';
import { createKeyObject, unlock } from './key-access.ts';
import { keyObjectKey } from './object-keys.ts';

const cheap = { passes: 1, memoryKiB: 64, lanes: 1 };
const { repository, bundle } = testKeys('of key objects');
const password = (text: string): Secret => ({ kind: 'password', password: text });

/** One mirror with an object for each password, of these costs. */
async function mirrorWith(secrets: readonly (readonly [Secret, typeof cheap])[]) {
  const { set, mirrors } = await openTestMirrors({ count: 1 });
  const context = { repository, random: new SeededRandom('key objects'), created: 1 };
  for (const [secret, costs] of secrets) {
    const { bytes, name } = await createKeyObject(bundle, secret, context, costs);
    await mirrors[0]?.memory.put(keyObjectKey(name), [bytes]);
  }
  return set;
}

describe('a password', () => {
  const strangers = Array.from(
    { length: 12 },
    (_, number) => [password(`stranger ${number}`), { ...cheap, memoryKiB: 128 }] as const,
  );

  it('is tried on the cheapest objects first, and on so many only', async () => {
    const set = await mirrorWith([...strangers, [password('mine'), cheap]]);
    const open = (text: string, costMax: number) =>
      unlock(set, { repository, suite: 1 }, password(text), costMax);
    expect((await open('mine', 1)).repositoryKeys(1).suite).toBe(1);
    await expect(open('wrong', 64 + 128 * 11)).rejects.toMatchObject({
      kind: 'Denied',
      code: 'KEY_TRIES_EXCEEDED',
    });
    await expect(open('wrong', 64 + 128 * 12)).rejects.toMatchObject({ code: 'WRONG_SECRET' });
  });

  it('that many others stand before is found within the limit', async () => {
    const set = await mirrorWith([...strangers, [password('mine'), { ...cheap, memoryKiB: 256 }]]);
    const opened = await unlock(set, { repository, suite: 1 }, password('mine'));
    expect(opened.repositoryKeys(1).suite).toBe(1);
  });

  it('of others holds up no key file', async () => {
    const key: Secret = { kind: 'key', key: new Uint8Array(32).fill(5) };
    const set = await mirrorWith([...strangers, [key, cheap]]);
    expect((await unlock(set, { repository, suite: 1 }, key, 1)).repositoryKeys(1).suite).toBe(1);
  });
});
