import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../src/core/base/index.ts';
import {
  ForwardingStore,
  LimitedStore,
  type ObjectStore,
  openStore,
  probeStore,
  S3Store,
  type StoreProperties,
} from '../../../src/core/store/index.ts';
import { bytesOf, failureOf, joined, objectStoreContract } from '../../contract/object-store.ts';
import { Buckets, credentials, urlOf } from './server.ts';

const buckets = new Buckets();
afterAll(() => buckets[Symbol.asyncDispose]());

let isAtomic = false;
const lines: string[] = [];
beforeAll(async () => {
  const url = urlOf(await buckets.make(), '&storage-class=STANDARD_IA');
  await using store = await openStore(url, { credentials });
  const [clock, random] = [systemClock, systemRandom];
  for (const answer of await probeStore(store, { clock, random, speedBytes: 2 ** 24 })) {
    lines.push(`| \`${answer.question}\` | ${answer.answer} | ${answer.state}`);
    if (answer.question === 'conditional-put') isAtomic = answer.state === 'good';
  }
  console.log(lines.join('\n'));
});

it('the probe finds nothing bad but a storage class', () => {
  expect(lines.filter((line) => line.endsWith('| bad') && !line.includes('storage-class'))).toEqual(
    [],
  );
});

/** Of many writers at once several may win: what the probe has found out. */
class AdvisoryStore extends ForwardingStore {
  override get properties(): StoreProperties {
    return { ...this.inner.properties, conditionalPut: isAtomic };
  }
}

const newUrl = async (prefix = ''): Promise<string> => urlOf((await buckets.make()) + prefix);
const judged = (store: ObjectStore): ObjectStore => new AdvisoryStore(store);

// No more calls at once than are ever made: of hundreds, some would wait too long for a connection.
objectStoreContract('A bucket', async () =>
  judged(new LimitedStore(S3Store.open(await newUrl(), { credentials }))),
);
objectStoreContract('A bucket with everything around it, below a prefix', async () =>
  judged(await openStore(await newUrl('/a/prefix'), { credentials })),
);

it('takes, refuses or does not know a condition, and stores in any case', async () => {
  await using store = S3Store.open(await newUrl(), { credentials });
  const put = (seed: number): Promise<string> =>
    failureOf(store.put('once', [bytesOf(seed, 10)], { ifAbsent: true }));
  const first = await put(1);
  const isKnown = first === 'no failure';
  expect(first).toMatch(/^no failure$|^Unsupported STORE_LACKS_FEATURE$/);
  expect(store.properties.conditionalPut).toBe(isKnown);
  expect(await put(1)).toMatch(isKnown ? /^no failure$|^Conflict / : /^no failure$/);
  console.log(`once more: ${await put(2)}`);
  expect((await store.get('once')).byteLength).toBe(10);
});

it('keeps an object of 64 MiB, as large as they get', async () => {
  await using store = S3Store.open(await newUrl(), { credentials });
  const parts = [bytesOf(1, 2 ** 25), bytesOf(2, 2 ** 25)];
  await store.put('packs/large', parts);
  expect(joined([await store.get('packs/large')]).equals(joined(parts))).toBe(true);
});

it('lists two thousand objects on several pages', async () => {
  await using store = S3Store.open(await newUrl('/deep'), { credentials });
  const names = Array.from({ length: 2100 }, (_, index) => `packs/${index % 7}/${index}`);
  for (let at = 0; at < names.length; at += 16) {
    await Promise.all(names.slice(at, at + 16).map((name) => store.put(name, [bytesOf(1, 3)])));
  }
  const found: string[] = [];
  for await (const { key } of store.list('packs/')) found.push(key);
  expect(found).toEqual([...names].sort());
  const rest: string[] = [];
  for await (const { key } of store.list('', { after: 'packs/3/9' })) rest.push(key);
  expect(rest).toEqual([...names].sort().filter((name) => name > 'packs/3/9'));
});
