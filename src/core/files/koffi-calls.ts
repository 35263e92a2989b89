import { getSystemErrorName } from 'node:util';
import { byteStringOf, fsPath, type ByteString } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import type { NativeCalls } from './native-calls.ts';

/** What is used of koffi. */
export interface Koffi {
  load(path: null): { func(definition: string): NativeFunction };
  errno(): number;
}

type NativeFunction = (...values: readonly unknown[]) => number;

const atCwd = -100;
const symlinkNoFollow = 0x100;
const omitTime = 0x3ffffffen;
/** `FS_IOC_GETFLAGS` and `FS_IOC_SETFLAGS`, the same on every machine that is let in here. */
const getFlags = 0x80086601;
const setFlags = 0x40086602;

/** The calls by koffi, for Linux on 64-bit little-endian machines. Throws if a function is missing. */
export function koffiCalls(koffi: Koffi): NativeCalls {
  const library = koffi.load(null);
  // `int64_t` for ssize_t and size_t, which are so wide on these machines.
  const define = (definition: string): NativeFunction => library.func(definition);
  const xattrs = {
    list: define('int64_t listxattr(const char *path, void *list, int64_t size)'),
    llist: define('int64_t llistxattr(const char *path, void *list, int64_t size)'),
    flist: define('int64_t flistxattr(int fd, void *list, int64_t size)'),
    get: define('int64_t getxattr(const char *path, const char *name, void *value, int64_t size)'),
    lget: define(
      'int64_t lgetxattr(const char *path, const char *name, void *value, int64_t size)',
    ),
    fget: define('int64_t fgetxattr(int fd, const char *name, void *value, int64_t size)'),
    set: define(
      'int setxattr(const char *path, const char *name, const void *value, int64_t size, int flags)',
    ),
    lset: define(
      'int lsetxattr(const char *path, const char *name, const void *value, int64_t size, int flags)',
    ),
    remove: define('int removexattr(const char *path, const char *name)'),
    lremove: define('int lremovexattr(const char *path, const char *name)'),
  };
  const utimensat = define(
    'int utimensat(int dir, const char *path, const void *times, int flags)',
  );
  const mknod = define('int mknod(const char *path, unsigned int mode, uint64_t dev)');
  const ioctl = define('int ioctl(int fd, unsigned long request, void *argument)');

  const failed = (call: string): Error => systemError(koffi.errno(), call);
  const checked = (result: number, call: string): void => {
    if (result < 0) throw failed(call);
  };
  /** Calls with a buffer that is enlarged until the answer fits. */
  const filled = (call: string, fill: (buffer: Buffer) => number): Buffer | undefined => {
    for (let buffer = scratch; ; buffer = Buffer.allocUnsafe(buffer.length * 16)) {
      const length = fill(buffer);
      if (length >= 0) return buffer.subarray(0, length);
      const error = failed(call);
      if (isOneOf(error, 'ENODATA', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) return undefined;
      if (!isOneOf(error, 'ERANGE') || buffer.length > xattrBytesMax) throw error;
    }
  };
  const names = (list: Buffer | undefined): readonly ByteString[] =>
    list === undefined || list.length === 0 ? [] : splitNames(byteStringOf(list));
  // Copied, because the scratch buffer is used again.
  const value = (bytes: Buffer | undefined): Buffer | undefined => bytes && Buffer.from(bytes);

  return {
    capabilities: {
      exactTimes: true,
      xattrs: true,
      specialFiles: true,
      inodeFlags: true,
      missingBecause: undefined,
    },
    listXattrs(path, follow) {
      const list = follow ? xattrs.list : xattrs.llist;
      const place = terminated(path);
      return names(filled('llistxattr', (buffer) => list(place, buffer, buffer.length)));
    },
    listXattrsOfFd: (fd) =>
      names(filled('flistxattr', (buffer) => xattrs.flist(fd, buffer, buffer.length))),
    getXattr(path, name, follow) {
      const get = follow ? xattrs.get : xattrs.lget;
      const place = terminated(path);
      const key = terminated(fsPath(name));
      return value(filled('lgetxattr', (buffer) => get(place, key, buffer, buffer.length)));
    },
    getXattrOfFd(fd, name) {
      const key = terminated(fsPath(name));
      return value(filled('fgetxattr', (buffer) => xattrs.fget(fd, key, buffer, buffer.length)));
    },
    setXattr(path, xattr, follow) {
      const { name, value: bytes } = xattr;
      const set = follow ? xattrs.set : xattrs.lset;
      const key = terminated(fsPath(name));
      checked(set(terminated(path), key, bytes, bytes.byteLength, 0), 'lsetxattr');
    },
    removeXattr(path, name, follow) {
      const remove = follow ? xattrs.remove : xattrs.lremove;
      checked(remove(terminated(path), terminated(fsPath(name))), 'lremovexattr');
    },
    setMtime(path, { mtimeSeconds, mtimeNanos }, follow) {
      const times = BigInt64Array.of(0n, omitTime, BigInt(mtimeSeconds), BigInt(mtimeNanos));
      const flags = follow ? 0 : symlinkNoFollow;
      checked(utimensat(atCwd, terminated(path), times, flags), 'utimensat');
    },
    makeNode(path, mode, { major, minor }) {
      checked(mknod(terminated(path), mode, deviceNumber(major, minor)), 'mknod');
    },
    inodeFlags(fd) {
      const flags = new Uint32Array(2);
      return ioctl(fd, getFlags, flags) < 0 ? undefined : (flags[0] ?? 0);
    },
    setInodeFlags(fd, flags) {
      checked(ioctl(fd, setFlags, Uint32Array.of(flags, 0)), 'ioctl');
    },
  };
}

/** The kernel's limit is 64 KiB for a value and for the list; another system may have more. */
const xattrBytesMax = 16 * 1024 * 1024;
const scratch = Buffer.allocUnsafe(4096);

function splitNames(list: ByteString): readonly ByteString[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parts of a byte string
  return list.split('\0').slice(0, -1) as ByteString[];
}

/** What a C function takes for a path. A NUL within would cut it short in silence. */
function terminated(path: string | Buffer): string | Buffer {
  if (typeof path === 'string') {
    assert(!path.includes('\0'), 'A path holds a NUL');
    return path;
  }
  assert(!path.includes(0), 'A path holds a NUL');
  const bytes = Buffer.alloc(path.length + 1);
  bytes.set(path);
  return bytes;
}

/** `makedev` of Linux. */
function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xfffff000n) << 32n) |
    ((high & 0xfffn) << 8n) |
    ((low & 0xffffff00n) << 12n) |
    (low & 0xffn)
  );
}

function systemError(errno: number, call: string): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: ${call} failed`), {
    code,
    errno: -errno,
    syscall: call,
  });
}

function isOneOf(error: Error, ...codes: readonly string[]): boolean {
  return 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}
