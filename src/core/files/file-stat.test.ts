import { execFileSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteStringFromText } from '../base/index.ts';
import { isSparse, lstat, lstatIfExists, statOfFd } from './file-stat.ts';
import { joinPath } from './long-path.ts';
import { nativeCalls } from './native.ts';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';

let directory: TemporaryDirectory;
beforeAll(() => void (directory = new TemporaryDirectory()));
afterAll(() => directory.remove());

describe('lstat', () => {
  it('tells the kinds apart and follows no symlink', async () => {
    const at = (name: string): string => directory.text(name);
    writeFileSync(at('file'), 'abc');
    mkdirSync(at('directory'));
    symlinkSync('file', at('symlink'));
    execFileSync('mkfifo', [at('fifo')]);
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(at('socket'), resolve));
    for (const kind of ['file', 'directory', 'symlink', 'fifo', 'socket'] as const) {
      expect(lstat(directory.path(kind)).kind).toBe(kind);
    }
    await new Promise((resolve) => void server.close(resolve));
    expect(lstat(directory.path('symlink')).size).toBe(4);
    expect(lstat(bytes('/dev/null'))).toMatchObject({
      kind: 'character-device',
      rdevMajor: 1,
      rdevMinor: 3,
    });
  });

  it.each([
    [-1, 999_999_999],
    [-1, 0],
    [-2_000_000_000, 1],
    [0, 0],
    [1_700_000_000, 123_456_789],
    [7_258_118_400, 987_654_321],
  ])('gives %i s and %i ns as they are', (mtimeSeconds, mtimeNanos) => {
    const path = directory.path('times');
    writeFileSync(path, '');
    nativeCalls().setMtime(path, { mtimeSeconds, mtimeNanos }, false);
    expect(lstat(path)).toMatchObject({ mtimeSeconds, mtimeNanos });
  });

  it('agrees with what Node says of a file', () => {
    const path = directory.path('plain');
    writeFileSync(path, 'abcdef', { mode: 0o640 });
    linkSync(path, directory.text('second'));
    utimesSync(path, 1, 1_600_000_000.5);
    const node = statSync(path, { bigint: true });
    expect(lstat(path)).toMatchObject({
      size: 6,
      mode: 0o640,
      mtimeSeconds: 1_600_000_000,
      mtimeNanos: 500_000_000,
      ctimeSeconds: Number(node.ctimeNs / 1_000_000_000n),
      ctimeNanos: Number(node.ctimeNs % 1_000_000_000n),
      uid: Number(node.uid),
      gid: Number(node.gid),
      ino: node.ino,
      dev: node.dev,
      linkCount: 2,
      rdevMajor: 0,
      rdevMinor: 0,
    });
    const fd = openSync(path, 'r');
    expect(statOfFd(fd, path)).toEqual(lstat(path));
    closeSync(fd);
  });

  it('takes any bytes for a name', () => {
    for (const name of ['\xff\xfe', '\n', '-rf', 'ä', ' ', '\x80'.repeat(255), '\'"$(x)']) {
      const path = joinPath(directory.root, bytes(name));
      writeFileSync(Buffer.from(path, 'latin1'), 'x');
      expect(lstat(path)).toMatchObject({ kind: 'file', size: 1 });
    }
  });

  it('knows what is gone', () => {
    expect(lstatIfExists(directory.path('missing'))).toBeUndefined();
    expect(() => lstat(directory.path('missing'))).toThrow(
      expect.objectContaining({ kind: 'Source', code: 'SOURCE_VANISHED' }),
    );
    writeFileSync(directory.text('no-directory'), '');
    expect(lstatIfExists(directory.path('no-directory/x'))).toBeUndefined();
  });

  it('names a path that cannot be shown as it is', () => {
    const path = byteStringFromText(directory.text('a\nb'));
    expect(() => lstat(path)).toThrow(/a\\nb/);
  });
});

describe('isSparse', () => {
  it('sees a hole and only that', () => {
    const holed = directory.path('holed');
    writeFileSync(holed, '');
    truncateSync(holed, 1_000_000);
    expect(isSparse(lstat(holed))).toBe(true);
    const full = directory.path('full');
    writeFileSync(full, Buffer.alloc(1_000_000, 1));
    expect(isSparse(lstat(full))).toBe(false);
    expect(isSparse(lstat(directory.root))).toBe(false);
  });
});
