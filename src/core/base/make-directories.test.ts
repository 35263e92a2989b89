import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectories, makeDirectoriesSync } from './make-directories.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'versions-directories-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('making directories', () => {
  it('makes those above, private, and tells the first; a second time it makes nothing', async () => {
    const path = join(directory, 'a', 'b', 'c');
    expect(await makeDirectories(path)).toBe(join(directory, 'a'));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(await makeDirectories(path)).toBeUndefined();
    expect(() => makeDirectoriesSync(path)).not.toThrow();
    makeDirectoriesSync(join(path, 'd', 'e'));
    expect(statSync(join(path, 'd', 'e')).isDirectory()).toBe(true);
  });

  it('says what is in the way', async () => {
    writeFileSync(join(directory, 'file'), '');
    symlinkSync('nowhere', join(directory, 'dangling'));
    for (const name of ['file/below', 'dangling', 'dangling/below']) {
      await expect(makeDirectories(join(directory, name))).rejects.toThrow(/ENOTDIR|EEXIST|ENOENT/);
      expect(() => makeDirectoriesSync(join(directory, name))).toThrow(/ENOTDIR|EEXIST|ENOENT/);
    }
  });

  it.runIf(process.platform === 'linux')('comes back where nothing can be made', async () => {
    await expect(makeDirectories('/proc/none/such')).rejects.toThrow(/ENOENT/);
    expect(() => makeDirectoriesSync('/proc/none/such')).toThrow(/ENOENT/);
  });
});
