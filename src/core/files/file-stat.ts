import { fstatSync, lstatSync, statSync } from 'node:fs';
import { fsPath, type ByteString } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import type { FileKind } from './file-kind.ts';
import { pathBytesDirectMax, reach, viaDirectories } from './long-path.ts';
import { nativeCalls } from './native.ts';
import { sourceError, vanishedError } from './source-error.ts';
import { fileStatOf } from './stat-conversion.ts';

/**
 * What the file system says about one name, exactly: seconds are floored (so nanoseconds are
 * 0 to 999,999,999 before 1970 too), and inode and device numbers are bigint because network and
 * overlay file systems use all 64 bits. Plain data: it may be cloned to a worker.
 */
export interface FileStat {
  readonly kind: FileKind;
  /** Bytes; for a symlink those of its target, else meaningful for files only. */
  readonly size: number;
  /** The lower 12 bits of `st_mode`. */
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  readonly ctimeSeconds: number;
  readonly ctimeNanos: number;
  /** Undefined where the file system keeps no birth time. */
  readonly birthtimeSeconds: number | undefined;
  readonly birthtimeNanos: number | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly linkCount: number;
  /** Device numbers of a device node; 0 for everything else. */
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** Bytes the file takes up on the disk. */
  readonly allocatedBytes: number;
}

/** Reads what stands under `path` itself; a symlink is not followed. Throws kind `Source`. */
export function lstat(path: ByteString): FileStat {
  const stat = lstatIfExists(path);
  if (stat === undefined) throw vanishedError(path);
  return stat;
}

/** As `lstat`, but undefined if there is nothing under that name (any more). */
export function lstatIfExists(path: ByteString): FileStat | undefined {
  try {
    return path.length > pathBytesDirectMax
      ? viaDirectories(path, (reachable) => lstatRaw(reachable, path))
      : lstatRaw(fsPath(path), path);
  } catch (error) {
    return undefinedIfGone(sourceError(error, path, 'read the metadata of'));
  }
}

/** As `lstatIfExists` of what the kernel takes as it is; throws what the system gives. */
export function lstatRaw(reachable: string | Buffer, path: ByteString): FileStat | undefined {
  const stats = lstatSync(reachable, bigintQuiet);
  return stats === undefined ? undefined : fileStatOf(stats, path);
}

/** As `lstat`, but follows symlinks: for the leading part of a path that was asked for. */
export function statFollowing(path: ByteString): FileStat | undefined {
  try {
    const stats = reach(path, (reachable) => statSync(reachable, bigintQuiet));
    return stats === undefined ? undefined : fileStatOf(stats, path);
  } catch (error) {
    return undefinedIfGone(sourceError(error, path, 'read the metadata of'));
  }
}

/** The state of an open file; `path` is for the message only. */
export function statOfFd(fd: number, path: ByteString): FileStat {
  try {
    return nativeCalls().statOpen(fd) ?? fileStatOf(fstatSync(fd, bigintOnly), path);
  } catch (error) {
    throw sourceError(error, path, 'read the metadata of');
  }
}

/**
 * True if device and inode tell which file it is. Some systems give 0 for one of them: Windows for
 * the device of a path, network drives for the inode.
 */
export function hasIdentity({ dev, ino }: FileStat): boolean {
  return dev !== 0n && ino !== 0n;
}

/**
 * True if runs of zeros in the file may be restored as holes: at least a page of it takes up no
 * room. A compressing file system makes some other files look so, which does no harm.
 */
export function isSparse(stat: FileStat): boolean {
  return stat.kind === 'file' && stat.size - stat.allocatedBytes >= 4096;
}

/** A directory on the way may be gone as well. */
function undefinedIfGone(error: VersionsError): undefined {
  if (error.code !== 'SOURCE_VANISHED') throw error;
}

const bigintOnly = { bigint: true } as const;
const bigintQuiet = { bigint: true, throwIfNoEntry: false } as const;
