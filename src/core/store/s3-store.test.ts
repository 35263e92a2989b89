import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  bytesOf,
  failureOf,
  infosOf,
  joined,
  keysOf,
  objectStoreContract,
} from '../../../test/contract/object-store.ts';
import { createTestPack } from '../../../test/support/test-pack.ts';
import { doubleAccount, S3Double } from '../../../test/support/s3-double/s3-double.ts';
import { lockingStoreIn, type ObjectVersion } from './abilities.ts';
import type { ObjectStore } from './object-store.ts';
import { openStore } from './open-store.ts';
import { S3Store } from './s3-store.ts';

let double: S3Double;
let count = 0;
const stores: ObjectStore[] = [];
beforeEach(async () => {
  double = await S3Double.start();
  double.bucket();
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store[Symbol.asyncDispose]();
  await double[Symbol.asyncDispose]();
});

const credentials = { kind: 'keys', load: async () => double.account } as const;

function newBucketUrl(prefix = ''): string {
  count += 1;
  double.bucket(`bucket-${count}`);
  return double.url(`bucket-${count}${prefix}`);
}

/** The store by itself. */
function bare(more = '', keys: typeof credentials = credentials): S3Store {
  const store = S3Store.open(double.url('bucket', more), { credentials: keys });
  stores.push(store);
  return store;
}

/** With everything that `openStore` puts around it. */
async function whole(url: string = double.url()): Promise<ObjectStore> {
  const store = await openStore(url, { credentials });
  stores.push(store);
  return store;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function packKeyOf(bytes: Uint8Array): string {
  const name = sha256(bytes);
  return `packs/${name.slice(0, 2)}/${name}`;
}

objectStoreContract('S3Store, below a prefix', async () =>
  S3Store.open(newBucketUrl('/some%20where/prefix'), { credentials }),
);

const part = bytesOf(1, 1000);
const noise = bytesOf(3, 100_000);

describe('an object on its way into a bucket', () => {
  it('is signed with the hash in its key, and the provider refuses other bytes', async () => {
    const store = bare();
    await store.put(packKeyOf(noise), [noise]);
    const [request] = double.requests;
    expect(request?.headers['x-amz-content-sha256']).toBe(sha256(noise));
    expect(request?.headers['content-length']).toBe('100000');
    expect(request?.headers['transfer-encoding']).toBeUndefined();
    expect(request?.headers['expect']).toBeUndefined();
    const other = `packs/00/${'0'.repeat(64)}`;
    expect(await failureOf(store.put(other, [part]))).toBe('Unavailable STORE_UNAVAILABLE');
    expect(await store.head(other)).toBeUndefined();
    await store.put('config', [part]);
    expect(double.requests.at(-1)?.headers['x-amz-content-sha256']).toBe(sha256(part));
  });

  it('is there once, whatever happened to the answers', async () => {
    const store = await whole();
    double.on('PUT', /(?:)/, { losesAnswer: true });
    double.on('PUT', /(?:)/, { resetAfterBytes: 0 });
    double.on('PUT', /(?:)/, { resetAfterBytes: 50_000 });
    double.on('PUT', /(?:)/, { status: 500, code: 'InternalError' });
    await store.put(packKeyOf(noise), [noise]);
    expect(joined([await store.get(packKeyOf(noise))])).toEqual(joined([noise]));
    double.on('PUT', /(?:)/, { losesAnswer: true });
    await store.put('once', [part], { ifAbsent: true });
    expect(await failureOf(store.put('once', [noise], { ifAbsent: true }))).toBe(
      'Conflict OBJECT_EXISTS',
    );
  });

  it('does without conditions where the provider knows none', async () => {
    const store = bare();
    double.on('PUT', /(?:)/, { status: 501, code: 'NotImplemented' });
    const first = await failureOf(store.put('a', [part], { ifAbsent: true }));
    expect(first).toBe('Unsupported STORE_LACKS_FEATURE');
    expect(store.properties.conditionalPut).toBe(false);
    await store.put('a', [part], { ifAbsent: true });
    expect(double.requests.at(-1)?.headers['if-none-match']).toBeUndefined();
  });

  it('gets the storage class only if it is file data, and the lock only if it should have one', async () => {
    const store = bare('&storage-class=STANDARD_IA&lock-days=10&lock-mode=compliance');
    const pack = createTestPack('data', 5000);
    const trees = Buffer.concat([pack.bytes.subarray(0, 9), Buffer.of(2), pack.bytes.subarray(10)]);
    await store.put(pack.key, [pack.bytes.subarray(0, 30), pack.bytes.subarray(30)]);
    await store.put(packKeyOf(trees), [trees]);
    await store.put('config', [part]);
    const [data, tree, config] = double.requests.map(({ headers }) => headers);
    expect(data?.['x-amz-storage-class']).toBe('STANDARD_IA');
    expect(tree?.['x-amz-storage-class']).toBeUndefined();
    expect(tree?.['x-amz-object-lock-mode']).toBe('COMPLIANCE');
    const until = Date.parse(String(tree?.['x-amz-object-lock-retain-until-date']));
    expect(Math.abs(until - Date.now() - 10 * 86_400_000)).toBeLessThan(60_000);
    expect(config?.['x-amz-object-lock-mode']).toBeUndefined();
  });
});

describe('an object on its way out of a bucket', () => {
  it('that breaks off is not given, and read again', async () => {
    await bare().put('a', [noise]);
    double.on('GET', /^a$/, { truncateTo: 60_000 });
    expect(await failureOf(bare().get('a'))).toMatch(/^Unavailable STORE_(?:UNAVAILABLE|ANSWER)/);
    double.on('GET', /^a$/, { truncateTo: 60_000 }).times(2);
    const store = await whole();
    expect(joined([await store.get('a')])).toEqual(joined([noise]));
  });

  it('is given as it came: a store judges nothing', async () => {
    const store = bare();
    await store.put('a', [noise]);
    double.on('GET', /^a$/, { flipAt: 77 });
    const read = await store.get('a');
    expect([...read.keys()].filter((index) => read[index] !== noise[index])).toEqual([77]);
  });

  it('is cut to the range by ourselves where the provider gives everything', async () => {
    const store = bare();
    await store.put('a', [noise]);
    double.on('GET', /^a$/, { ignoresRange: true });
    const read = await store.get('a', { range: { offset: 500, length: 100 } });
    expect(joined([read])).toEqual(joined([noise.subarray(500, 600)]));
    expect(read.buffer.byteLength).toBe(100);
  });

  it('that is archived is named', async () => {
    const store = bare();
    // A rule of the bucket moved it.
    double.bucket().put(packKeyOf(part), { bytes: Buffer.from(part), storageClass: 'GLACIER' });
    expect(await failureOf(store.get(packKeyOf(part)))).toBe('Unavailable OBJECT_ARCHIVED');
    expect(await store.head(packKeyOf(part))).toEqual({ key: packKeyOf(part), bytes: 1000 });
    expect(await store.thaw(packKeyOf(part), 3)).toBe('asked');
    expect(await store.thaw(packKeyOf(part), 3)).toBe('pending');
    double.bucket().finishThaws();
    expect(await store.thaw(packKeyOf(part), 3)).toBe('readable');
    expect(joined([await store.get(packKeyOf(part))])).toEqual(joined([part]));
  });

  it('can be cancelled while the provider says nothing', async () => {
    const store = await whole();
    double.on('any', /(?:)/, { hangs: true }).always();
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [
      failureOf(store.get('a', { signal })),
      failureOf(store.put('a', [part], { signal })),
      failureOf(store.head('a', { signal })),
      failureOf(keysOf(store.list('', { signal }))),
    ];
    while (double.requests.length < 4) await new Promise(setImmediate);
    controller.abort();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['Cancelled CANCELLED']));
  });
});

describe('a list of a bucket', () => {
  it('goes over many pages, and on where one broke off', async () => {
    const bucket = double.bucket();
    const keys = Array.from({ length: 2500 }, (_, index) => `many/${index}`);
    for (const key of keys) bucket.put(key, { bytes: Buffer.from(part) });
    const store = await whole();
    double.on('GET', /^$/, { status: 503, code: 'SlowDown' }).after(1);
    double.on('GET', /^$/, { truncateTo: 1000 });
    expect(await keysOf(store.list('many/'))).toEqual([...keys].sort());
  });

  it('passes over what others keep there', async () => {
    const bucket = double.bucket();
    for (const key of ['IMG_1.JPG', 'a/', 'a/.hidden', 'ä', 'config', 'x y']) {
      bucket.put(key, { bytes: Buffer.from(part) });
    }
    expect(await infosOf(bare().list(''))).toEqual([{ key: 'config', bytes: 1000 }]);
  });

  it.each([
    [
      'is in no order',
      '<Contents><Key>b</Key><Size>1</Size></Contents><Contents><Key>a</Key><Size>1</Size></Contents>',
    ],
    [
      'says a key twice',
      '<Contents><Key>a</Key><Size>1</Size></Contents><Contents><Key>a</Key><Size>1</Size></Contents>',
    ],
    ['holds what was not asked for', '<Contents><Key>z/1</Key><Size>1</Size></Contents>'],
    ['has no sizes', '<Contents><Key>a</Key></Contents>'],
    ['has impossible sizes', '<Contents><Key>a</Key><Size>-1</Size></Contents>'],
    ['goes on and does not say where', '<IsTruncated>true</IsTruncated>'],
  ])('that %s is refused', async (what, inner) => {
    const nonsense = `<ListBucketResult>${inner}</ListBucketResult>`;
    double.on('GET', /^$/, { nonsense }).always();
    const prefix = what.startsWith('holds') ? 'a' : '';
    expect(await failureOf(keysOf(bare().list(prefix)))).toBe('Unavailable STORE_ANSWER_INVALID');
  });

  it('that never ends is left', async () => {
    const nonsense =
      '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>';
    double.on('GET', /^$/, { nonsense }).always();
    expect(await failureOf(keysOf(bare().list('')))).toBe('Unavailable STORE_ANSWER_INVALID');
  });

  it('is not taken from a page of some proxy, and neither is that something was stored', async () => {
    double.on('GET', /^$/, { nonsense: '<html><body>Please log in</body></html>' }).always();
    const found = await failureOf(keysOf(bare().list('')));
    expect(found).toMatch(/^Unavailable /);
    double.on('PUT', /^a$/, { status: 200, nonsense: 'Please log in' });
    expect(await failureOf(bare().put('a', [part]))).toBe('Unavailable STORE_ANSWER_INVALID');
  });
});

describe('what cannot get better', () => {
  const within = async (call: Promise<unknown>): Promise<string> => {
    const startedAt = performance.now();
    const failure = await failureOf(call);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(double.requests.length).toBeLessThanOrEqual(3);
    return failure;
  };

  it('a bucket that is not there', async () => {
    const store = await whole(double.url('nothere'));
    expect(await within(keysOf(store.list('')))).toBe('Unavailable STORE_ABSENT');
    expect(await within(store.put('a', [part]))).toBe('Unavailable STORE_ABSENT');
  });

  it('a region that is wrong, and says which is right', async () => {
    double.region = 'eu-central-1';
    const store = await whole(double.url().replace('eu-central-1', 'us-east-1'));
    expect(await within(store.get('a'))).toBe('Usage STORE_REGION_WRONG');
    await expect(store.put('a', [part])).rejects.toThrow('eu-central-1');
  });

  it.each([
    ['key', { accessKeyId: 'nobody' }],
    ['secret', { secretAccessKey: 'wrong' }],
  ])('an access %s that is wrong', async (_what, wrong) => {
    const keys = { kind: 'keys', load: async () => ({ ...doubleAccount, ...wrong }) } as const;
    const store = await openStore(double.url(), { credentials: keys });
    stores.push(store);
    expect(await within(store.get('a'))).toBe('Denied STORE_CREDENTIALS_REFUSED');
  });

  it('a bucket of AWS without a region', async () => {
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_DEFAULT_REGION', undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
    expect(await within((await whole('s3://bucket')).get('a'))).toBe('Usage STORE_REGION_MISSING');
  });

  it('a key without the right', async () => {
    double.on('any', /(?:)/, { status: 403, code: 'AccessDenied' }).always();
    const store = await whole();
    expect(await within(store.put('a', [part]))).toBe('Denied STORE_DENIED');
    expect(await failureOf(keysOf(store.list('')))).toBe('Denied STORE_DENIED');
  });

  it('a bucket that is full', async () => {
    double.on('PUT', /(?:)/, { status: 507, code: 'XMinioStorageFull' }).always();
    expect(await within((await whole()).put('a', [part]))).toBe('Unavailable STORE_FULL');
  });

  it('an endpoint that speaks no TLS', async () => {
    const url = double.url().replace('http%3A', 'https%3A');
    expect(await within((await whole(url)).get('a'))).toBe('Denied STORE_TLS_REFUSED');
  });

  it('a machine without credentials', async () => {
    const load = async (): Promise<never> => {
      throw Object.assign(new Error('none'), { name: 'CredentialsProviderError' });
    };
    const store = await openStore(double.url(), { credentials: { kind: 'keys', load } });
    stores.push(store);
    expect(await within(store.get('a'))).toBe('Denied STORE_CREDENTIALS_MISSING');
  });
});

describe('what gets better by itself', () => {
  it('a clock that is eight hours off is corrected by the answer', async () => {
    double.skewMs = 8 * 3_600_000;
    const store = await whole();
    await store.put('a', [part]);
    expect(joined([await store.get('a')])).toEqual(joined([part]));
    // The other way round, as when the clock is set right again.
    double.skewMs = 0;
    await store.put('b', [part]);
  });

  it('also when the connection was lost first, as on a machine that wakes up', async () => {
    const store = await whole();
    await store.put('a', [part]);
    double.skewMs = -8 * 3_600_000;
    double.on('GET', /^a$/, { resetAfterBytes: 0 }).times(2);
    expect(joined([await store.get('a')])).toEqual(joined([part]));
  });

  it('keys that expired are asked for again', async () => {
    let asked = 0;
    double.account = { ...doubleAccount, sessionToken: 'first' };
    const load = async () => {
      asked += 1;
      return double.account;
    };
    const store = await openStore(double.url(), { credentials: { kind: 'keys', load } });
    stores.push(store);
    await store.put('a', [part]);
    await store.put('b', [part]);
    expect(asked).toBe(1);
    double.account = { ...doubleAccount, sessionToken: 'second' };
    await store.put('c', [part]);
    expect(asked).toBe(2);
  });

  it('keys that stay expired are not asked for without end', async () => {
    double.on('any', /(?:)/, { status: 400, code: 'ExpiredToken' }).always();
    const store = await whole();
    expect(await failureOf(store.get('a'))).toBe('Unavailable STORE_CREDENTIALS_EXPIRED');
    expect(double.requests).toHaveLength(2);
  });

  it('every connection reset in the middle of uploads', async () => {
    const store = await whole();
    double.on('PUT', /^many/, { delayMs: 200 }).times(8);
    const puts = Array.from({ length: 8 }, (_, index) => store.put(`many/${index}`, [noise]));
    while (double.requests.length < 8) await new Promise(setImmediate);
    double.resetConnections();
    await Promise.all(puts);
    expect(await keysOf(store.list('many/'))).toHaveLength(8);
  });

  it('a storm of 503: fewer at once, and all come through', async () => {
    const store = await whole();
    double.on('PUT', /^many/, { status: 503, code: 'SlowDown' }).times(12);
    await Promise.all(Array.from({ length: 30 }, (_, index) => store.put(`many/${index}`, [part])));
    expect(await keysOf(store.list('many/'))).toHaveLength(30);
    expect(double.requests.filter(({ method }) => method === 'PUT')).toHaveLength(42);
  });
});

describe('a bucket that keeps versions', () => {
  it('gives older ones back, also of what was deleted', async () => {
    double.bucket('kept', { isVersioned: true });
    const store = S3Store.open(double.url('kept', ''), { credentials });
    stores.push(store);
    await store.put('config', [part]);
    await store.put('config', [noise]);
    await store.put('config2', [noise]);
    await store.delete('config');
    expect(await store.head('config')).toBeUndefined();
    const versionsOf = async (key: string): Promise<ObjectVersion[]> => {
      const found: ObjectVersion[] = [];
      for await (const version of store.versions(key)) found.push(version);
      return found;
    };
    const versions = await versionsOf('config');
    expect(versions.map(({ key, bytes }) => [key, bytes])).toEqual([
      ['config', 100_000],
      ['config', 1000],
    ]);
    const [newest, oldest] = await Promise.all(
      versions.map(({ version }) => store.getVersion('config', version)),
    );
    expect([newest, oldest].map((bytes) => sha256(bytes ?? part))).toEqual([
      sha256(noise),
      sha256(part),
    ]);
    double.on('GET', /^$/, { status: 501, code: 'NotImplemented' });
    expect(await versionsOf('config')).toEqual([]);
  });
});

describe('a lock', () => {
  it('is extended from now on, never shortened, and only where something is locked', async () => {
    double.bucket('locked', { isVersioned: true });
    const open = (days: number): S3Store => {
      const url = double.url('locked', `&lock-days=${days}`);
      const store = S3Store.open(url, { credentials });
      stores.push(store);
      return store;
    };
    const key = packKeyOf(part);
    await open(5).put(key, [part]);
    const until = (): number => double.bucket('locked').get(key)?.retainUntil ?? 0;
    const before = until();
    await open(7).extendLock(key);
    expect(Math.round((until() - before) / 86_400_000)).toBe(2);
    expect(await failureOf(open(1).extendLock(key))).toBe('Denied STORE_DENIED');
    const locking = open(1);
    expect([key, 'journal/x', 'config', 'mirror'].map((each) => locking.locks(each))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(bare().locks(key)).toBe(false);
    expect(lockingStoreIn(await whole(double.url('locked', '&lock-days=1')))?.locks(key)).toBe(
      true,
    );
  });

  it('is sent to no provider that would store it in place of the object', async () => {
    await using swift = await S3Double.start({ knowsNoLocks: true });
    const bucket = swift.bucket('bucket', { isVersioned: true });
    await using store = S3Store.open(swift.url('bucket', '&lock-days=5'), { credentials });
    const keys = [noise, part].map(packKeyOf);
    await store.put(keys[0] ?? '', [noise]);
    await store.put(keys[1] ?? '', [part]);
    const extend = (): Promise<string[]> =>
      Promise.all(keys.map((key) => failureOf(store.extendLock(key))));
    const refusals = Array<string>(2).fill('Unsupported STORE_LOCKS_NOTHING');
    expect(await extend()).toEqual(refusals);
    expect(await extend()).toEqual(refusals);
    for (const [key, { bytes }] of bucket.list()) expect(key).toMatch(sha256(bytes ?? part));
    expect(bucket.list()).toHaveLength(2);
    expect(swift.requests.filter(({ method }) => method === 'PUT')).toHaveLength(2);
  });

  it('is sent to one object and no more, if the provider says that it locks and does not', async () => {
    double.bucket('liar', { isVersioned: true });
    await using store = S3Store.open(double.url('liar', '&lock-days=5'), { credentials });
    const keys = [noise, part].map(packKeyOf);
    await store.put(keys[0] ?? '', [noise]);
    await store.put(keys[1] ?? '', [part]);
    double.on('PUT', /(?:)/, { storesAnyway: true }).always();
    const failures = await Promise.all(keys.map((key) => failureOf(store.extendLock(key))));
    expect(failures).toEqual(Array<string>(2).fill('Unsupported STORE_LOCKS_NOTHING'));
    const left = double.bucket('liar').list();
    expect(left.filter(([key, { bytes }]) => key.endsWith(sha256(bytes ?? part)))).toHaveLength(1);
  });

  it('needs no right to ask whether the bucket locks, where the object says so', async () => {
    double.bucket('asked', { isVersioned: true });
    await using store = S3Store.open(double.url('asked', '&lock-days=5'), { credentials });
    await store.put(packKeyOf(part), [part]);
    double.on('GET', /^$/, { status: 403, code: 'AccessDenied' }).always();
    await store.extendLock(packKeyOf(part));
    await store.extendLock(packKeyOf(part));
    expect(double.requests.filter(({ query }) => query.has('retention'))).toHaveLength(2);
  });

  it('is refused where the bucket was made without', async () => {
    await using store = S3Store.open(double.url('bucket', '&lock-days=5'), { credentials });
    expect(await failureOf(store.extendLock(packKeyOf(part)))).toBe(
      'Unsupported STORE_LOCKS_NOTHING',
    );
  });
});
