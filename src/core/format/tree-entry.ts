import type { ByteString, ChunkId } from '../base/index.ts';

/** Kinds of entries in the order of their numbers, which begin at 0. */
export const entryKinds = [
  'file',
  'directory',
  'symlink',
  'fifo',
  'character-device',
  'block-device',
  'socket',
] as const;

export type EntryKind = (typeof entryKinds)[number];

/** Bits of `TreeEntry.remarks`. */
export const entryRemarks = { changedWhileRead: 1, contentUnreadable: 2 } as const;

/** One extended attribute. */
export interface Xattr {
  readonly name: ByteString;
  readonly value: Uint8Array;
}

/** One name in a directory (docs/format.md section 9). What is absent is unknown or empty. */
export interface TreeEntry {
  readonly name: ByteString;
  readonly kind: EntryKind;
  /** The lower 12 bits of `st_mode`. */
  readonly mode: number;
  /** Seconds since 1970, rounded down; may be negative. */
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a file; 0 for everything else. */
  readonly size: number;
  /** Content of a small file. */
  readonly inline?: Uint8Array | undefined;
  /** Content: ids of 1 to 64 chunks, 32 bytes each. */
  readonly chunks?: Uint8Array | undefined;
  /** Lengths of `chunks`; may be left out for a single one, but is always there once decoded. */
  readonly lengths?: readonly number[] | undefined;
  /** Content: the id of the top list page. */
  readonly list?: ChunkId | undefined;
  /** Target of a symlink. */
  readonly target?: Uint8Array | undefined;
  /** Id of the top tree page of a directory; absent if it could not be read. */
  readonly tree?: ChunkId | undefined;
  /** Major and minor number. */
  readonly device?: readonly [number, number] | undefined;
  /** Ascending by name; at most 4,096 bytes when encoded. */
  readonly xattrs?: readonly Xattr[] | undefined;
  /** Id of a data chunk that holds larger ones. */
  readonly xattrsRef?: ChunkId | undefined;
  /** Number of hard links if more than one. */
  readonly linkCount?: number | undefined;
  /** 16 bytes, if it is not the computed one. */
  readonly fileId?: Uint8Array | undefined;
  readonly birthSeconds?: number | undefined;
  readonly birthNanos?: number | undefined;
  /** Inode flags. */
  readonly flags?: number | undefined;
  /** Runs of zeros may be restored as holes. */
  readonly sparse?: boolean | undefined;
  /** Sum of `entryRemarks`; bits that are not known mean nothing. */
  readonly remarks?: number | undefined;
}

/** The entry of `/` itself. */
export type RootEntry = Omit<TreeEntry, 'name' | 'tree'>;
