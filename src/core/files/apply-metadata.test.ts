import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { bytesOfByteString, fsPath, type ByteString } from '../base/index.ts';
import {
  applyMetadata,
  applyMetadataToFd,
  metadataError,
  type TargetMetadata,
} from './apply-metadata.ts';
import { lstat } from './file-stat.ts';
import { readInodeFlags } from './inode-flags.ts';
import { nativeCalls } from './native.ts';
import { plainCalls } from './plain-calls.ts';
import { readXattrs, readXattrsOfFd, type Xattr } from './xattrs.ts';

const isRoot = process.getuid?.() === 0;
const all = { owner: true, xattrs: true };
const native = nativeCalls();
const hasXattrs = supportsXattrs();

let directory: TemporaryDirectory;
let file: ByteString;
beforeEach(() => {
  directory = new TemporaryDirectory();
  file = directory.path('file');
  writeFileSync(file, 'x', { mode: 0o600 });
});
afterEach(() => directory.remove());

const base: TargetMetadata = {
  kind: 'file',
  mode: 0o640,
  mtimeSeconds: 1_600_000_000,
  mtimeNanos: 123_456_789,
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
};

const xattr = (name: string, ...value: readonly number[]): Xattr => ({
  name: bytes(name),
  value: Buffer.from(value),
});
/** What `setcap cap_net_bind_service=ep` stores. */
const capability = xattr('security.capability', 1, 0, 0, 2, 0, 4, ...Array<number>(14).fill(0));
/** u::rw- u:1234:rwx g::r-- m::rw- o::--- */
const accessList = xattr(
  'system.posix_acl_access',
  ...[
    [2, 0, 0, 0],
    [1, 0, 6, 0, 255, 255, 255, 255],
    [2, 0, 7, 0, 0xd2, 4, 0, 0],
    [4, 0, 4, 0, 255, 255, 255, 255],
    [0x10, 0, 6, 0, 255, 255, 255, 255],
    [0x20, 0, 0, 0, 255, 255, 255, 255],
  ].flat(),
);

describe('applyMetadata', () => {
  it.each([
    [1_600_000_000, 123_456_789],
    [-1, 999_999_999],
    [-2_000_000_000, 1],
    [7_258_118_400, 1],
  ])('sets mode and time of %i s and %i ns exactly', (mtimeSeconds, mtimeNanos) => {
    expect(applyMetadata(file, { ...base, mtimeSeconds, mtimeNanos }, all)).toEqual([]);
    expect(lstat(file)).toMatchObject({ mode: 0o640, mtimeSeconds, mtimeNanos });
  });

  it('reports a time that the file system cannot hold', () => {
    const misses = applyMetadata(file, { ...base, mtimeSeconds: -90_000_000_000 }, all);
    const got = lstat(file).mtimeSeconds;
    expect(misses.map(({ part }) => part)).toEqual(got === -90_000_000_000 ? [] : ['mtime']);
  });

  it('touches nothing if something of another kind stands there', () => {
    symlinkSync('file', directory.text('link'));
    const before = lstat(file);
    const misses = applyMetadata(directory.path('link'), { ...base, mode: 0o777 }, all);
    expect(misses.map(({ part }) => part)).toEqual(['kind']);
    expect(lstat(file)).toEqual(before);
    expect(applyMetadata(directory.path('none'), base, all)[0]?.code).toBe('ENOENT');
  });

  it.runIf(isRoot)('gives a symlink its own owner and time, and its target nothing', () => {
    symlinkSync('file', directory.text('link'));
    const before = lstat(file);
    const target = { ...base, kind: 'symlink', mode: 0o777, uid: 1234, gid: 1235 } as const;
    expect(applyMetadata(directory.path('link'), target, all)).toEqual([]);
    expect(lstat(directory.path('link'))).toMatchObject({
      uid: 1234,
      gid: 1235,
      mtimeSeconds: base.mtimeSeconds,
      mtimeNanos: base.mtimeNanos,
    });
    expect(lstat(file)).toEqual(before);
  });

  it.runIf(isRoot && hasXattrs)(
    'keeps set-id bits and capabilities although the owner changes',
    () => {
      const target = { ...base, mode: 0o6755, uid: 1234, gid: 1235, xattrs: [capability] };
      expect(applyMetadata(file, target, all)).toEqual([]);
      expect(lstat(file)).toMatchObject({ mode: 0o6755, uid: 1234, gid: 1235 });
      expect(readXattrs(file)).toEqual([capability]);
    },
  );

  it.runIf(isRoot)('leaves set-user-id off where the owner was not wanted', () => {
    const target = { ...base, mode: 0o6755, uid: 1234, gid: 1235 };
    const misses = applyMetadata(file, target, { owner: false, xattrs: true });
    expect(misses.map(({ part }) => part)).toEqual(['mode']);
    expect(lstat(file)).toMatchObject({ mode: 0o755, uid: 0, gid: 0 });
  });

  it('does the same to an open file', () => {
    const xattrs = hasXattrs ? [xattr('user.a', 1, 0, 2)] : [];
    const owner = isRoot ? { uid: 1234, gid: 1235 } : {};
    const target = { ...base, ...owner, mode: 0o4711, mtimeSeconds: -1, xattrs };
    const fd = openSync(fsPath(file), 'r+');
    expect(applyMetadataToFd(fd, file, target, all)).toEqual([]);
    expect(lstat(file)).toMatchObject({
      ...owner,
      mode: 0o4711,
      mtimeSeconds: -1,
      mtimeNanos: base.mtimeNanos,
    });
    expect(readXattrs(file)).toEqual(xattrs);
    // Something is set again, and what is too much goes.
    expect(applyMetadataToFd(fd, file, { ...base, ...owner }, all)).toEqual([]);
    expect(readXattrs(file)).toEqual([]);
    const plain = plainCalls('it is not there');
    const late = { ...base, ...owner, mtimeSeconds: -2_000_000_000 };
    expect(applyMetadataToFd(fd, file, late, { ...all, native: plain })).toEqual([]);
    expect(lstat(file).mtimeSeconds).toBe(-2_000_000_000);
    closeSync(fd);
    expect(applyMetadataToFd(fd, file, base, all).map(({ part }) => part)).toEqual(['kind']);
  });

  it('keeps the sticky bit and set-group-id of a directory', () => {
    mkdirSync(directory.text('directory'));
    const target = { ...base, kind: 'directory', mode: 0o3775 } as const;
    expect(applyMetadata(directory.path('directory'), target, all)).toEqual([]);
    expect(lstat(directory.path('directory')).mode).toBe(0o3775);
  });

  it.runIf(isRoot)('sets what FIFOs and devices have without opening them', () => {
    native.makeNode(directory.path('fifo'), 0o010600, { major: 0, minor: 0 });
    native.makeNode(directory.path('device'), 0o020600, { major: 300, minor: 70_000 });
    const fifo = { ...base, kind: 'fifo' } as const;
    expect(applyMetadata(directory.path('fifo'), fifo, all)).toEqual([]);
    expect(lstat(directory.path('fifo'))).toMatchObject({ kind: 'fifo', mode: 0o640 });
    const device = { ...base, kind: 'character-device', uid: 7 } as const;
    expect(applyMetadata(directory.path('device'), device, all)).toEqual([]);
    expect(lstat(directory.path('device'))).toMatchObject({
      kind: 'character-device',
      rdevMajor: 300,
      rdevMinor: 70_000,
      uid: 7,
    });
  });
});

describe.runIf(hasXattrs)('extended attributes', () => {
  const binary = xattr('user.bin\xff\xc3', 0, 255, 10, 0);
  const empty = xattr('user.empty');
  const long = { name: bytes(`user.${'n'.repeat(200)}`), value: Buffer.alloc(3000, 7) };

  it('are set and read with any bytes, ascending', () => {
    const xattrs = [long, empty, binary];
    expect(applyMetadata(file, { ...base, xattrs }, all)).toEqual([]);
    expect(readXattrs(file)).toEqual([binary, empty, long]);
    const fd = openSync(fsPath(file), 'r');
    expect(readXattrsOfFd(fd, file)).toEqual(readXattrs(file));
    closeSync(fd);
  });

  it('that are too much are removed, unless they are not asked for', () => {
    native.setXattr(file, empty, false);
    applyMetadata(file, base, { owner: true, xattrs: false });
    expect(readXattrs(file)).toHaveLength(1);
    applyMetadata(file, base, all);
    expect(readXattrs(file)).toEqual([]);
  });

  it('keep access lists, which go before what a directory hands down', () => {
    const handedDown = { ...accessList, name: bytes('system.posix_acl_default') };
    native.setXattr(directory.root, handedDown, false);
    const inherited = directory.path('inherited');
    writeFileSync(inherited, '');
    expect(readXattrs(inherited)).toHaveLength(1);
    expect(applyMetadata(inherited, { ...base, mode: 0o604 }, all)).toEqual([]);
    expect(readXattrs(inherited)).toEqual([]);
    expect(lstat(inherited).mode).toBe(0o604);
    expect(applyMetadata(inherited, { ...base, mode: 0o660, xattrs: [accessList] }, all)).toEqual(
      [],
    );
    expect(readXattrs(inherited)).toEqual([accessList]);
    expect(lstat(inherited).mode).toBe(0o660);
  });

  it('that cannot be set are named', () => {
    const misses = applyMetadata(file, { ...base, xattrs: [xattr('nonsense.x', 1), empty] }, all);
    expect(misses).toMatchObject([{ part: 'xattr', detail: expect.stringMatching(/nonsense\.x/) }]);
    expect(readXattrs(file)).toHaveLength(1);
    const error = metadataError(file, misses);
    expect(error.code).toBe('TARGET_METADATA_INCOMPLETE');
    expect(error.message).toMatch(/nonsense/);
  });

  it('are read of a symlink itself', () => {
    native.setXattr(file, empty, false);
    symlinkSync('file', directory.text('link'));
    expect(readXattrs(directory.path('link'))).toEqual([]);
  });

  it('of many bytes are read whole', () => {
    const names = Array.from(
      { length: 30 },
      (_, index) => `user.${index}.${'x'.repeat(80)}`,
    ).sort();
    for (const name of names) native.setXattr(file, xattr(name, 1), false);
    expect(readXattrs(file).map(({ name }) => name)).toEqual(names);
  });
});

describe('without koffi', () => {
  const plain = plainCalls('it is not there');

  it('says what is missing, sets times nearly, also before 1970', () => {
    expect(plain.capabilities).toMatchObject({
      exactTimes: false,
      missingBecause: 'it is not there',
    });
    expect(native.capabilities.missingBecause).toBeUndefined();
    for (const mtimeSeconds of [-2_000_000_000, -1, 1_600_000_000]) {
      const target = { ...base, mtimeSeconds, xattrs: [xattr('user.a', 1)] };
      const misses = applyMetadata(file, target, { ...all, native: plain });
      expect(misses.map(({ part }) => part)).toEqual(['xattr']);
      const stat = lstat(file);
      expect(stat.mtimeSeconds).toBe(mtimeSeconds);
      expect(Math.abs(stat.mtimeNanos - base.mtimeNanos)).toBeLessThan(1000);
    }
    expect(readXattrs(file, plain)).toEqual([]);
  });

  it('goes on, and says so', () => {
    // Where koffi was built for another machine.
    mkdirSync(directory.text('node_modules/koffi'), { recursive: true });
    writeFileSync(
      directory.text('node_modules/koffi/index.js'),
      'throw new Error("wrong ELF class")',
    );
    const rooms = ['base', 'errors', 'files'];
    for (const room of rooms) {
      const from = fileURLToPath(new URL(`../${room}`, import.meta.url));
      cpSync(from, directory.text(`core/${room}`), { recursive: true });
    }
    writeFileSync(directory.text('package.json'), '{"type":"module"}');
    const program = `
      import { nativeCalls } from ${JSON.stringify(`${directory.root}/core/files/index.ts`)};
      console.log(nativeCalls().capabilities.missingBecause);`;
    const options = ['--input-type=module', '-e', program];
    const output = execFileSync(process.execPath, options, { encoding: 'utf8' });
    expect(output).toMatch(/^the optional package "koffi" does not load: wrong ELF class\n$/);
  });

  it('does not follow a symlink', () => {
    symlinkSync('file', directory.text('link'));
    const before = lstat(file);
    plain.setMtime(directory.path('link'), base, false);
    expect(lstat(directory.path('link')).mtimeSeconds).toBe(base.mtimeSeconds);
    expect(lstat(file)).toEqual(before);
  });
});

describe('native calls', () => {
  it('refuse a NUL, which would cut a path short', () => {
    expect(() => native.setMtime(`${file}\0x`, base, false)).toThrow(/NUL/);
    expect(() => native.setMtime(bytesOfByteString(bytes('\xff\0')), base, false)).toThrow(/NUL/);
  });

  it('give the code of a failed call', () => {
    expect(() => native.setMtime(directory.path('none'), base, false)).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });

  it('work in worker threads that come and go', async () => {
    const module = JSON.stringify(new URL('index.ts', import.meta.url).href);
    const code = `const { parentPort, workerData } = require('node:worker_threads');
      import(${module}).then(({ nativeCalls, lstat }) => {
        nativeCalls().setMtime(workerData, { mtimeSeconds: -3, mtimeNanos: 5 }, false);
        parentPort.postMessage(lstat(workerData));
      });`;
    for (let round = 0; round < 3; round++) {
      const stats = await Promise.all(
        [0, 1].map(
          () =>
            new Promise((resolve, reject) => {
              const worker = new Worker(code, { eval: true, workerData: file });
              worker.once('message', resolve).once('error', reject);
            }),
        ),
      );
      const expected = { mtimeSeconds: -3, mtimeNanos: 5 };
      expect(stats).toMatchObject([expected, expected]);
    }
  });

  const chattr = isRoot && existsSync('/usr/bin/chattr') && hasXattrs;
  it.runIf(chattr)('read inode flags and set them last', () => {
    const flagsOf = (): number | undefined => {
      const fd = openSync(fsPath(file), 'r');
      try {
        return readInodeFlags(fd);
      } finally {
        closeSync(fd);
      }
    };
    expect(flagsOf()).toBeUndefined();
    const target = { ...base, flags: 0x10 | 0x40 };
    expect(applyMetadata(file, target, { ...all, flags: true })).toEqual([]);
    expect(flagsOf()).toBe(0x50);
    expect(lstat(file)).toMatchObject({ mode: 0o640, mtimeNanos: base.mtimeNanos });
    // An immutable file keeps what it has, and that is said.
    const misses = applyMetadata(file, { ...base, mode: 0o600, mtimeSeconds: 5 }, all);
    expect(misses.map(({ part }) => part)).toEqual(['mtime', 'mode']);
    execFileSync('chattr', ['-i', file]);
  });
});

describe('somebody who is not root', () => {
  it.runIf(isRoot && existsSync('/usr/bin/setpriv'))(
    'sets what is allowed and names the rest',
    () => {
      chmodSync(directory.root, 0o777);
      chownSync(file, 12_345, 12_345);
      const program = `
      import { applyMetadata } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
      const target = { ...${JSON.stringify(base)}, uid: 0, gid: 12346, mode: 0o6755 };
      const misses = applyMetadata(${JSON.stringify(file)}, target, { owner: true, xattrs: true });
      console.log(misses.map(({ part }) => part).join());`;
      const ids = ['--reuid=12345', '--regid=12345', '--groups=12345,12346'];
      const options = [...ids, process.execPath, '--input-type=module', '-e', program];
      expect(execFileSync('setpriv', options, { encoding: 'utf8', cwd: '/' })).toBe('owner,mode\n');
      expect(lstat(file)).toMatchObject({
        uid: 12_345,
        gid: 12_346,
        mode: 0o2755,
        mtimeNanos: base.mtimeNanos,
      });
    },
  );
});

/** Does the file system of the tests hold attributes? */
function supportsXattrs(): boolean {
  const trial = new TemporaryDirectory();
  try {
    native.setXattr(trial.root, { name: bytes('user.trial'), value: Buffer.of(1) }, false);
    return true;
  } catch {
    return false;
  } finally {
    trial.remove();
  }
}
