import { mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFile, replaceFile } from './durable-files.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'versions-test-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('replacing a file', () => {
  it('makes it, and its directory, for the owner alone', async () => {
    const path = join(directory, 'new', 'config.toml');
    await replaceFile(path, 'a');
    expect(await readFile(path, 'utf8')).toBe('a');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'new'))).mode & 0o777).toBe(0o700);
  });

  it('leaves a symbolic link in place, and nothing else behind', async () => {
    await writeFile(join(directory, 'real'), 'old');
    await symlink('real', join(directory, 'link'));
    await replaceFile(join(directory, 'link'), 'new');
    expect(await readFile(join(directory, 'real'), 'utf8')).toBe('new');
    expect((await readdir(directory)).sort()).toEqual(['link', 'real']);
  });

  it('leaves nothing behind when it fails', async () => {
    await expect(replaceFile(directory, 'x')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST|EPERM/);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('making a file', () => {
  it('never replaces one', async () => {
    const path = join(directory, 'a.key');
    expect(await createFile(path, 'first')).toBe(true);
    expect(await createFile(path, 'second')).toBe(false);
    expect(await readFile(path, 'utf8')).toBe('first');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['a.key']);
  });

  it('brings the names of the directories that it makes to the disk too', async () => {
    const handle = await open(directory, 'r');
    const synced = vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, 'sync');
    await handle.close();
    await createFile(join(directory, 'a', 'b', 'c', 'x.key'), 'text');
    // The file; what holds a, b and c; what holds the file.
    expect(synced).toHaveBeenCalledTimes(1 + 3 + 1);
  });

  it('lets exactly one of many at once make it, whole', async () => {
    const path = join(directory, 'a.key');
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, n) => createFile(path, `${n}`.repeat(1000))),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(`${made.indexOf(true)}`.repeat(1000));
  });
});
