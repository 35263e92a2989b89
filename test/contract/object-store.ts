import { describe, expect, it } from 'vitest';
import { isVersionsError } from '../../src/core/errors/index.ts';
import type { ObjectInfo, ObjectStore } from '../../src/core/store/index.ts';

/** Makes an empty store for one test. */
export type StoreFactory = () => Promise<ObjectStore>;

/**
 * What every store promises (the comment of `ObjectStore`), as tests. A kind of store passes all of
 * it or is not one; so does every decorator around a store that passes.
 */
export function objectStoreContract(name: string, factory: StoreFactory): void {
  describe(`${name} keeps the contract of a store`, () => {
    const withStore = (test: (store: ObjectStore) => Promise<void>) => async () => {
      await using store = await factory();
      await test(store);
    };
    describeContents(withStore);
    describeMemory(withStore);
    describeRanges(withStore);
    describeReplacing(withStore);
    describeListing(withStore);
    describeDeleting(withStore);
    describeKeys(withStore);
    describeConcurrency(withStore);
    describeSignals(withStore);
  });
}

type WithStore = (test: (store: ObjectStore) => Promise<void>) => () => Promise<void>;

function describeContents(withStore: WithStore): void {
  it(
    'gives back what was put, from several parts, some of them empty',
    withStore(async (store) => {
      const parts = [bytesOf(1, 10), new Uint8Array(0), bytesOf(2, 70_000), bytesOf(3, 1)];
      await store.put('packs/ab/several', parts);
      expect(joined([await store.get('packs/ab/several')])).toEqual(joined(parts));
    }),
  );
  it(
    'stores an object of no bytes, from no parts and from an empty one',
    withStore(async (store) => {
      await store.put('none', []);
      await store.put('empty', [new Uint8Array(0)]);
      for (const key of ['none', 'empty']) {
        expect(await store.get(key)).toHaveLength(0);
        expect(await store.head(key)).toEqual({ key, bytes: 0 });
      }
      expect(await keysOf(store.list(''))).toEqual(['empty', 'none']);
    }),
  );
  it(
    'stores 20 MB in several parts',
    withStore(async (store) => {
      const parts = [bytesOf(1, 7_000_000), bytesOf(2, 12_999_999), bytesOf(3, 1)];
      await store.put('packs/large', parts);
      const stored = await store.get('packs/large');
      expect(stored.byteLength).toBe(20_000_000);
      expect(joined([stored]).equals(joined(parts))).toBe(true);
    }),
  );
  it(
    'stores two thousand parts as one object',
    withStore(async (store) => {
      const parts = Array.from({ length: 2000 }, (_, index) => bytesOf(index, (index % 5) + 1));
      await store.put('parts', parts);
      expect(joined([await store.get('parts')]).equals(joined(parts))).toBe(true);
    }),
  );
}

function describeMemory(withStore: WithStore): void {
  it(
    'keeps what it was given, whatever becomes of the memory it came from or went to',
    withStore(async (store) => {
      const part = bytesOf(7, 100);
      await store.put('kept', [part]);
      part.fill(0);
      const first = await store.get('kept');
      expect(joined([first])).toEqual(joined([bytesOf(7, 100)]));
      first.fill(0);
      expect(joined([await store.get('kept')])).toEqual(joined([bytesOf(7, 100)]));
    }),
  );
  it(
    'takes parts that are views into larger memory, and gives memory that can be transferred',
    withStore(async (store) => {
      const memory = bytesOf(5, 1000);
      await store.put('view', [memory.subarray(100, 200), Buffer.from(memory.buffer, 300, 50)]);
      const stored = await store.get('view');
      const expected = joined([memory.subarray(100, 200), memory.subarray(300, 350)]);
      expect(joined([stored])).toEqual(expected);
      expect(stored.buffer.byteLength).toBe(stored.byteLength);
      const moved = structuredClone(stored, { transfer: [stored.buffer as ArrayBuffer] });
      expect(joined([moved])).toEqual(expected);
    }),
  );
}

function describeRanges(withStore: WithStore): void {
  const whole = bytesOf(9, 1000);
  const cases: readonly (readonly [offset: number, length: number])[] = [
    [0, 1000],
    [0, 1],
    [0, 0],
    [1, 998],
    [999, 1],
    [900, 100],
    [900, 101],
    [999, 5000],
    [1000, 0],
    [1000, 1],
    [5000, 10],
    [0, Number.MAX_SAFE_INTEGER],
  ];
  it(
    'reads ranges, also at the ends and beyond',
    withStore(async (store) => {
      await store.put('ranged', [whole.subarray(0, 333), whole.subarray(333)]);
      for (const [offset, length] of cases) {
        const read = await store.get('ranged', { range: { offset, length } });
        const expected = joined([whole.subarray(offset, Math.min(offset + length, 1000))]);
        expect({ offset, length, read: joined([read]) }).toEqual({
          offset,
          length,
          read: expected,
        });
        expect(read.buffer.byteLength).toBe(read.byteLength);
      }
    }),
  );
  it(
    'refuses ranges that are none',
    withStore(async (store) => {
      await store.put('ranged', [whole]);
      for (const range of [
        { offset: -1, length: 2 },
        { offset: 0, length: -1 },
        { offset: 0.5, length: 1 },
        { offset: Number.NaN, length: 1 },
      ]) {
        expect(await failureOf(store.get('ranged', { range }))).toMatch(/^Internal /);
      }
    }),
  );
}

function describeReplacing(withStore: WithStore): void {
  it(
    'replaces an object, by a shorter one too',
    withStore(async (store) => {
      await store.put('a/object', [bytesOf(1, 500)]);
      await store.put('a/object', [bytesOf(2, 20)]);
      expect(joined([await store.get('a/object')])).toEqual(joined([bytesOf(2, 20)]));
      expect(await keysOf(store.list(''))).toEqual(['a/object']);
    }),
  );
  it(
    'with ifAbsent stores once and never replaces',
    withStore(async (store) => {
      if (!store.properties.conditionalPut) return;
      await store.put('once', [bytesOf(1, 50)], { ifAbsent: true });
      const again = store.put('once', [bytesOf(2, 50)], { ifAbsent: true });
      expect(await failureOf(again)).toBe('Conflict OBJECT_EXISTS');
      expect(joined([await store.get('once')])).toEqual(joined([bytesOf(1, 50)]));
      expect(await keysOf(store.list(''))).toEqual(['once']);
    }),
  );
  it(
    'with ifAbsent lets one of many win',
    withStore(async (store) => {
      if (!store.properties.conditionalPut) return;
      const failures = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          failureOf(store.put('race/one', [bytesOf(index, 100 + index)], { ifAbsent: true })),
        ),
      );
      const winners = failures.flatMap((failure, index) =>
        failure === 'no failure' ? [index] : [],
      );
      expect(winners).toHaveLength(1);
      expect(failures.filter((failure) => failure === 'Conflict OBJECT_EXISTS')).toHaveLength(11);
      const winner = winners[0] ?? -1;
      expect(joined([await store.get('race/one')])).toEqual(
        joined([bytesOf(winner, 100 + winner)]),
      );
    }),
  );
}

const allKeys: readonly string[] = [
  'a',
  'a-b',
  'a.b/x',
  'a0',
  'b-c/1',
  'b/c',
  'b/c-d',
  'b/c.d/e',
  'b0/c',
  'packs/00/aa',
  'packs/00/ab',
  'packs/ff/00',
  'packs-old/1',
];

function describeListing(withStore: WithStore): void {
  const inOrder = [...allKeys].sort();
  const fill = async (store: ObjectStore): Promise<void> => {
    for (const key of allKeys.toReversed()) await store.put(key, [bytesOf(1, key.length)]);
  };
  it(
    'lists all objects in the order of their keys, with their sizes',
    withStore(async (store) => {
      await fill(store);
      const found = await infosOf(store.list(''));
      expect(found).toEqual(inOrder.map((key) => ({ key, bytes: key.length })));
      for (const info of found) expect(await store.head(info.key)).toEqual(info);
    }),
  );
  it(
    'lists what begins with a prefix, wherever that ends',
    withStore(async (store) => {
      await fill(store);
      const prefixes = ['a', 'a.', 'b', 'b/', 'b/c', 'b/c.d/', 'packs', 'packs/', 'packs/0'];
      for (const prefix of [...prefixes, 'packs/00/a', 'packs/00/aa', 'c', 'b/x/', 'a/']) {
        const keys = await keysOf(store.list(prefix));
        const expected = inOrder.filter((key) => key.startsWith(prefix));
        expect({ prefix, keys }).toEqual({ prefix, keys: expected });
      }
    }),
  );
  it(
    'goes on behind any key, also one that is not there',
    withStore(async (store) => {
      await fill(store);
      for (const after of [...inOrder, '', 'a/', 'b', 'b/', 'packs/00', 'packs/0z', 'zz']) {
        for (const prefix of ['', 'b', 'packs/']) {
          const keys = await keysOf(store.list(prefix, { after }));
          const expected = inOrder.filter((key) => key.startsWith(prefix) && key > after);
          expect({ prefix, after, keys }).toEqual({ prefix, after, keys: expected });
        }
      }
    }),
  );
  it(
    'lists nothing in an empty store, and can be left early',
    withStore(async (store) => {
      expect(await keysOf(store.list(''))).toEqual([]);
      expect(await keysOf(store.list('packs/'))).toEqual([]);
      await fill(store);
      for await (const { key } of store.list('')) {
        expect(key).toBe('a');
        break;
      }
      expect(await keysOf(store.list('packs/ff/'))).toEqual(['packs/ff/00']);
    }),
  );
  it(
    'lists several hundred objects of one directory',
    withStore(async (store) => {
      const many = Array.from({ length: 300 }, (_, index) => `many/${index}`);
      await Promise.all(many.map((key) => store.put(key, [bytesOf(1, 3)])));
      expect(await keysOf(store.list('many/'))).toEqual([...many].sort());
    }),
  );
}

function describeDeleting(withStore: WithStore): void {
  it(
    'says what is not there',
    withStore(async (store) => {
      await store.put('dir/there', [bytesOf(1, 1)]);
      for (const key of ['missing', 'dir', 'dir/missing', 'dir/there/below']) {
        expect(await failureOf(store.get(key))).toBe('NotFound OBJECT_NOT_FOUND');
        expect(await store.head(key)).toBeUndefined();
      }
    }),
  );
  it(
    'deletes an object, and a missing one too',
    withStore(async (store) => {
      await store.put('dir/one', [bytesOf(1, 5)]);
      await store.put('dir/two', [bytesOf(1, 5)]);
      await store.delete('dir/one');
      await store.delete('dir/one');
      await store.delete('never/was');
      await store.delete('dir/two/below');
      await store.delete('dir');
      expect(await failureOf(store.get('dir/one'))).toBe('NotFound OBJECT_NOT_FOUND');
      expect(await keysOf(store.list(''))).toEqual(['dir/two']);
      await store.put('dir/one', [bytesOf(2, 6)]);
      expect(await store.head('dir/one')).toEqual({ key: 'dir/one', bytes: 6 });
    }),
  );
}

const noKeys: readonly string[] = [
  '',
  '/',
  '/etc/passwd',
  '../x',
  'a/../b',
  'a/..',
  './a',
  'a/./b',
  'a//b',
  'a/',
  '.tmp-0123',
  'a/.hidden',
  'A',
  'a b',
  'a\\b',
  'a\0b',
  'a\nb',
  'a:b',
  'ä',
  'a%2fb',
  'x'.repeat(201),
];

const keyInvalid: ReadonlySet<string> = new Set(['Internal STORE_KEY_INVALID']);

function describeKeys(withStore: WithStore): void {
  it(
    'refuses every key that could lead elsewhere',
    withStore(async (store) => {
      for (const key of noKeys) {
        const failures = await Promise.all([
          failureOf(store.put(key, [bytesOf(1, 1)])),
          failureOf(store.get(key)),
          failureOf(store.head(key)),
          failureOf(store.delete(key)),
        ]);
        expect({ key, failures: new Set(failures) }).toEqual({ key, failures: keyInvalid });
      }
      expect(await keysOf(store.list(''))).toEqual([]);
    }),
  );
  it(
    'refuses every prefix that no key begins with',
    withStore(async (store) => {
      const mayBegin = new Set(['', 'a/']);
      for (const prefix of noKeys.filter((key) => !mayBegin.has(key))) {
        const failures = new Set([await failureOf(keysOf(store.list(prefix)))]);
        expect({ prefix, failures }).toEqual({ prefix, failures: keyInvalid });
      }
    }),
  );
  it(
    'takes keys of 200 characters',
    withStore(async (store) => {
      const key = `${'0123456789abcdef'.repeat(6)}/${'z-.'.repeat(34)}x`;
      expect(key).toHaveLength(200);
      await store.put(key, [bytesOf(1, 2)]);
      expect(await keysOf(store.list(''))).toEqual([key]);
    }),
  );
}

function describeConcurrency(withStore: WithStore): void {
  it(
    'does many things at once',
    withStore(async (store) => {
      const work = Array.from({ length: 40 }, async (_, index) => {
        const key = `many/${index % 7}/${index}`;
        await store.put(key, [bytesOf(index, 1000 + index)]);
        expect(joined([await store.get(key)])).toEqual(joined([bytesOf(index, 1000 + index)]));
        if (index % 3 === 0) await store.delete(key);
      });
      await Promise.all(work);
      expect(await keysOf(store.list('many/'))).toHaveLength(40 - 14);
    }),
  );
  it(
    'shows whole objects only, also while they are replaced',
    withStore(async (store) => {
      const halves = (seed: number): Buffer =>
        joined([bytesOf(seed, 100_000), bytesOf(seed, 90_000)]);
      const whole = Array.from({ length: 20 }, (_, seed) => halves(seed));
      const put = (bytes: Buffer): Promise<void> =>
        store.put('torn', [bytes.subarray(0, 100_000), bytes.subarray(100_000)]);
      await put(halves(0));
      const state = { writing: true };
      const writer = (async () => {
        for (const bytes of whole) await put(bytes);
        state.writing = false;
      })();
      do {
        const seen = joined([await store.get('torn')]);
        expect(whole.some((bytes) => bytes.equals(seen))).toBe(true);
      } while (state.writing);
      await writer;
    }),
  );
}

function describeSignals(withStore: WithStore): void {
  it(
    'does nothing for a signal that is aborted',
    withStore(async (store) => {
      await store.put('there', [bytesOf(1, 5)]);
      const signal = AbortSignal.abort(new Error('stop'));
      expect(await failureOf(store.put('new', [bytesOf(1, 1)], { signal }))).toMatch(/^Cancelled /);
      expect(await failureOf(store.get('there', { signal }))).toMatch(/^Cancelled /);
      expect(await failureOf(store.head('there', { signal }))).toMatch(/^Cancelled /);
      expect(await failureOf(store.delete('there', { signal }))).toMatch(/^Cancelled /);
      expect(await failureOf(keysOf(store.list('', { signal })))).toMatch(/^Cancelled /);
      expect(await keysOf(store.list(''))).toEqual(['there']);
    }),
  );
  it(
    'stops a listing whose signal aborts on the way',
    withStore(async (store) => {
      for (const key of ['a/1', 'b/1', 'c/1']) await store.put(key, [bytesOf(1, 1)]);
      const controller = new AbortController();
      const seen: string[] = [];
      const listing = (async () => {
        for await (const { key } of store.list('', { signal: controller.signal })) {
          seen.push(key);
          controller.abort();
        }
      })();
      expect(await failureOf(listing)).toMatch(/^Cancelled /);
      expect(seen).toEqual(['a/1']);
    }),
  );
  it(
    'leaves the whole object or none when a put is cut off',
    withStore(async (store) => {
      const bytes = bytesOf(4, 4_000_000);
      for (let turn = 0; turn < 6; turn += 1) {
        const controller = new AbortController();
        const put = store.put('cut/off', [bytes], { signal: controller.signal });
        const waits = Array.from({ length: turn }, () => new Promise(setImmediate));
        const abort = Promise.all(waits).then(() => controller.abort());
        const [failure] = await Promise.all([failureOf(put), abort]);
        expect(['no failure', 'Cancelled CANCELLED']).toContain(failure);
        const found = await store.head('cut/off');
        expect([undefined, 4_000_000]).toContain(found?.bytes);
        await store.delete('cut/off');
      }
      const left = await infosOf(store.list(''));
      // What a server has received in full it may store after it was deleted: nobody is told when.
      const isServer = store.properties.location.startsWith('s3:');
      const late = isServer ? left.filter((info) => info.bytes === 4_000_000) : [];
      expect(left).toEqual(late);
    }),
  );
}

/** `count` bytes that differ from seed to seed and from place to place. */
export function bytesOf(seed: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  for (let index = 0; index < count; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

export function joined(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

export async function keysOf(listing: AsyncIterable<ObjectInfo>): Promise<string[]> {
  return (await infosOf(listing)).map(({ key }) => key);
}

export async function infosOf(listing: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of listing) found.push(info);
  return found;
}

/** The kind and code of what a call was rejected with, as `Kind CODE`. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no failure';
  } catch (error) {
    return isVersionsError(error) ? `${error.kind} ${error.code}` : String(error);
  }
}
