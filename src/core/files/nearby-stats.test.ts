import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { fsPath, type ByteString } from '../base/index.ts';
import { lstat, type FileStat } from './file-stat.ts';
import { joinPath } from './long-path.ts';
import { nativeCalls } from './native.ts';
import { NearbyStats } from './nearby-stats.ts';
import { walk } from './walk.ts';

let directory: TemporaryDirectory;
beforeEach(() => void (directory = new TemporaryDirectory()));
afterEach(() => directory.remove());

const native = nativeCalls();
const isLinux = process.platform === 'linux';

/** What `node:fs` says, which is asked where the native call gives nothing. */
function plainStat(path: ByteString): FileStat {
  const found = lstat(path);
  expect(found).toBeDefined();
  return found;
}

describe.runIf(isLinux)('statx', () => {
  it('says of everything what lstat says', () => {
    const at = (name: string): string => directory.text(name);
    writeFileSync(at('file'), 'abc', { mode: 0o4751 });
    linkSync(at('file'), at('second name'));
    mkdirSync(at('directory'), 0o1750);
    symlinkSync('nowhere', at('symlink'));
    execFileSync('mkfifo', [at('fifo')]);
    writeFileSync(at('large'), '');
    truncateSync(at('large'), 5 * 2 ** 32 + 7);
    const times = [-2_000_000_000, -1, 0, 1_700_000_000, 7_258_118_400];
    for (const mtimeSeconds of times) {
      writeFileSync(at(`at ${mtimeSeconds}`), '');
      const mtime = { mtimeSeconds, mtimeNanos: 999_999_999 };
      native.setMtime(directory.text(`at ${mtimeSeconds}`), mtime, false);
    }
    writeFileSync(Buffer.from(at('\xff\xfe ä'), 'latin1'), 'x');
    const names = readdirSync(directory.text('.'), 'latin1').map(bytes);
    expect(names.length).toBe(7 + times.length);
    const fd = openSync(directory.root, 'r');
    for (const name of names) {
      const path = joinPath(directory.root, name);
      expect(native.lstatIn(fd, fsPath(name))).toEqual(plainStat(path));
    }
    closeSync(fd);
    const devices = openSync('/dev', 'r');
    expect(native.lstatIn(devices, 'null')).toEqual(plainStat(bytes('/dev/null')));
    closeSync(devices);
  });

  it('says of an open file what lstat says, and nothing of what is not there', () => {
    const path = directory.path('file');
    writeFileSync(path, 'abc');
    const fd = openSync(path, 'r');
    expect(native.statOpen(fd)).toEqual(plainStat(path));
    expect(native.lstatIn(fd, 'below a file')).toBeUndefined();
    closeSync(fd);
    expect(native.statOpen(987_654)).toBeUndefined();
    const open = openSync(directory.root, 'r');
    expect(native.lstatIn(open, 'missing')).toBeUndefined();
    closeSync(open);
  });
});

describe.runIf(isLinux)('NearbyStats', () => {
  /** Names that were answered from an open directory. */
  const answered = (stats: NearbyStats, owner: object, at: string, names: string[]): string[] =>
    names.filter((name) => {
      const found = stats.lstat(owner, directory.path(at), bytes(name));
      return found !== undefined && found.ino === plainStat(directory.path(`${at}/${name}`)).ino;
    });

  it('answers from the third name in a row, and begins anew in another directory', () => {
    for (const at of ['a', 'b']) {
      mkdirSync(directory.text(at));
      for (let name = 0; name < 5; name++) writeFileSync(directory.text(`${at}/${name}`), at);
    }
    using stats = new NearbyStats();
    const [a, b] = [{}, {}];
    expect(answered(stats, a, 'a', ['0', '1', '2', '3'])).toEqual(['2', '3']);
    expect(answered(stats, b, 'b', ['0', '1', '2', '3'])).toEqual(['2', '3']);
    expect(answered(stats, a, 'a', ['4'])).toEqual([]);
    expect(answered(stats, b, 'b', ['4', '0', '1'])).toEqual(['1']);
  });

  it('gives nothing where a symlink is in the place of the directory', () => {
    mkdirSync(directory.text('real'));
    for (let name = 0; name < 5; name++) writeFileSync(directory.text(`real/${name}`), '');
    symlinkSync('real', directory.text('link'));
    using stats = new NearbyStats();
    expect(answered(stats, {}, 'link', ['0', '1', '2', '3'])).toEqual([]);
  });

  it('leaves no descriptor open, whether a walk ends or is left', () => {
    for (const at of ['a', 'b', 'c']) {
      mkdirSync(directory.text(at));
      for (let name = 0; name < 9; name++) writeFileSync(directory.text(`${at}/${name}`), '');
    }
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    const entries = [...walk(directory.root)].filter((event) => event.type === 'entry');
    expect(entries).toHaveLength(27);
    expect(open()).toBe(before);
    let seen = 0;
    for (const event of walk(directory.root)) if (event.type === 'entry' && ++seen === 14) break;
    expect(seen).toBe(14);
    expect(open()).toBe(before);
  });

  it('keeps to the directory that it entered when that is moved away', () => {
    mkdirSync(directory.text('a'));
    for (let name = 0; name < 5; name++) writeFileSync(directory.text(`a/${name}`), 'old');
    using stats = new NearbyStats();
    const owner = {};
    expect(answered(stats, owner, 'a', ['0', '1', '2'])).toEqual(['2']);
    renameSync(directory.text('a'), directory.text('moved'));
    const found = stats.lstat(owner, directory.path('a'), bytes('3'));
    expect(found?.ino).toBe(plainStat(directory.path('moved/3')).ino);
  });
});
