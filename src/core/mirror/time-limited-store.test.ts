import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { isVersionsError } from '../errors/index.ts';
import { ForwardingStore, MemoryStore, type ObjectInfo } from '../store/index.ts';
import { TimeLimitedStore } from './time-limited-store.ts';

const never = new Promise<never>(() => {});

/** Answers until it is told to hang. */
class HangingStore extends ForwardingStore {
  hangs = false;
  returned = 0;

  override head(key: string): Promise<ObjectInfo | undefined> {
    return this.hangs ? never : super.head(key);
  }

  override put(key: string, parts: readonly Uint8Array[]): Promise<void> {
    return this.hangs ? never : super.put(key, parts);
  }

  override get(key: string): Promise<Uint8Array> {
    return this.hangs ? never : super.get(key);
  }

  override delete(key: string): Promise<void> {
    return this.hangs ? never : super.delete(key);
  }

  override async *list(prefix: string): AsyncGenerator<ObjectInfo, void, undefined> {
    try {
      for await (const info of super.list(prefix)) {
        if (this.hangs) await never;
        yield info;
      }
    } finally {
      this.returned += 1;
    }
  }
}

const minute = 60_000;

async function testStore(): Promise<{
  readonly hanging: HangingStore;
  readonly store: TimeLimitedStore;
  readonly clock: FakeClock;
}> {
  const hanging = new HangingStore(new MemoryStore());
  const clock = new FakeClock();
  const store = new TimeLimitedStore(hanging, { name: 'nas', clock, callMsMax: 10 * minute });
  for (const key of ['a/1', 'a/2', 'a/3']) await store.put(key, [new Uint8Array([1])]);
  return { hanging, store, clock };
}

async function keysOf(list: AsyncIterable<ObjectInfo>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of list) keys.push(key);
  return keys;
}

/** Of the error that a call ends with. */
async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => (isVersionsError(error) ? error.code : error),
  );
}

describe('a store that hangs', () => {
  it.each(['head', 'get', 'delete', 'put'] as const)('in %s is given up', async (method) => {
    const { hanging, store, clock } = await testStore();
    hanging.hangs = true;
    const call = method === 'put' ? store.put('a/4', []) : store[method]('a/1');
    const ended = codeOf(call);
    await clock.advance(10 * minute - 1);
    expect(clock.sleeping).toBe(1);
    await clock.advance(1);
    expect(await ended).toBe('MIRROR_STALLED');
    expect(clock.sleeping).toBe(0);
  });

  it('in the middle of a listing is given up there', async () => {
    const { hanging, store, clock } = await testStore();
    const list = store.list('a/')[Symbol.asyncIterator]();
    expect(await list.next()).toMatchObject({ value: { key: 'a/1' } });
    // The time for one step begins with it, however long its reader was busy.
    await clock.advance(20 * minute);
    expect(await list.next()).toMatchObject({ value: { key: 'a/2' } });
    hanging.hangs = true;
    const ended = codeOf(list.next());
    await clock.advance(10 * minute);
    expect(await ended).toBe('MIRROR_STALLED');
    expect(await list.next()).toMatchObject({ done: true });
  });

  it('is left at once when its caller is stopped', async () => {
    const { hanging, store } = await testStore();
    hanging.hangs = true;
    const stop = new AbortController();
    const ended = codeOf(store.head('a/1', { signal: stop.signal }));
    stop.abort();
    expect(await ended).toBe('CANCELLED');
  });
});

describe('a store that answers', () => {
  it('is passed on as it is, and a listing that is left is closed', async () => {
    const { hanging, store, clock } = await testStore();
    expect(await keysOf(store.list('a/'))).toEqual(['a/1', 'a/2', 'a/3']);
    for await (const { key } of store.list('a/')) {
      expect(key).toBe('a/1');
      break;
    }
    expect(hanging.returned).toBe(2);
    await store.delete('a/1');
    expect(await store.head('a/1')).toBeUndefined();
    expect(await store.get('a/2')).toEqual(new Uint8Array([1]));
    expect(clock.sleeping).toBe(0);
  });
});
