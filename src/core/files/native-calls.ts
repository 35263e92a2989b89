import type { ByteString } from '../base/index.ts';
import type { FileStat } from './file-stat.ts';

/** What of the file system's metadata can be read and applied here. */
export interface NativeCapabilities {
  /** Times to the nanosecond, of any year; else rounded to about a microsecond. */
  readonly exactTimes: boolean;
  readonly xattrs: boolean;
  /** FIFOs and devices can be made. */
  readonly specialFiles: boolean;
  readonly inodeFlags: boolean;
  /** One sentence on why anything is missing; undefined if all is there. */
  readonly missingBecause: string | undefined;
}

/** A path that the kernel takes as it is, or the descriptor of an open file (not an `O_PATH` one). */
export type NativePlace = string | Buffer | number;

/**
 * System calls that Node does not offer. With `follow` false nothing is followed at the end of a
 * path. All throw errors with a system `code` (`ENOTSUP`, …) as `node:fs` does.
 */
export interface NativeCalls {
  readonly capabilities: NativeCapabilities;
  /** Names of the extended attributes, in no order. */
  listXattrs(place: NativePlace, follow: boolean): readonly ByteString[];
  /** Undefined if there is none of that name. */
  getXattr(place: NativePlace, name: ByteString, follow: boolean): Buffer | undefined;
  setXattr(place: NativePlace, xattr: XattrLike, follow: boolean): void;
  removeXattr(place: NativePlace, name: ByteString, follow: boolean): void;
  /** Sets the modification time and leaves the access time alone. */
  setMtime(place: NativePlace, mtime: Mtime, follow: boolean): void;
  /** Makes a FIFO or device; `mode` holds the kind's bits. */
  makeNode(path: string | Buffer, mode: number, device: Device): void;
  /** Inode flags of an open file; undefined where there are none. */
  inodeFlags(fd: number): number | undefined;
  setInodeFlags(fd: number, flags: number): void;
  /**
   * What `name` in an open directory stands for, a symlink for itself; undefined if that could not
   * be told, for whatever reason: `node:fs` says which. `directory` may be an `O_PATH` descriptor.
   */
  lstatIn(directory: number, name: string | Buffer): FileStat | undefined;
  /**
   * The names in an open directory (not an `O_PATH` descriptor), each once or more, in no order;
   * undefined if they could not be read to the end, for whatever reason.
   */
  namesIn(directory: number): ByteString[] | undefined;
  /** As `lstatIn`, of an open file. */
  statOpen(fd: number): FileStat | undefined;
}

interface XattrLike {
  readonly name: ByteString;
  readonly value: Uint8Array;
}

export interface Mtime {
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
}

export interface Device {
  readonly major: number;
  readonly minor: number;
}
