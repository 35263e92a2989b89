import { deepStrictEqual, strictEqual } from 'node:assert';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import type { System } from '../base/index.ts';
import { lstat } from './file-stat.ts';
import { isUnfinished, RestoreTarget, type Replaceable } from './restore-target.ts';

const isRoot = process.getuid?.() === 0;
const self = process.getuid?.() ?? 0;

let directory: TemporaryDirectory;
let outside: string;
let inside: string;
let open: RestoreTarget[];

beforeEach(() => {
  directory = new TemporaryDirectory();
  outside = directory.text('outside');
  inside = directory.text('inside');
  mkdirSync(outside);
  writeFileSync(`${outside}/precious`, 'precious');
  open = [];
});

afterEach(() => {
  for (const target of open) target[Symbol.dispose]();
  // Whatever a test did, it did nothing out there.
  deepStrictEqual(readdirSync(outside), ['precious']);
  strictEqual(readFileSync(`${outside}/precious`, 'utf8'), 'precious');
  directory.remove();
});

function targetWith(replaceable?: Replaceable, system?: System): RestoreTarget {
  const target = RestoreTarget.open(bytes(inside), replaceable, system);
  open.push(target);
  return target;
}

function write(target: RestoreTarget, path: string, content = 'new'): void {
  const { fd } = target.openForWriting(bytes(path));
  writeSync(fd, content);
  closeSync(fd);
}

const fails = (code: string): unknown => expect.objectContaining({ code });

describe('RestoreTarget', () => {
  it('makes everything that can be made, private at first', () => {
    const target = targetWith();
    expect(target.makeDirectory(bytes('a'))).toBe('made');
    expect(target.makeDirectory(bytes('a'))).toBe('existed');
    expect(target.makeDirectory(bytes(''))).toBe('existed');
    write(target, 'a/file');
    target.makeSymlink(bytes('a/link'), bytes('\xff/../..'));
    target.makeHardLink(bytes('second'), bytes('a/file'));
    target.makeSpecial(bytes('a/fifo'), 'fifo');
    expect(lstat(directory.path('inside/a')).mode).toBe(0o700);
    const file = lstat(directory.path('inside/a/file'));
    expect(file).toMatchObject({ linkCount: 2 });
    expect(file.mode & 0o777).toBe(0o600);
    expect(isUnfinished(file)).toBe(process.platform === 'linux');
    expect(readlinkSync(`${inside}/a/link`, 'latin1')).toBe('\xff/../..');
    expect(lstat(directory.path('inside/a/fifo')).kind).toBe('fifo');
    expect(target.lstat(bytes('second'))?.ino).toBe(target.lstat(bytes('a/file'))?.ino);
    expect(target.lstat(bytes('none'))).toBeUndefined();
    const names = target.list(bytes('a'));
    expect([names.next(), names.next(), names.next(), names.next()]).toEqual([
      'fifo',
      'file',
      'link',
      undefined,
    ]);
  });

  it('takes any name that is one', () => {
    const target = targetWith();
    const names = [
      '\xff\xfe',
      '\n',
      '-rf',
      '...',
      '..a',
      '~',
      'x'.repeat(255),
      '\x01',
      '__proto__',
    ];
    for (const name of names) {
      target.makeDirectory(bytes(name));
      write(target, `${name}/${name}`, name);
    }
    expect(readdirSync(inside, 'latin1').sort()).toEqual(names.sort());
    expect(() => target.makeDirectory(bytes('x'.repeat(256)))).toThrow(fails('TARGET_UNWRITABLE'));
  });

  it('takes names again of which another spelling would be too long', () => {
    const target = targetWith();
    for (const name of ['ü'.repeat(127), 'ŉ'.repeat(127), 'ß'.repeat(127)]) {
      const path = bytes(Buffer.from(name).toString('latin1'));
      expect([target.makeDirectory(path), target.makeDirectory(path)]).toEqual(['made', 'existed']);
      expect(target.lstat(path)?.kind).toBe('directory');
    }
  });

  it.each([
    '..',
    '.',
    '/',
    '/x',
    'a/../..',
    'a/..',
    'a//b',
    'a/',
    './a',
    'a\0b',
    '../outside/precious',
  ])('refuses %j', (path) => {
    const target = targetWith('anything');
    target.makeDirectory(bytes('a'));
    const unsafe = expect.objectContaining({ kind: 'Corrupt', code: 'TARGET_NAME_UNSAFE' });
    expect(() => target.makeDirectory(bytes(path))).toThrow(unsafe);
    expect(() => target.openForWriting(bytes(path))).toThrow(unsafe);
    expect(() => target.makeSymlink(bytes(path), bytes('x'))).toThrow(unsafe);
    expect(() => target.makeHardLink(bytes('a/x'), bytes(path))).toThrow(unsafe);
    expect(() => target.makeHardLink(bytes(path), bytes('a'))).toThrow(unsafe);
    expect(() => target.rename(bytes(path), bytes('b'))).toThrow(unsafe);
    expect(() => target.remove(bytes(path))).toThrow(unsafe);
    expect(() => target.lstat(bytes(path))).toThrow(unsafe);
  });

  it('replaces a planted symlink in the place of a directory or a file', () => {
    const target = targetWith();
    symlinkSync(outside, `${inside}/a`);
    symlinkSync(`${outside}/precious`, `${inside}/file`);
    symlinkSync(`${outside}/new`, `${inside}/dangling`);
    expect(target.makeDirectory(bytes('a'))).toBe('made');
    write(target, 'a/file');
    write(target, 'file');
    write(target, 'dangling');
    expect(readFileSync(`${inside}/a/file`, 'utf8')).toBe('new');
    expect(lstat(directory.path('inside/file')).kind).toBe('file');
  });

  it('never goes through a symlink, nor one that is swapped in later', () => {
    const target = targetWith();
    symlinkSync(outside, `${inside}/a`);
    for (const act of [
      () => write(target, 'a/x'),
      () => target.makeDirectory(bytes('a/x')),
      () => target.makeSymlink(bytes('a/x'), bytes('y')),
      () => target.remove(bytes('a/precious')),
      () => target.list(bytes('a')),
    ]) {
      expect(act).toThrow(fails('TARGET_REPLACED'));
    }
    target.makeDirectory(bytes('b'));
    write(target, 'b/first');
    renameSync(`${inside}/b`, `${inside}/moved`);
    symlinkSync(outside, `${inside}/b`);
    // Goes on in the directory that it made, wherever that is now.
    write(target, 'b/second');
    expect(readdirSync(`${inside}/moved`).sort()).toEqual(['first', 'second']);
  });

  it('follows a symlink to the root itself, which the user named', () => {
    mkdirSync(`${inside}-real`);
    symlinkSync(`${inside}-real`, inside);
    write(targetWith(), 'x');
    expect(readdirSync(`${inside}-real`)).toEqual(['x']);
  });

  it('removes what is of another kind only as far as it may', () => {
    const careful = targetWith('nothing');
    symlinkSync('x', `${inside}/link`);
    mkdirSync(`${inside}/full/sub`, { recursive: true });
    writeFileSync(`${inside}/full/sub/x`, '');
    writeFileSync(`${inside}/file`, 'old');
    expect(() => careful.makeDirectory(bytes('link'))).toThrow(fails('TARGET_EXISTS'));
    expect(() => write(careful, 'link')).toThrow(fails('TARGET_EXISTS'));
    write(careful, 'file');
    expect(readFileSync(`${inside}/file`, 'utf8')).toBe('new');
    const usual = targetWith();
    expect(() => write(usual, 'full')).toThrow(fails('TARGET_EXISTS'));
    expect(() => usual.makeSymlink(bytes('full'), bytes('x'))).toThrow(fails('TARGET_EXISTS'));
    const bold = targetWith('anything');
    symlinkSync(outside, `${inside}/full/sub/way-out`);
    write(bold, 'full');
    expect(lstat(directory.path('inside/full')).kind).toBe('file');
  });

  it('removes trees without following anything', () => {
    const target = targetWith();
    mkdirSync(`${inside}/a/b/c`, { recursive: true });
    symlinkSync(outside, `${inside}/a/b/out`);
    linkSync(`${outside}/precious`, `${inside}/a/precious`);
    write(target, 'a/b/c/x');
    target.remove(bytes('a'));
    target.remove(bytes('none'));
    expect(readdirSync(inside)).toEqual([]);
    // A directory of the same name is another one.
    target.makeDirectory(bytes('a'));
    write(target, 'a/y');
    expect(readdirSync(`${inside}/a`)).toEqual(['y']);
    symlinkSync(outside, `${inside}/link`);
    target.remove(bytes('link'));
    target.remove(bytes(''));
    expect(readdirSync(inside)).toEqual(['a']);
  });

  it('writes in place only where nothing else changes with it', () => {
    const target = targetWith();
    const inPlaceIfOwnedBy = self;
    const make = (name: string): void => writeFileSync(`${inside}/${name}`, 'old', { mode: 0o644 });
    make('single');
    const inode = statSync(`${inside}/single`).ino;
    const file = target.openForWriting(bytes('single'), { inPlaceIfOwnedBy });
    expect(file.isNew).toBe(false);
    closeSync(file.fd);
    expect(statSync(`${inside}/single`)).toMatchObject({ ino: inode, size: 3 });
    expect(lstat(directory.path('inside/single')).mode & 0o777).toBe(0o600);
    make('linked');
    linkSync(`${inside}/linked`, `${inside}/other`);
    make('foreign');
    if (isRoot) chownSync(`${inside}/foreign`, 1234, 1234);
    symlinkSync('single', `${inside}/link`);
    const others = isRoot ? ['linked', 'foreign', 'link', 'none'] : ['linked', 'link', 'none'];
    for (const name of others) {
      const { fd, isNew } = target.openForWriting(bytes(name), { inPlaceIfOwnedBy });
      expect({ name, isNew }).toEqual({ name, isNew: true });
      closeSync(fd);
    }
    expect(readFileSync(`${inside}/other`, 'utf8')).toBe('old');
  });

  it('makes a hard link anew, and none to itself', () => {
    const target = targetWith();
    write(target, 'a', 'a');
    write(target, 'b', 'b');
    target.makeHardLink(bytes('b'), bytes('a'));
    target.makeHardLink(bytes('b'), bytes('a'));
    expect(lstat(directory.path('inside/b'))).toMatchObject({ linkCount: 2, size: 1 });
    target.makeSymlink(bytes('link'), bytes(outside));
    target.makeHardLink(bytes('link2'), bytes('link'));
    expect(lstat(directory.path('inside/link2')).kind).toBe('symlink');
    expect(() => target.makeHardLink(bytes('x'), bytes('none'))).toThrow(
      fails('TARGET_UNWRITABLE'),
    );
  });

  it('puts a finished file into place', () => {
    const target = targetWith();
    target.makeDirectory(bytes('a'));
    write(target, 'a/part', 'new');
    write(target, 'whole', 'old');
    target.rename(bytes('a/part'), bytes('whole'));
    expect(readFileSync(`${inside}/whole`, 'utf8')).toBe('new');
    expect(readdirSync(`${inside}/a`)).toEqual([]);
  });

  it('says that sockets come from their programs', () => {
    expect(() => targetWith().makeSpecial(bytes('x'), 'socket')).toThrow(fails('TARGET_SOCKET'));
  });

  it.runIf(isRoot)('makes devices', () => {
    const target = targetWith();
    target.makeSpecial(bytes('null'), 'character-device', { major: 1, minor: 3 });
    target.makeSpecial(bytes('disk'), 'block-device', { major: 259, minor: 300 });
    expect(target.lstat(bytes('null'))).toMatchObject({ kind: 'character-device', mode: 0o600 });
    expect(target.lstat(bytes('disk'))).toMatchObject({ rdevMajor: 259, rdevMinor: 300 });
  });

  it('keeps few descriptors open, however many directories there are', () => {
    const target = targetWith();
    const before = readdirSync('/proc/self/fd').length;
    let path = 'd';
    for (let level = 0; level < 200; level++, path += '/d') target.makeDirectory(bytes(path));
    for (let index = 0; index < 200; index++) {
      target.makeDirectory(bytes(`s${index}`));
      write(target, `s${index}/x`);
    }
    write(target, `${path.slice(0, -2)}/x`);
    target.makeHardLink(bytes('s7/y'), bytes(`${path.slice(0, -2)}/x`));
    expect(readdirSync('/proc/self/fd').length - before).toBeLessThan(70);
    target[Symbol.dispose]();
    open = [];
    expect(readdirSync('/proc/self/fd').length).toBe(before - 1);
  });

  it('uses no descriptor that was closed when reaching a path failed', () => {
    const deep = Array.from({ length: 100 }, () => 'd').join('/');
    mkdirSync(`${inside}/${deep}`, { recursive: true });
    mkdirSync(`${inside}/x`);
    const target = targetWith();
    write(target, 'x/1');
    expect(() => write(target, `${deep}/none/y`)).toThrow(fails('TARGET_UNWRITABLE'));
    write(target, 'x/2');
    expect(readdirSync(`${inside}/x`).sort()).toEqual(['1', '2']);
  });

  it('gives metadata to what it made', () => {
    const target = targetWith();
    write(target, 'x');
    const metadata = {
      kind: 'file',
      mode: 0o400,
      mtimeSeconds: -1,
      mtimeNanos: 1,
      uid: self,
      gid: 0,
    } as const;
    expect(target.applyMetadata(bytes('x'), metadata, { owner: false, xattrs: true })).toEqual([]);
    expect(target.lstat(bytes('x'))).toMatchObject({ mode: 0o400, mtimeSeconds: -1 });
    const misses = target.applyMetadata(bytes('none'), metadata, { owner: false, xattrs: true });
    expect(misses).toHaveLength(1);
  });

  it('says where there is no room or no permission', () => {
    if (!existsSync('/dev/full')) return;
    rmSync(inside, { force: true });
    expect(() => RestoreTarget.open(bytes('/dev/full/x'))).toThrow(fails('TARGET_UNWRITABLE'));
    expect(() => RestoreTarget.open(bytes('/proc/x'))).toThrow(fails('TARGET_UNWRITABLE'));
  });

  it.runIf(isRoot && existsSync('/usr/bin/setpriv'))(
    'lets others restore into their read-only directories',
    () => {
      mkdirSync(`${inside}/mine`, { recursive: true });
      mkdirSync(`${inside}/theirs`);
      chownSync(inside, 12_345, 12_345);
      chownSync(`${inside}/mine`, 12_345, 12_345);
      chmodSync(`${inside}/mine`, 0o500);
      const program = `
      import { RestoreTarget } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
      const target = RestoreTarget.open(${JSON.stringify(inside)});
      console.log(target.makeDirectory('mine'), target.openForWriting('mine/x').isNew);
      target.makeDirectory('theirs');
      try { target.openForWriting('theirs/x') } catch (error) { console.log(error.code) }`;
      const ids = ['--reuid=12345', '--regid=12345', '--clear-groups'];
      const options = [...ids, process.execPath, '--input-type=module', '-e', program];
      const output = execFileSync('setpriv', options, { encoding: 'utf8', cwd: '/' });
      expect(output).toBe('existed true\nTARGET_DENIED\n');
    },
  );
});

describe('names that another system cannot hold', () => {
  it.each(['NUL', 'a:b', 'C:x', '..\\x', 'dot.', 'below/con.txt', 'x*/y'])(
    '%j is refused on Windows by every call, and nothing is made',
    (path) => {
      const target = targetWith('anything', 'win32');
      target.makeDirectory(bytes('below'));
      writeFileSync(`${inside}/plain`, '');
      const before = readdirSync(inside, { recursive: true });
      const refusal = expect.objectContaining({
        kind: 'Source',
        code: 'TARGET_NAME_NOT_HELD',
        context: { path: `${inside}/${path}` },
      });
      const calls = [
        () => target.openForWriting(bytes(path)),
        () => target.makeDirectory(bytes(path)),
        () => target.makeSymlink(bytes(path), bytes('plain')),
        () => target.makeHardLink(bytes(path), bytes('plain')),
        () => target.makeSpecial(bytes(path), 'fifo'),
        () => target.rename(bytes('plain'), bytes(path)),
        () => target.lstat(bytes(path)),
        () => target.remove(bytes(path)),
      ];
      for (const call of calls) expect(call).toThrow(refusal);
      expect(readdirSync(inside, { recursive: true })).toEqual(before);
    },
  );

  it('are all made on Linux', () => {
    const target = targetWith();
    for (const path of ['NUL', 'a:b', 'C:x', '..\\x', 'dot.', ' ', '\\']) write(target, path, path);
    expect(readdirSync(inside).sort()).toEqual([' ', '..\\x', 'C:x', 'NUL', '\\', 'a:b', 'dot.']);
    // Case is told apart: each has its own content.
    write(target, 'nul', 'other');
    expect(readFileSync(`${inside}/NUL`, 'utf8')).toBe('NUL');
  });
});
