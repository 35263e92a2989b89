import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
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

describe.runIf(isLinux)('getdents64', () => {
  const namesOf = (path: string): ByteString[] | undefined => {
    const fd = openSync(path, 'r');
    try {
      return native.namesIn(fd)?.sort();
    } finally {
      closeSync(fd);
    }
  };

  it('gives the names that readdir gives, as bytes, also more than fit into one answer', () => {
    for (let name = 0; name < 1500; name++) {
      writeFileSync(directory.text(`${name}-${'x'.repeat(name % 200)}`), '');
    }
    for (const name of ['\xff\xfe', '...', '.hidden', 'a b', '\n', 'é']) {
      writeFileSync(Buffer.from(directory.text(name), 'latin1'), '');
    }
    const names = namesOf(directory.root);
    expect(names).toHaveLength(1506);
    expect(names).toEqual(readdirSync(directory.root, 'latin1').map(bytes).sort());
  });

  it('gives none of an empty directory, and nothing of what is none', () => {
    mkdirSync(directory.text('empty'));
    writeFileSync(directory.text('file'), '');
    expect(namesOf(directory.text('empty'))).toEqual([]);
    expect(namesOf(directory.text('file'))).toBeUndefined();
    expect(native.namesIn(987_654)).toBeUndefined();
  });
});

describe.runIf(isLinux)('NearbyStats', () => {
  /** Names that were answered from an open directory. */
  const answered = (stats: NearbyStats, at: string, names: string[]): string[] =>
    names.filter((name) => {
      const found = stats.lstat(bytes(name));
      return found !== undefined && found.ino === plainStat(directory.path(`${at}/${name}`)).ino;
    });
  const fill = (at: string): void => {
    mkdirSync(directory.text(at));
    for (let name = 0; name < 5; name++) writeFileSync(directory.text(`${at}/${name}`), at);
  };

  it('answers nothing of a directory that was neither listed nor opened', () => {
    fill('a');
    using stats = new NearbyStats();
    expect(answered(stats, 'a', ['0'])).toEqual([]);
    stats.enter();
    expect(answered(stats, 'a', ['0', '1', '2', '3'])).toEqual([]);
    stats.at(directory.path('a'));
    expect(answered(stats, 'a', ['0', '1', '2', '3'])).toEqual(['0', '1', '2', '3']);
  });

  it('answers at once where the directory was listed, and of the one above when that is left', () => {
    fill('a');
    fill('a/b');
    using stats = new NearbyStats();
    stats.enter();
    expect(stats.names(directory.path('a'))?.sort()).toEqual(['0', '1', '2', '3', '4', 'b']);
    expect(answered(stats, 'a', ['0', '1'])).toEqual(['0', '1']);
    stats.enter();
    expect(stats.names(directory.path('a/b'))?.sort()).toEqual(['0', '1', '2', '3', '4']);
    expect(answered(stats, 'a/b', ['0', '1'])).toEqual(['0', '1']);
    stats.leave();
    expect(answered(stats, 'a', ['2'])).toEqual(['2']);
  });

  it('keeps few directories open, however deep it goes, and opens them anew', () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    using stats = new NearbyStats();
    const paths = Array.from({ length: 20 }, (_, depth) =>
      ['a', ...Array(depth).fill('d')].join('/'),
    );
    for (const at of paths) {
      fill(at);
      stats.enter(at === 'a' ? undefined : plainStat(directory.path(at)));
      expect(stats.names(directory.path(at))).toHaveLength(5);
      expect(open() - before).toBeLessThanOrEqual(9);
    }
    for (const at of paths.toReversed()) {
      stats.at(directory.path(at));
      expect(answered(stats, at, ['2', '3', '4'])).toEqual(['2', '3', '4']);
      stats.leave();
    }
    expect(open()).toBe(before);
  });

  it('gives nothing where a symlink is in the place of the directory', () => {
    fill('real');
    symlinkSync('real', directory.text('link'));
    using stats = new NearbyStats();
    stats.enter();
    expect(stats.names(directory.path('link'))).toBeUndefined();
    expect(() => stats.at(directory.path('link'))).toThrow(/no longer there/);
    expect(answered(stats, 'link', ['0', '1', '2', '3'])).toEqual([]);
  });

  it('never takes what stands elsewhere for what it left and comes back to', () => {
    const paths = Array.from({ length: 12 }, (_, depth) =>
      ['a', ...Array(depth).fill('d')].join('/'),
    );
    using stats = new NearbyStats();
    stats.enter();
    for (const at of paths) {
      fill(at);
      stats.enter(plainStat(directory.path(at)));
      expect(stats.names(directory.path(at))).toHaveLength(5);
    }
    renameSync(directory.text('a'), directory.text('moved'));
    fill('other');
    symlinkSync('other', directory.text('a'));
    for (const _ of paths.slice(1)) stats.leave();
    expect(() => stats.at(directory.path('a'))).toThrow(/no longer there/);
    // Another directory in its place is what stands there now.
    rmSync(directory.text('a'));
    renameSync(directory.text('other'), directory.text('a'));
    stats.at(directory.path('a'));
    expect(answered(stats, 'a', ['0'])).toEqual(['0']);
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
    fill('a');
    using stats = new NearbyStats();
    stats.enter();
    expect(stats.names(directory.path('a'))).toHaveLength(5);
    renameSync(directory.text('a'), directory.text('moved'));
    const found = stats.lstat(bytes('3'));
    expect(found?.ino).toBe(plainStat(directory.path('moved/3')).ino);
  });
});
