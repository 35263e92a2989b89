import { closeSync, ftruncateSync, writeSync } from 'node:fs';
import { bytesEqual, isZero, releaseMemory } from '../base/index.ts';
import { BlockDecompressor } from '../compression/index.ts';
import { openInto, type RepositoryKeys } from '../crypto/index.ts';
import { isVersionsError } from '../errors/index.ts';
import {
  applyMetadataToFd,
  RestoreTarget,
  targetError,
  type TargetMetadata,
} from '../files/index.ts';
import { blockAad, decodeEntry, decodeObjectHeader, type TreeEntry } from '../format/index.ts';
import {
  writeNumbers,
  type BlockPlace,
  type RestoreFile,
  type RestoreResult,
  type RestoreSettings,
  type RestoreTask,
} from './protocol.ts';

/** Files of which parts are still to come stay open, up to so many. */
const openFilesMax = 64;
/** Runs of zeros of this length in a sparse file become holes. */
const holeBytes = 4096;

/** A file during one task. */
interface TaskFile {
  readonly file: RestoreFile;
  readonly entry: TreeEntry;
  left: number;
  fd: number | undefined;
  failed: boolean;
}

/** Decodes blocks, checks every chunk against its id, and writes it to the files it belongs to. */
export class RestoreWriter {
  readonly #keys: RepositoryKeys;
  readonly #settings: RestoreSettings;
  readonly #blocks: BlockDecompressor = new BlockDecompressor();
  /** The block of the moment, decrypted; kept for the next one. */
  #opened: Buffer = Buffer.alloc(0);
  readonly target: RestoreTarget;
  /** Descriptors of files that later tasks write to as well. */
  readonly #open: Map<string, number> = new Map();

  constructor(keys: RepositoryKeys, settings: RestoreSettings) {
    this.#keys = keys;
    this.#settings = settings;
    this.target = RestoreTarget.open(settings.root, undefined, settings.system);
  }

  run(task: RestoreTask): RestoreResult {
    const files = task.files.map((file): TaskFile => ({
      file,
      entry: decodeEntry(file.entry),
      left: 0,
      fd: undefined,
      failed: false,
    }));
    const result = {
      badBlocks: [] as number[],
      failures: [] as RestoreResult['failures'][number][],
      misses: [] as RestoreResult['misses'][number][],
      bytesWritten: 0,
    };
    for (let at = 3; at < task.writes.length; at += writeNumbers) {
      const file = files[task.writes[at] ?? -1];
      if (file) file.left += 1;
    }
    files.forEach((file, number) => {
      if (file.left === 0)
        this.#attempt(file, number, result, () => this.#finish(file, number, result));
    });
    let write = 0;
    const writeCount = task.writes.length / writeNumbers;
    task.blocks.forEach((block, blockNumber) => {
      let end = write;
      while (end < writeCount && task.writes[end * writeNumbers] === blockNumber) end += 1;
      const plain = this.#decode(task, block);
      const good = plain !== undefined && this.#check(task, plain, write, end);
      if (!good) result.badBlocks.push(blockNumber);
      else for (let at = write; at < end; at++) this.#write(task, plain, at, files, result);
      write = end;
    });
    // A damaged block leaves files unfinished: another task brings it from another mirror.
    for (const file of files) {
      if (file.fd !== undefined) this.#keepOpen(file.file.path, file.fd);
    }
    return { type: 'restore', ...result };
  }

  /** What it returns is valid until the next call. */
  #decode(task: RestoreTask, block: BlockPlace): Uint8Array | undefined {
    try {
      const header = decodeObjectHeader(task.packHeader);
      const purpose = header.kind === 'data-pack' ? 'data' : 'trees';
      const key = this.#keys.sealingKey(purpose, header.epoch, header.salt);
      const sealed = task.bytes.subarray(block.at, block.at + block.storedBytes);
      if (this.#opened.byteLength < sealed.byteLength) {
        releaseMemory(this.#opened);
        this.#opened = Buffer.allocUnsafeSlow(sealed.byteLength);
      }
      const aad = blockAad(task.packHeader, block.position);
      const encoded = openInto(key, block.position, aad, sealed, this.#opened);
      return this.#blocks.decompress(block.codec, encoded, block.plainBytes);
    } catch (error) {
      if (isVersionsError(error, 'Corrupt')) return undefined;
      throw error;
    }
  }

  /** Every chunk of the block that is wanted must have its id before any of them is written. */
  #check(task: RestoreTask, plain: Uint8Array, from: number, to: number): boolean {
    let checkedAt = -1;
    for (let write = from; write < to; write++) {
      const at = write * writeNumbers;
      const offset = task.writes[at + 1] ?? 0;
      const id = task.ids.subarray(write * 32, write * 32 + 32);
      // A chunk that goes to many files is hashed once.
      if (offset === checkedAt && bytesEqual(id, task.ids.subarray(write * 32 - 32, write * 32)))
        continue;
      const chunk = plain.subarray(offset, offset + (task.writes[at + 2] ?? 0));
      if (!bytesEqual(this.#keys.ids.idOf(0, chunk), id)) return false;
      checkedAt = offset;
    }
    return true;
  }

  // oxlint-disable-next-line max-params -- private, in the hot loop
  #write(
    task: RestoreTask,
    plain: Uint8Array,
    write: number,
    files: readonly TaskFile[],
    result: Results,
  ): void {
    const at = write * writeNumbers;
    const offset = task.writes[at + 1] ?? 0;
    const chunk = plain.subarray(offset, offset + (task.writes[at + 2] ?? 0));
    const number = task.writes[at + 3] ?? -1;
    const file = files[number];
    if (file === undefined || file.failed) return;
    this.#attempt(file, number, result, () => {
      file.fd ??= this.#openFile(file.file);
      writeContent(
        file.fd,
        chunk,
        task.writes[at + 4] ?? 0,
        file.entry.sparse === true && file.file.state !== 'present',
      );
      result.bytesWritten += chunk.byteLength;
      file.left -= 1;
      if (file.left === 0) this.#finish(file, number, result);
    });
  }

  /** A file that cannot be written is told and stops no other. */
  #attempt(file: TaskFile, number: number, result: Results, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (isVersionsError(error, 'Internal')) throw error;
      file.failed = true;
      this.#close(file);
      const { code, message } = targetError(error, file.file.path, 'write');
      result.failures.push({ file: number, code, message });
    }
  }

  #openFile(file: RestoreFile): number {
    const known = this.#open.get(file.path);
    if (known !== undefined) {
      this.#open.delete(file.path);
      return known;
    }
    const options = file.state !== 'absent' ? { inPlaceIfOwnedBy: this.#settings.ownUid } : {};
    return this.target.openForWriting(file.path, options).fd;
  }

  /** All writes of the task are done: the file is complete, or others go on with it. */
  #finish(file: TaskFile, number: number, result: Results): void {
    const { entry } = file;
    if (!file.file.complete) {
      if (file.fd !== undefined) this.#keepOpen(file.file.path, file.fd);
      file.fd = undefined;
      return;
    }
    const metadata = metadataOf(entry, file.file.xattrs, this.#settings);
    const options = { owner: this.#settings.owner, xattrs: true };
    const { path } = file.file;
    const misses =
      file.file.state === 'same'
        ? this.target.applyMetadata(path, metadata, options)
        : applyMetadataToFd(this.#finishContent(file, result), path, metadata, options);
    this.#close(file);
    for (const { part, detail } of misses) result.misses.push({ file: number, part, detail });
  }

  /** Writes what needs no chunk, and sets the length; returns the descriptor, still open. */
  #finishContent(file: TaskFile, result: Results): number {
    const { entry } = file;
    file.fd ??= this.#openFile(file.file);
    if (entry.inline) {
      writeContent(file.fd, entry.inline, 0, false);
      result.bytesWritten += entry.inline.byteLength;
    }
    if (file.file.state !== 'absent' || entry.sparse === true) ftruncateSync(file.fd, entry.size);
    return file.fd;
  }

  #keepOpen(path: string, fd: number): void {
    this.#open.set(path, fd);
    for (const [oldest, oldestFd] of this.#open) {
      if (this.#open.size <= openFilesMax) break;
      closeSync(oldestFd);
      this.#open.delete(oldest);
    }
  }

  #close(file: TaskFile): void {
    if (file.fd === undefined) return;
    closeSync(file.fd);
    file.fd = undefined;
  }
}

interface Results {
  readonly failures: RestoreResult['failures'][number][];
  readonly misses: RestoreResult['misses'][number][];
  bytesWritten: number;
}

/** What an entry gives a file on this machine. */
export function metadataOf(
  entry: TreeEntry,
  xattrs: RestoreFile['xattrs'],
  settings: Pick<RestoreSettings, 'uids' | 'gids'>,
): TargetMetadata {
  return {
    kind: entry.kind,
    mode: entry.mode,
    mtimeSeconds: entry.mtimeSeconds,
    mtimeNanos: entry.mtimeNanos,
    uid: settings.uids.get(entry.uid) ?? entry.uid,
    gid: settings.gids.get(entry.gid) ?? entry.gid,
    xattrs: xattrs ?? entry.xattrs,
  };
}

/** Writes all of `bytes` at `offset`; in a sparse file long runs of zeros are left out. */
function writeContent(fd: number, bytes: Uint8Array, offset: number, sparse: boolean): void {
  if (!sparse) return writeAll(fd, bytes, offset);
  let from = 0;
  while (from < bytes.byteLength) {
    const end = Math.min(from + holeBytes, bytes.byteLength);
    const piece = bytes.subarray(from, end);
    if (!isZero(piece)) writeAll(fd, piece, offset + from);
    from = end;
  }
}

function writeAll(fd: number, bytes: Uint8Array, offset: number): void {
  let written = 0;
  while (written < bytes.byteLength) {
    written += writeSync(fd, bytes, written, bytes.byteLength - written, offset + written);
  }
}
