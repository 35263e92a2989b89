import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import type { ByteString } from '../base/index.ts';
import { readNames } from './directory-names.ts';
import { lstat, lstatIfExists } from './file-stat.ts';
import { joinPath } from './long-path.ts';
import { openForReading, readBeginning, readlink } from './open-for-reading.ts';
import { RestoreTarget } from './restore-target.ts';
import { walk } from './walk.ts';
import { readXattrs } from './xattrs.ts';
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';

const levels = 80;
const name = bytes(`${'d\xe9'.repeat(60)}-level`);

describe('paths of more than PATH_MAX bytes', () => {
  let directory: TemporaryDirectory;
  let target: RestoreTarget;
  const deepest = Array.from({ length: levels }, () => name).join('/');

  beforeAll(() => {
    directory = new TemporaryDirectory();
    target = RestoreTarget.open(directory.root);
    let path = '';
    for (let level = 0; level < levels; level++) {
      path = path === '' ? name : `${path}/${name}`;
      target.makeDirectory(bytes(path));
    }
    const { fd } = target.openForWriting(bytes(`${deepest}/file`));
    writeSync(fd, 'deep');
    closeSync(fd);
    target.makeSymlink(bytes(`${deepest}/link`), bytes('\xff'));
  });

  afterAll(() => {
    target[Symbol.dispose]();
    directory.remove();
  });

  const at = (below: string): ByteString => joinPath(directory.root, bytes(`${deepest}/${below}`));

  it('are really longer', () => {
    expect(at('file').length).toBeGreaterThan(8192);
    expect(() => openSync(Buffer.from(at('file'), 'latin1'), 'r')).toThrow(/ENAMETOOLONG/);
  });

  it('are read', () => {
    expect(lstat(at('file'))).toMatchObject({ kind: 'file', size: 4 });
    expect(lstatIfExists(at('missing'))).toBeUndefined();
    expect(readBeginning(at('file'), 10).toString()).toBe('deep');
    expect(readlink(at('link'))).toBe('\xff');
    expect(readXattrs(at('file'))).toEqual([]);
    const names = readNames(joinPath(directory.root, bytes(deepest)), 0);
    expect([names.next(), names.next(), names.next()]).toEqual(['file', 'link', undefined]);
    closeSync(openForReading(at('file')));
  });

  it('are walked', () => {
    const events = [...walk(directory.root)];
    expect(events.filter(({ type }) => type === 'enter')).toHaveLength(levels + 1);
    expect(events.filter(({ type }) => type === 'leave')).toHaveLength(levels + 1);
    expect(events.filter(({ type }) => type === 'problem')).toEqual([]);
    expect(events.find((event) => event.type === 'entry')).toMatchObject({ path: at('file') });
  });

  it('leave no descriptor open', () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    lstat(at('file'));
    expect(() => lstat(at('missing/x'))).toThrow(/no longer/);
    expect(() => openForReading(at('link'))).toThrow(/another kind/);
    expect(open()).toBe(before);
  });

  it('take metadata', () => {
    const metadata = { mode: 0o640, mtimeSeconds: -5, mtimeNanos: 7, uid: 0, gid: 0 };
    const path = bytes(`${deepest}/file`);
    const options = { owner: false, xattrs: true };
    expect(target.applyMetadata(path, { kind: 'file', ...metadata }, options)).toEqual([]);
    expect(lstat(at('file'))).toMatchObject({ mode: 0o640, mtimeSeconds: -5, mtimeNanos: 7 });
  });

  it('are removed', () => {
    target.remove(name);
    expect(readdirSync(directory.root)).toEqual([]);
  });
});
