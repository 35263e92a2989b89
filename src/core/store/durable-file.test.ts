import type * as fileSystem from 'node:fs/promises';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bytesOf, failureOf, joined } from '../../../test/contract/object-store.ts';
import { DirectoryStore } from './directory-store.ts';

type FileSystem = typeof fileSystem;

/** What the file system under test does differently. */
const quirks = vi.hoisted(() => ({
  link: undefined as string | undefined,
  linkAnswerLost: false,
  rename: undefined as string | undefined,
  sync: undefined as ((path: string) => string | undefined) | undefined,
  writeBytesMax: Number.POSITIVE_INFINITY,
  events: [] as string[],
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<FileSystem>();
  const failure = (code: string): Error => Object.assign(new Error(code), { code });
  return {
    ...real,
    link: async (from: string, to: string) => {
      if (quirks.link !== undefined) throw failure(quirks.link);
      await real.link(from, to);
      quirks.events.push('link');
      if (quirks.linkAnswerLost) throw failure('EEXIST');
    },
    rename: async (from: string, to: string) => {
      if (quirks.rename !== undefined) throw failure(quirks.rename);
      await real.rename(from, to);
      quirks.events.push('rename');
    },
    open: async (path: string, flags: string, mode?: number) => {
      const handle = await real.open(path, flags, mode);
      const isDirectory = (await handle.stat()).isDirectory();
      const sync = handle.sync.bind(handle);
      const writev = handle.writev.bind(handle);
      handle.sync = async () => {
        const code = quirks.sync?.(isDirectory ? 'directory' : 'file');
        if (code !== undefined) throw failure(code);
        await sync();
        quirks.events.push(isDirectory ? `sync ${path}` : 'sync file');
      };
      handle.writev = ((parts: readonly Uint8Array[]) => {
        const first = parts[0] as Uint8Array;
        return quirks.writeBytesMax === Number.POSITIVE_INFINITY
          ? writev(parts)
          : writev([first.subarray(0, quirks.writeBytesMax)]);
      }) as typeof handle.writev;
      return handle;
    },
  };
});

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'versions-durable-'));
  quirks.link = undefined;
  quirks.linkAnswerLost = false;
  quirks.rename = undefined;
  quirks.sync = undefined;
  quirks.writeBytesMax = Number.POSITIVE_INFINITY;
  quirks.events.length = 0;
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const part = bytesOf(1, 1000);

describe('the order of a write', () => {
  it('is content, name, directory; each directory is made durable in its parent once', async () => {
    const store = await DirectoryStore.open(root);
    const packs = join(root, 'packs');
    const ab = join(packs, 'ab');
    await store.put('packs/ab/1', [part]);
    const first = [`sync ${root}`, `sync ${packs}`, 'sync file', 'rename', `sync ${ab}`];
    expect(quirks.events.splice(0)).toEqual(first);
    await store.put('packs/ab/2', [part], { ifAbsent: true });
    expect(quirks.events.splice(0)).toEqual(['sync file', 'link', `sync ${ab}`]);
    await store.put('packs/cd/1', [part]);
    const cd = [`sync ${packs}`, 'sync file', 'rename', `sync ${packs}/cd`];
    expect(quirks.events.splice(0)).toEqual(cd);
  });

  it('syncs directories too that a killed run had made', async () => {
    await (await DirectoryStore.open(root)).put('packs/1', [part]);
    quirks.events.length = 0;
    await (await DirectoryStore.open(root)).put('packs/2', [part]);
    expect(quirks.events[0]).toBe(`sync ${root}`);
  });
});

describe('file systems with less', () => {
  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EIO'])(
    'without hard links (%s) keep ifAbsent as far as they can, and it is told',
    async (code) => {
      quirks.link = code;
      const store = await DirectoryStore.open(root);
      expect(store.properties.conditionalPut).toBe(true);
      await store.put('a', [part], { ifAbsent: true });
      expect(store.properties.conditionalPut).toBe(false);
      const again = store.put('a', [bytesOf(2, 5)], { ifAbsent: true });
      expect(await failureOf(again)).toBe('Conflict OBJECT_EXISTS');
      expect(await readFile(join(root, 'a'))).toEqual(joined([part]));
      expect(await readdir(root)).toEqual(['a']);
    },
  );

  it('that lose the answer to a link are not taken for another writer', async () => {
    quirks.linkAnswerLost = true;
    const store = await DirectoryStore.open(root);
    await store.put('a', [part], { ifAbsent: true });
    expect(await readFile(join(root, 'a'))).toEqual(joined([part]));
    expect(await readdir(root)).toEqual(['a']);
  });

  it('that cannot sync directories are used all the same, unless it is the disk that fails', async () => {
    const store = await DirectoryStore.open(root);
    for (const code of ['EINVAL', 'ENOTSUP', 'EBADF', 'ENOENT']) {
      quirks.sync = (what) => (what === 'directory' ? code : undefined);
      await store.put(`${code.toLowerCase()}/a`, [part]);
    }
    for (const [code, failure] of [
      ['EIO', 'Unavailable STORE_UNAVAILABLE'],
      ['ENOSPC', 'Unavailable STORE_FULL'],
    ]) {
      quirks.sync = (what) => (what === 'directory' ? code : undefined);
      expect(await failureOf(store.put('other/a', [part]))).toBe(failure);
    }
  });

  it('that write a little at a time get all of it', async () => {
    quirks.writeBytesMax = 333;
    const store = await DirectoryStore.open(root);
    const parts = [part, new Uint8Array(0), bytesOf(2, 7), bytesOf(3, 2000)];
    await store.put('a', parts);
    expect(await readFile(join(root, 'a'))).toEqual(joined(parts));
  });
});

describe('failures of the disk', () => {
  it('show before the object does, and leave nothing', async () => {
    const store = await DirectoryStore.open(root);
    quirks.sync = (what) => (what === 'file' ? 'EIO' : undefined);
    expect(await failureOf(store.put('a', [part]))).toBe('Unavailable STORE_UNAVAILABLE');
    quirks.sync = undefined;
    quirks.rename = 'EIO';
    expect(await failureOf(store.put('a', [part]))).toBe('Unavailable STORE_UNAVAILABLE');
    expect(await readdir(root)).toEqual([]);
  });
});
