import { closeSync, readSync } from 'node:fs';
import { displayPath, entryChunksMax, inlineFileBytesMax, type ByteString } from '../base/index.ts';
import { assert, errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import {
  joinPath,
  lstat,
  openForReading,
  readInodeFlags,
  readXattrsOfFd,
  SourcePaths,
  statOfFd,
  type FileStat,
} from '../files/index.ts';
import { encodeEntry, entryRemarks, ListPageBuilder, type TreeEntry } from '../format/index.ts';
import { ChunkList, type ChunkStore } from './chunk-store.ts';
import { entryOfStat, xattrFields, type MutableEntry } from './entry-of-stat.ts';
import type { PackBuilder } from './pack-builder.ts';
import {
  fileOutcomes,
  stateNumbers,
  type FileOutcome,
  type FileProblem,
  type StoreFilesResult,
  type StoreFilesTask,
} from './protocol.ts';

/** A file of this size is worth sharing among the workers. */
const hugeFileBytes = 32 * 1024 * 1024;
/** How often a file that changes under our hands is read again before it is recorded as it is. */
const readAttemptsMax = 3;

export interface StoreFilesContext {
  readonly chunks: ChunkStore;
  readonly packs: PackBuilder;
  /** Stores list pages, which go into tree packs. */
  readonly storeListPage: (page: Uint8Array) => Uint8Array;
  /** Stores extended attributes that are too large for their entry, as a data chunk. */
  readonly storeXattrs: (bytes: Uint8Array) => Uint8Array;
  readonly chunkBytesMin: number;
  /** Throws `Cancelled` if the run is being cut short. */
  readonly checkStopped: () => void;
  /** Called with what was read of huge files, as they are read. */
  readonly tell: (bytes: number) => void;
  /** For files that must be cut; as large as memory allows, at least two of the largest chunks. */
  readonly window: Buffer;
}

interface FileContent {
  readonly inline?: Uint8Array;
  readonly chunks?: ChunkList;
  readonly bytes: number;
}

/** Reads, cuts and stores the files of a task; one bad file stops no other. */
export function storeFiles(task: StoreFilesTask, given: StoreFilesContext): StoreFilesResult {
  let bytesTold = 0;
  const tell = (bytes: number): void => {
    bytesTold += bytes;
    given.tell(bytes);
  };
  const context = { ...given, tell };
  const count = task.names.length;
  const outcomes = new Uint8Array(count);
  const entryLengths = new Uint32Array(count);
  const entries: Uint8Array[] = [];
  const problems: FileProblem[] = [];
  const newBefore = context.chunks.bytesNew;
  let bytesRead = 0;
  for (let file = 0; file < count; file++) {
    const name = task.names[file];
    const directory = task.directories[task.directoryOf[file] ?? 0];
    assert(name !== undefined && directory !== undefined, 'A task of files lacks a name');
    const state = task.states.subarray(file * stateNumbers, (file + 1) * stateNumbers);
    const onBytes = (bytes: number): void => void (bytesRead += bytes);
    let outcome: FileOutcome;
    try {
      const stored = storeFile(joinPath(directory, name), name, state, task, context, onBytes);
      outcome = stored.outcome;
      const encoded = encodeEntry(stored.entry);
      entryLengths[file] = encoded.byteLength;
      entries.push(encoded);
      if (stored.entry.remarks !== undefined) problems.push(changedProblem(file));
    } catch (error) {
      if (isVersionsError(error, 'Cancelled')) {
        outcomes.fill(fileOutcomes.indexOf('skipped'), file);
        break;
      }
      if (!isVersionsError(error, 'Source')) throw error;
      outcome = error.code === 'SOURCE_VANISHED' ? 'vanished' : 'unreadable';
      problems.push({ file, code: error.code, message: error.message });
      const encoded = outcome === 'unreadable' ? unreadableEntry(directory, name, task) : undefined;
      entryLengths[file] = encoded?.byteLength ?? 0;
      if (encoded !== undefined) entries.push(encoded);
    }
    outcomes[file] = fileOutcomes.indexOf(outcome);
  }
  return {
    type: 'store-files',
    outcomes,
    entryLengths,
    entries: concat(entries),
    problems,
    bytesRead,
    bytesTold,
    bytesNew: context.chunks.bytesNew - newBefore,
  };
}

// oxlint-disable-next-line max-params -- one call, in the hot loop
function storeFile(
  path: ByteString,
  name: ByteString,
  scanned: Float64Array,
  task: StoreFilesTask,
  context: StoreFilesContext,
  onBytes: (bytes: number) => void,
): { readonly entry: TreeEntry; readonly outcome: FileOutcome } {
  let fd = openForReading(path);
  try {
    let before: Float64Array = scanned;
    for (let attempt = 1; ; attempt++) {
      const content = readContent(fd, path, before[0] ?? 0, context);
      onBytes(content.bytes);
      const stat = statOfFd(fd, path);
      const after = stateOf(stat);
      const steady = sameNumbers(before, after) && content.bytes === stat.size;
      if (!steady && attempt < readAttemptsMax) {
        // The scan came to what it saw through no symlink. This may be something else: a directory
        // on the way may have become one.
        if (attempt === 1) fd = reopened(fd, path, task);
        before = after;
        continue;
      }
      const entry = contentEntry(entryOfStat(name, stat), content, context);
      if (task.xattrs)
        Object.assign(entry, xattrFields(readXattrsOfFd(fd, path), context.storeXattrs));
      const flags = readInodeFlags(fd);
      if (flags !== undefined) entry.flags = flags;
      if (!steady) entry.remarks = entryRemarks.changedWhileRead;
      // What was opened is what was read, to the end.
      const isOther = after[5] !== scanned[5];
      return { entry, outcome: isOther ? 'replaced' : steady ? 'stored' : 'changed' };
    }
  } finally {
    closeSync(fd);
  }
}

/** Gives the descriptor of what stands there if no symlink is followed on the way. */
function reopened(fd: number, path: ByteString, { asked }: StoreFilesTask): number {
  using paths = new SourcePaths(asked);
  const sure = openForReading(path, paths.at(path));
  closeSync(fd);
  return sure;
}

/** What `StoreFilesTask.states` holds for a file. */
export function stateOf(stat: FileStat): Float64Array {
  return Float64Array.of(
    stat.size,
    stat.mtimeSeconds,
    stat.mtimeNanos,
    stat.ctimeSeconds,
    stat.ctimeNanos,
    Number(stat.ino),
  );
}

function sameNumbers(a: Float64Array, b: Float64Array): boolean {
  for (let at = 0; at < stateNumbers; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Reads all of an open file from its start. */
function readContent(
  fd: number,
  path: ByteString,
  expected: number,
  context: StoreFilesContext,
): FileContent {
  if (expected > context.chunkBytesMin) return readLarge(fd, path, expected, context);
  const room = context.packs.room();
  // One byte more than expected tells in the same call whether the file grew.
  const wanted = expected + 1;
  let filled = 0;
  while (filled < wanted) {
    const count = readAt(fd, path, room, filled, wanted - filled, filled);
    if (count === 0) break;
    filled += count;
    if (filled < wanted && count > 0 && filled === expected) break;
  }
  if (filled > expected) return readLarge(fd, path, filled, context);
  if (filled <= inlineFileBytesMax) {
    return { inline: new Uint8Array(room.subarray(0, filled)), bytes: filled };
  }
  const chunks = new ChunkList();
  chunks.add(context.chunks.storeRoom(room, filled), filled);
  return { chunks, bytes: filled };
}

function readLarge(
  fd: number,
  path: ByteString,
  expected: number,
  context: StoreFilesContext,
): FileContent {
  try {
    return cutLarge(fd, path, expected, context);
  } finally {
    // Also where it could not be read to the end: no block of it may be open when the next begins.
    context.chunks.settle();
  }
}

function cutLarge(
  fd: number,
  path: ByteString,
  expected: number,
  context: StoreFilesContext,
): FileContent {
  const { window } = context;
  const chunks = new ChunkList();
  const huge = expected >= hugeFileBytes;
  let offset = 0;
  let start = 0;
  let end = 0;
  for (;;) {
    context.checkStopped();
    const count = readAt(fd, path, window, end, window.byteLength - end, offset);
    offset += count;
    end += count;
    const last = count === 0;
    if (last && offset <= inlineFileBytesMax && chunks.count === 0) {
      return { inline: new Uint8Array(window.subarray(0, end)), bytes: offset };
    }
    if (end < window.byteLength && !last) continue;
    start = context.chunks.storeRange(window, start, end, { last, huge, chunks });
    if (huge) context.tell(start);
    if (last) return { chunks, bytes: offset };
    window.copyWithin(0, start, end);
    end -= start;
    start = 0;
  }
}

// oxlint-disable-next-line max-params -- a system call with its place for messages
function readAt(
  fd: number,
  path: ByteString,
  target: Buffer,
  at: number,
  length: number,
  position: number,
): number {
  try {
    return readSync(fd, target, at, length, position);
  } catch (error) {
    throw new VersionsError(
      'Source',
      'SOURCE_UNREADABLE',
      `Cannot read ${displayPath(path)}: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}

function contentEntry(
  base: MutableEntry,
  content: FileContent,
  context: StoreFilesContext,
): MutableEntry {
  base.size = content.bytes;
  const { chunks } = content;
  if (chunks === undefined) {
    if (content.bytes > 0 && content.inline) base.inline = content.inline;
  } else if (chunks.count <= entryChunksMax) {
    base.chunks = new Uint8Array(chunks.idBytes());
    if (chunks.count > 1) base.lengths = chunks.lengths;
  } else {
    base.list = chunkListOf(chunks, context);
  }
  return base;
}

function chunkListOf(chunks: ChunkList, context: StoreFilesContext): Uint8Array {
  const pages = new ListPageBuilder(context.storeListPage);
  const ids = chunks.idBytes();
  chunks.lengths.forEach((length, at) => pages.add(ids.subarray(at * 32, at * 32 + 32), length));
  return pages.finish();
}

/** That it was there, for whoever looks for it; undefined if not even that can be told. */
function unreadableEntry(
  directory: ByteString,
  name: ByteString,
  { asked }: StoreFilesTask,
): Buffer | undefined {
  try {
    using paths = new SourcePaths(asked);
    const stat = lstat(paths.at(joinPath(directory, name)));
    if (stat.kind !== 'file') return undefined;
    const remarks = entryRemarks.contentUnreadable;
    return encodeEntry({ ...entryOfStat(name, stat), size: stat.size, remarks });
  } catch {
    // Why the file could not be read was said already.
    return undefined;
  }
}

function changedProblem(file: number): FileProblem {
  return {
    file,
    code: 'SOURCE_CHANGED',
    message: 'The file changed while it was read; it was saved as it was found',
  };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}
