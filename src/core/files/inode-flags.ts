import { closeSync, constants, openSync } from 'node:fs';
import type { ByteString } from '../base/index.ts';
import { reach } from './long-path.ts';
import type { NativeCalls } from './native-calls.ts';
import { nativeCalls } from './native.ts';

/** Flags that belong to the content of this file system, not to the file: extents, index, inline. */
const internalFlags = 0x00080000 | 0x00001000 | 0x10000000 | 0x00040000 | 0x00100000;

/**
 * Inode flags as of `FS_IOC_GETFLAGS` that say something about the file (immutable, append only,
 * no dump, no copy on write, …); undefined if there are none or they cannot be read.
 */
export function readInodeFlags(
  fd: number,
  native: NativeCalls = nativeCalls(),
): number | undefined {
  const flags = native.inodeFlags(fd);
  const kept = flags === undefined ? 0 : (flags & ~internalFlags) >>> 0;
  return kept === 0 ? undefined : kept;
}

/** As `readInodeFlags`, of a directory; undefined also if it cannot be opened. */
export function readDirectoryFlags(
  path: ByteString,
  native: NativeCalls = nativeCalls(),
): number | undefined {
  if (!native.capabilities.inodeFlags) return undefined;
  try {
    const fd = reach(path, (reachable) => openSync(reachable, directoryOnly));
    try {
      return readInodeFlags(fd, native);
    } finally {
      closeSync(fd);
    }
  } catch {
    // A directory that cannot be opened is told where its names are read.
    return undefined;
  }
}

const directoryOnly = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * What a restore may set: secure deletion, undeletion, compression, synchronous, immutable, append
 * only, no dump, no access time, journalled data, synchronous directory, top directory, no copy on
 * write, project inheritance.
 */
export const restorableFlags: number =
  0x1 |
  0x2 |
  0x4 |
  0x8 |
  0x10 |
  0x20 |
  0x40 |
  0x80 |
  0x4000 |
  0x10000 |
  0x20000 |
  0x800000 |
  0x20000000;
