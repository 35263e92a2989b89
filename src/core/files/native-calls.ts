import type { ByteString } from '../base/index.ts';

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

/**
 * System calls that Node does not offer. Paths are handed to the kernel as they are and must be
 * shorter than PATH_MAX; with `follow` false nothing is followed at their end. All throw errors
 * with a system `code` (`ENOTSUP`, …) as `node:fs` does.
 */
export interface NativeCalls {
  readonly capabilities: NativeCapabilities;
  /** Names of the extended attributes, in no order. */
  listXattrs(path: string | Buffer, follow: boolean): readonly ByteString[];
  listXattrsOfFd(fd: number): readonly ByteString[];
  /** Undefined if there is none of that name. */
  getXattr(path: string | Buffer, name: ByteString, follow: boolean): Buffer | undefined;
  getXattrOfFd(fd: number, name: ByteString): Buffer | undefined;
  setXattr(path: string | Buffer, xattr: XattrLike, follow: boolean): void;
  removeXattr(path: string | Buffer, name: ByteString, follow: boolean): void;
  /** Sets the modification time and leaves the access time alone. */
  setMtime(path: string | Buffer, mtime: Mtime, follow: boolean): void;
  /** Makes a FIFO or device; `mode` holds the kind's bits. */
  makeNode(path: string | Buffer, mode: number, device: Device): void;
  /** Inode flags of an open file; undefined where there are none. */
  inodeFlags(fd: number): number | undefined;
  setInodeFlags(fd: number, flags: number): void;
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
