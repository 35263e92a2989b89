import type { MessagePort } from 'node:worker_threads';
import type { ByteString, PackName, RepositoryId, System } from '../base/index.ts';
import type { WorkerKeys } from '../crypto/index.ts';
import type { ErrorKind } from '../errors/index.ts';
import type { Xattr } from '../format/index.ts';
import type { SharedIndexHandle } from './shared-index.ts';

/** What every worker is told once, when it starts. Keys stay in the memory of this process. */
export interface WorkerSetup {
  readonly keys: WorkerKeys;
  readonly repository: RepositoryId;
  readonly chunkAvgBytes: number;
  readonly blockBytes: number;
  readonly packBytes: number;
  readonly index: SharedIndexHandle;
  /** Shared counters, see `sharedCounters`. */
  readonly counters: SharedArrayBuffer;
  /** Buffers of stored packs come back through it, also while the worker is in the middle of a task. */
  readonly buffers: MessagePort;
}

/** Positions of the counters that all threads share. */
export const sharedCounters = {
  /** Blocks lent to other workers and not done. */
  lentBlocks: 0,
  workers: 1,
  /** Complete packs that are not stored yet: beyond a limit the workers wait. */
  waitingPacks: 2,
  /** Not 0: the run is being cut short, leave the file that is being read. */
  stopped: 3,
} as const;

const waitingBytesMax = 48 * 1024 * 1024;
const waitingPacksMax = 3;

/** How many complete packs of a size may wait for the mirrors: memory counts bytes, not packs. */
export function waitingPacksOf(packBytes: number): number {
  return Math.min(waitingPacksMax, Math.max(1, Math.floor(waitingBytesMax / packBytes)));
}

/** Numbers per file in `StoreFilesTask.states`: what the scan saw, to notice a change since. */
export const stateNumbers = 6;

/** Files to store, in tree order. */
export interface StoreFilesTask {
  readonly type: 'store-files';
  /** The paths that were asked for: on the way to them, symlinks are followed. */
  readonly asked: readonly ByteString[];
  readonly directories: readonly ByteString[];
  /** For each file the number of its directory in `directories`. */
  readonly directoryOf: Uint32Array;
  readonly names: readonly ByteString[];
  /** size, mtime s, mtime ns, ctime s, ctime ns, inode for each file. */
  readonly states: Float64Array;
  /** Read extended attributes too. */
  readonly xattrs: boolean;
}

/**
 * What became of one file of a task; the order is that of the task. `replaced`: stored, but it is
 * another file than the one that the scan saw under that name.
 */
export type FileOutcome = 'stored' | 'changed' | 'unreadable' | 'vanished' | 'skipped' | 'replaced';

export interface FileProblem {
  /** Position of the file in the task. */
  readonly file: number;
  readonly code: string;
  readonly message: string;
}

export interface StoreFilesResult {
  readonly type: 'store-files';
  /** `fileOutcomes[n]` for each file. */
  readonly outcomes: Uint8Array;
  /** Lengths of the encoded tree entries, 0 where there is none. */
  readonly entryLengths: Uint32Array;
  /** The encoded tree entries, one after another. */
  readonly entries: Uint8Array;
  readonly problems: readonly FileProblem[];
  readonly bytesRead: number;
  /** What was told of huge files while they were read, those read again included. */
  readonly bytesTold: number;
  /** Plaintext bytes of chunks that were new. */
  readonly bytesNew: number;
}

export const fileOutcomes: readonly FileOutcome[] = [
  'stored',
  'changed',
  'unreadable',
  'vanished',
  'skipped',
  'replaced',
];

/** Chunks that another worker cut; this one stores them and tells their ids, see `LentBlock`. */
export interface StoreBlockTask {
  readonly type: 'store-block';
  readonly memory: SharedArrayBuffer;
  readonly ticket: number;
  readonly lengths: Uint32Array;
}

export interface StoreBlockResult {
  readonly type: 'store-block';
}

/** A stream (standard input): the chunks of a piece of it, in order. */
export interface StoreBytesTask {
  readonly type: 'store-bytes';
  readonly bytes: Uint8Array;
  /** No more follows: the rest is cut too. */
  readonly last: boolean;
}

export interface StoreBytesResult {
  readonly type: 'store-bytes';
  readonly ids: Uint8Array;
  readonly lengths: Uint32Array;
  /** Bytes at the end that belong to a chunk not finished yet; they come first the next time. */
  readonly rest: Uint8Array;
  readonly bytesNew: number;
}

/** Close the open block and pack, so that everything stored so far is on its way. */
export interface FlushTask {
  readonly type: 'flush';
}

export interface FlushResult {
  readonly type: 'flush';
}

/** How files come back, for all tasks of one restore. */
export interface RestoreSettings {
  /** Absolute: nothing is ever written outside it. */
  readonly root: ByteString;
  /** Whose rules names must keep. */
  readonly system: System;
  /** Owners are set. */
  readonly owner: boolean;
  /** From ids in the snapshot to ids of this machine, where they differ. */
  readonly uids: ReadonlyMap<number, number>;
  readonly gids: ReadonlyMap<number, number>;
  /** The user this process runs as: only files of its own are written in place. */
  readonly ownUid: number;
}

/** A block that lies in the bytes of a restore task. */
export interface BlockPlace {
  /** Offset in the task's bytes. */
  readonly at: number;
  readonly position: number;
  readonly codec: 0 | 1;
  readonly storedBytes: number;
  readonly plainBytes: number;
}

/** A file that a restore task writes to. */
export interface RestoreFile {
  /** Relative to the root. */
  readonly path: ByteString;
  /** The encoded tree entry. */
  readonly entry: Uint8Array;
  /** Extended attributes that are not in the entry. */
  readonly xattrs?: readonly Xattr[] | undefined;
  /**
   * `absent`: it is made. `created`: made by this restore, empty but for what it wrote. `present`:
   * has other content, which is written over. `same`: only metadata are set.
   */
  readonly state: 'absent' | 'created' | 'present' | 'same';
  /** After this task it is complete: it gets its length and metadata. */
  readonly complete: boolean;
}

/** Numbers for each write: block, offset in it, length, file, offset in the file. */
export const writeNumbers = 5;

/** Blocks to decode, check and write to where their chunks belong. */
export interface RestoreTask {
  readonly type: 'restore';
  readonly settings: RestoreSettings;
  /** The pack's header; empty if the task has no blocks. */
  readonly packHeader: Uint8Array;
  readonly bytes: Uint8Array;
  readonly blocks: readonly BlockPlace[];
  readonly files: readonly RestoreFile[];
  /** Ascending by block. */
  readonly writes: Float64Array;
  /** 32 bytes for each write: the id that the chunk must have. */
  readonly ids: Uint8Array;
}

export interface RestoreMiss {
  /** What could not be set: owner, mode, xattr, … */
  readonly part: string;
  readonly detail: string;
}

export interface RestoreResult {
  readonly type: 'restore';
  /** Positions of blocks that are damaged. Nothing of them was written. */
  readonly badBlocks: readonly number[];
  /** Files that could not be written. */
  readonly failures: readonly {
    readonly file: number;
    readonly code: string;
    readonly message: string;
  }[];
  /** Metadata that could not be set, by position of the file. */
  readonly misses: readonly (RestoreMiss & { readonly file: number })[];
  readonly bytesWritten: number;
}

/** Which chunks of existing files are already what they should be? */
export interface CompareTask {
  readonly type: 'compare';
  readonly settings: RestoreSettings;
  /** Relative to the root. */
  readonly paths: readonly ByteString[];
  /** Chunks of each file. */
  readonly counts: Uint32Array;
  /** Lengths of all chunks, file by file. */
  readonly lengths: Uint32Array;
  /** 32 bytes a chunk. */
  readonly ids: Uint8Array;
}

export interface CompareResult {
  readonly type: 'compare';
  /** 1 for each chunk that is there already. */
  readonly matches: Uint8Array;
}

export type WorkerTask =
  | StoreFilesTask
  | StoreBlockTask
  | StoreBytesTask
  | FlushTask
  | RestoreTask
  | CompareTask;

export type WorkerResult =
  | StoreFilesResult
  | StoreBlockResult
  | StoreBytesResult
  | FlushResult
  | RestoreResult
  | CompareResult;

/** The result that belongs to a task. */
export type ResultOf<T extends WorkerTask> = Extract<WorkerResult, { type: T['type'] }>;

/** A pack that is complete: its bytes are what every mirror stores under its name. */
export interface SealedPack {
  readonly name: PackName;
  readonly kind: 'data' | 'tree';
  /**
   * The pack at the beginning of a larger buffer, which goes back to be used again. Shared memory,
   * because moving megabytes between threads makes each collect its garbage at once.
   */
  readonly buffer: SharedArrayBuffer;
  readonly bytes: number;
  readonly tableBytes: number;
  /** Where the sealed chunk table begins: the end of the blocks. */
  readonly tableOffset: number;
  readonly chunkCount: number;
  /** 32 bytes, from the header. */
  readonly salt: Uint8Array;
  /** The chunk table in clear (docs/format.md section 7). */
  readonly table: Uint8Array;
}

export interface ToWorker {
  readonly number: number;
  readonly task: WorkerTask;
}

export type FromWorker =
  | { readonly type: 'result'; readonly number: number; readonly result: WorkerResult }
  | {
      readonly type: 'failure';
      readonly number: number;
      readonly kind: ErrorKind;
      readonly code: string;
      readonly message: string;
    }
  | { readonly type: 'pack'; readonly pack: SealedPack }
  /** So much more of a huge file is read: its task may take hours. */
  | { readonly type: 'read'; readonly bytes: number }
  | { readonly type: 'block'; readonly task: StoreBlockTask };
