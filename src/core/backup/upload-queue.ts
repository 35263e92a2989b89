import { join } from 'node:path';
import { byteStringOf, type ByteString } from '../base/index.ts';
import { SpoolFile } from '../files/index.ts';
import { fingerprintBytes } from './fingerprint.ts';

/** The classes in the order in which they are uploaded (GridBackup's idea). */
export const priorityCount = 4;

/** A file that waits for a worker. */
export interface QueuedFile {
  readonly directory: ByteString;
  readonly name: ByteString;
  /** As the scan saw the file. */
  readonly fingerprint: Uint8Array;
  readonly size: number;
  /** Changed so lately that a later change might not show. */
  readonly racy: boolean;
}

/** Files of one class that are uploaded together, in tree order. */
export interface QueuedBatch {
  readonly priority: number;
  readonly files: readonly QueuedFile[];
  readonly bytes: number;
}

const batchFilesMax = 256;
const batchBytesMax = 8 * 1024 * 1024;

/**
 * The upload queue, on disk: one list for each class, in tree order, because blocks want
 * neighbours. The scan appends while the upload takes.
 */
export class UploadQueue {
  readonly #lists: readonly SpoolFile[];
  readonly #ahead: (QueuedFile | undefined)[] = [];

  constructor(directory: string) {
    this.#lists = Array.from(
      { length: priorityCount },
      (_, priority) => new SpoolFile(join(directory, `queue-${priority}`)),
    );
  }

  add(priority: number, file: QueuedFile): void {
    const { directory, name, fingerprint, size, racy } = file;
    const record = Buffer.allocUnsafe(16 + directory.length + name.length + fingerprintBytes);
    record.writeUInt32LE(directory.length, 0);
    record.writeUInt16LE(name.length, 4);
    record.writeUInt16LE(Number(racy), 6);
    record.writeDoubleLE(size, 8);
    let at = 16;
    record.write(directory, at, 'latin1');
    at += directory.length;
    record.write(name, at, 'latin1');
    at += name.length;
    record.set(fingerprint, at);
    this.#lists[priority]?.append(record);
  }

  /** Files that no worker has taken yet. */
  get pendingCount(): number {
    return (
      this.#lists.reduce((sum, list) => sum + list.pendingCount, 0) +
      this.#ahead.filter((file) => file !== undefined).length
    );
  }

  /** The next files of the first class that has any; undefined if none waits. */
  take(): QueuedBatch | undefined {
    for (let priority = 0; priority < priorityCount; priority++) {
      const first = this.#next(priority);
      if (first === undefined) continue;
      const files = [first];
      let bytes = first.size;
      while (files.length < batchFilesMax && bytes < batchBytesMax) {
        const file = this.#next(priority);
        if (file === undefined) break;
        if (bytes + file.size > batchBytesMax) {
          this.#ahead[priority] = file;
          break;
        }
        files.push(file);
        bytes += file.size;
      }
      return { priority, files, bytes };
    }
    return undefined;
  }

  remove(): void {
    for (const list of this.#lists) list.remove();
  }

  #next(priority: number): QueuedFile | undefined {
    const ahead = this.#ahead[priority];
    if (ahead !== undefined) {
      this.#ahead[priority] = undefined;
      return ahead;
    }
    const record = this.#lists[priority]?.next();
    if (record === undefined) return undefined;
    const directoryEnd = 16 + record.readUInt32LE(0);
    const nameEnd = directoryEnd + record.readUInt16LE(4);
    // Copied, because the record is only valid until the next one.
    return {
      directory: byteStringOf(record.subarray(16, directoryEnd)),
      name: byteStringOf(record.subarray(directoryEnd, nameEnd)),
      fingerprint: new Uint8Array(record.subarray(nameEnd, nameEnd + fingerprintBytes)),
      size: record.readDoubleLE(8),
      racy: record[6] === 1,
    };
  }
}
