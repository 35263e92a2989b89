import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureOf } from '../../../test/contract/object-store.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { testMirrorId, testRepository } from '../../../test/support/test-mirrors.ts';
import { createTestPack } from '../../../test/support/test-pack.ts';
import { packBytesMax } from '../base/index.ts';
import { objectHashOf } from '../format/index.ts';
import { digestIn, type Mirror, MirrorSet } from '../mirror/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { DirectoryStore, FaultyStore, RecordingStore } from '../store/index.ts';
import { HashThreads } from './hash-threads.ts';
import { judgeFor } from './judge.ts';
import { checkCopy } from './read-copy.ts';
import { verifyMirrors } from './verify-mirrors.ts';

const threads = new HashThreads(2);
afterAll(() => threads[Symbol.asyncDispose]());

/** Several pieces of what a thread reads at once, and one that is not full. */
const pack = createTestPack(1, 700_001);
const small = createTestPack(2, 1);
const judge = judgeFor({ repository: testRepository });

let root: string;
let store: DirectoryStore;
let mirror: Mirror;
const place = (key: string): string => join(root, key);
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'versions-hash-'));
  store = await DirectoryStore.open(root);
  for (const { key, bytes } of [pack, small]) await store.put(key, [bytes]);
  mirror = { id: testMirrorId(1), name: 'm1', store };
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('threads that hash', () => {
  it('give the SHA-256 of bytes, whether they lie alone in their memory or not', async () => {
    const bytes = seededBytes(3, 5000);
    const wanted = objectHashOf(bytes.subarray(10, 4000));
    expect(await threads.hashBytes(bytes.subarray(10, 4000))).toBe(wanted);
    expect(await threads.hashBytes(new Uint8Array(bytes.subarray(10, 4000)))).toBe(wanted);
    expect(await threads.hashBytes(new Uint8Array())).toBe(objectHashOf(new Uint8Array()));
  });

  it('read files from their beginning, as far as they are told or as there is something', async () => {
    await using file = await open(place(pack.key));
    const bytes = pack.bytes.byteLength;
    const all = { hash: objectHashOf(pack.bytes), bytes };
    expect(await threads.hashFile(file.fd, bytes)).toEqual(all);
    expect(await threads.hashFile(file.fd, bytes + 5_000_000)).toEqual(all);
    const half = pack.bytes.subarray(0, 300_000);
    const wanted = { hash: objectHashOf(half), bytes: half.byteLength };
    expect(await threads.hashFile(file.fd, half.byteLength)).toEqual(wanted);
  });

  it('say what the system said, and go on', async () => {
    await using directory = await open(root);
    await expect(threads.hashFile(directory.fd, 10)).rejects.toMatchObject({ code: 'EISDIR' });
    await using file = await open(place(small.key));
    const { hash } = await threads.hashFile(file.fd, small.bytes.byteLength);
    expect(small.key).toContain(hash);
  });

  it('are ended in the middle of a file', async () => {
    const own = new HashThreads(1);
    const fd = openSync(place('endless'), 'w+');
    try {
      // A hole that takes hours.
      ftruncateSync(fd, 2 ** 43);
      const hashing = own.hashFile(fd, 2 ** 43);
      const failed = failureOf(hashing);
      await own[Symbol.asyncDispose]();
      expect(await failed).toBe('Internal WORKER_FAILED');
      expect(await failureOf(own.hashFile(fd, 1))).toBe('Internal WORKER_FAILED');
    } finally {
      closeSync(fd);
    }
  });
});

/** Whatever lies where the pack should: the same is said of it, wherever it is hashed. */
const damages: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  nothing: async () => {},
  'a changed byte': async (path) => {
    await using file = await open(path, 'r+');
    await file.write(Buffer.of((pack.bytes[400_000] ?? 0) ^ 1), 0, 1, 400_000);
  },
  'no bytes': (path) => truncate(path, 0),
  'half of it': (path) => truncate(path, 350_000),
  'more than it': (path) => appendFile(path, 'more'),
  'another object': (path) => rename(place(small.key), path),
  'no file': (path) => rm(path),
  'a directory': async (path) => {
    await rm(path);
    await mkdir(path);
  },
  'a FIFO': async (path) => {
    await rm(path);
    execFileSync('mkfifo', [path]);
  },
  'a symbolic link to it': async (path) => {
    await rename(path, place('elsewhere'));
    await symlink(place('elsewhere'), path);
  },
  'a file on the way to it': async (path) => {
    await rm(dirname(path), { recursive: true });
    await writeFile(dirname(path), 'in the way');
  },
  'far too much': (path) => truncate(path, packBytesMax + 1),
  'no store': () => rm(root, { recursive: true }),
};

describe('a copy that is hashed where it lies is judged as one that is read', () => {
  it.each(Object.keys(damages))('%s', async (name) => {
    await damages[name]?.(place(pack.key));
    const read = await checkCopy(mirror, pack.key, { judge });
    const hashed = await checkCopy(mirror, pack.key, { judge, hasher: threads });
    expect({ ...read, good: undefined, bad: kindAndDetail(read) }).toEqual({
      ...hashed,
      good: undefined,
      bad: kindAndDetail(hashed),
    });
    expect(hashed.bad === undefined).toBe(name === 'nothing');
  });

  it('and none of its bytes come here', async () => {
    const digest = await digestIn(store, pack.key, threads);
    expect(digest).toEqual({ hash: objectHashOf(pack.bytes), bytes: pack.bytes.byteLength });
  });

  it('not at all when its signal has aborted', async () => {
    const signal = AbortSignal.abort();
    expect(await failureOf(digestIn(store, pack.key, threads, { signal }))).toMatch(/^Cancelled /);
    const checked = checkCopy(mirror, pack.key, { judge, hasher: threads, signal });
    expect(await failureOf(checked)).toMatch(/^Cancelled /);
  });
});

describe('decorators', () => {
  it('of a mirror let it through, those that make faults and counts do not', async () => {
    const monitor = new CollectingMonitor();
    await store.put('mirror', [Buffer.from('a marker')]);
    await using set = await MirrorSet.open({
      places: [{ name: 'm1', store }],
      readMarker: () => ({ repository: testRepository, mirror: testMirrorId(1) }),
      mirrorsMin: 1,
      readOnly: true,
      monitor,
      clock: new FakeClock(),
    });
    const [opened] = set.mirrors;
    expect(opened && (await digestIn(opened.store, pack.key, threads))).toEqual({
      hash: objectHashOf(pack.bytes),
      bytes: pack.bytes.byteLength,
    });
    const faulty = new FaultyStore(store);
    faulty.on('get', pack.key).flipsByteAt(5).times(2);
    const recording = new RecordingStore(faulty);
    expect(await digestIn(recording, pack.key, threads)).toBeUndefined();
    const options = { judge, hasher: threads };
    const seen = await checkCopy({ ...mirror, store: recording }, pack.key, options);
    expect(seen.bad?.kind).toBe('corrupt');
    expect(recording.count('get')).toBe(2);
  });
});

it('mirrors are verified by threads', async () => {
  const objects = [pack, small].map(({ key, bytes }) => ({
    key,
    bytes: bytes.byteLength,
    hash: objectHashOf(bytes),
  }));
  await damages['a changed byte']?.(place(pack.key));
  const monitor = new CollectingMonitor();
  const options = { level: 'data', judge, hasher: threads, monitor } as const;
  const { bad, bytesRead } = await verifyMirrors([mirror], objects, options);
  expect(bad.map(({ object, kind }) => [object.key, kind])).toEqual([[pack.key, 'corrupt']]);
  // What is suspect is read twice.
  expect(bytesRead).toBe(2 * pack.bytes.byteLength + small.bytes.byteLength);
});

function kindAndDetail({ bad }: Awaited<ReturnType<typeof checkCopy>>): readonly unknown[] {
  return [bad?.kind, bad?.detail];
}
