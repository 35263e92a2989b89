import { koffiNames } from './koffi-names.ts';
import { deviceNumber, koffiStat } from './koffi-stat.ts';
import { koffiXattrs } from './koffi-xattrs.ts';
import { terminated, throwIfFailed, type Koffi } from './koffi-library.ts';
import type { NativeCalls } from './native-calls.ts';

const atCwd = -100;
const symlinkNoFollow = 0x100;
const omitTime = 0x3ffffffen;
/** `FS_IOC_GETFLAGS` and `FS_IOC_SETFLAGS`, the same on every machine that is let in here. */
const getFlags = 0x80086601;
const setFlags = 0x40086602;

/** The calls by koffi, for Linux on 64-bit little-endian machines. Throws if a function is missing. */
export function koffiCalls(koffi: Koffi): NativeCalls {
  const library = koffi.load(null);
  const utimensat = library.func(
    'int utimensat(int dir, const char *path, const void *times, int flags)',
  );
  const futimens = library.func('int futimens(int fd, const void *times)');
  const mknod = library.func('int mknod(const char *path, unsigned int mode, uint64_t dev)');
  const ioctl = library.func('int ioctl(int fd, unsigned long request, void *argument)');
  // Seconds and nanoseconds of access and of modification.
  const times = BigInt64Array.of(0n, omitTime, 0n, 0n);
  const answer = new Uint32Array(2);
  return {
    capabilities: {
      exactTimes: true,
      xattrs: true,
      specialFiles: true,
      inodeFlags: true,
      missingBecause: undefined,
    },
    ...koffiXattrs(koffi, library),
    ...koffiStat(library),
    ...koffiNames(library),
    setMtime(place, { mtimeSeconds, mtimeNanos }, follow) {
      times[2] = BigInt(mtimeSeconds);
      times[3] = BigInt(mtimeNanos);
      const result =
        typeof place === 'number'
          ? futimens(place, times)
          : utimensat(atCwd, terminated(place), times, follow ? 0 : symlinkNoFollow);
      throwIfFailed(koffi, result, 'utimensat');
    },
    makeNode(path, mode, { major, minor }) {
      throwIfFailed(koffi, mknod(terminated(path), mode, deviceNumber(major, minor)), 'mknod');
    },
    inodeFlags(fd) {
      answer[0] = 0;
      return ioctl(fd, getFlags, answer) < 0 ? undefined : (answer[0] ?? 0);
    },
    setInodeFlags(fd, flags) {
      throwIfFailed(koffi, ioctl(fd, setFlags, Uint32Array.of(flags, 0)), 'ioctl');
    },
  };
}
