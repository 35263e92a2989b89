import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { asBuffer } from '../base/index.ts';
import { assert } from '../errors/index.ts';

const bufferBytes = 256 * 1024;

/**
 * A first-in first-out list of byte records that lives on disk when it is long and never touches
 * the disk when it is short: the upload queue, the scan's events, the restore plan. One writer and
 * one reader in the same process; the reader may follow while the writer goes on. Not durable:
 * what must survive a crash belongs into a journal.
 */
export class SpoolFile {
  readonly #path: string;
  #fd: number | undefined;
  /** Bytes that are in the file. */
  #flushed = 0;
  #tail: Buffer = Buffer.allocUnsafe(bufferBytes);
  #tailBytes = 0;
  /** Where the reader is, counted over file and tail. */
  #readAt = 0;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;
  #pending = 0;

  /** `path`: a file that does not exist; it is made when the list outgrows memory. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Records that were appended and not yet read. */
  get pendingCount(): number {
    return this.#pending;
  }

  append(record: Uint8Array): void {
    const bytes = record.byteLength + 4;
    if (this.#tailBytes + bytes > this.#tail.byteLength) this.#flush(bytes);
    this.#tail.writeUInt32LE(record.byteLength, this.#tailBytes);
    this.#tail.set(record, this.#tailBytes + 4);
    this.#tailBytes += bytes;
    this.#pending += 1;
  }

  /** The next record, or undefined if the reader has caught up. Valid until the next call. */
  next(): Buffer | undefined {
    if (this.#pending === 0) return undefined;
    const length = this.#look(4).readUInt32LE(0);
    this.#readAt += 4;
    const record = this.#look(length);
    this.#readAt += length;
    this.#pending -= 1;
    return record;
  }

  /** Closes and deletes the file. */
  remove(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(this.#path, { force: true });
  }

  #flush(roomFor: number): void {
    this.#fd ??= openSync(this.#path, 'wx+', 0o600);
    let written = 0;
    while (written < this.#tailBytes) {
      written += writeSync(
        this.#fd,
        this.#tail,
        written,
        this.#tailBytes - written,
        this.#flushed + written,
      );
    }
    this.#flushed += this.#tailBytes;
    this.#tailBytes = 0;
    if (roomFor > this.#tail.byteLength) this.#tail = Buffer.allocUnsafe(roomFor);
  }

  /** `length` bytes at the reader's place. */
  #look(length: number): Buffer {
    if (this.#readAt >= this.#flushed) {
      const from = this.#readAt - this.#flushed;
      return this.#tail.subarray(from, from + length);
    }
    const inWindow = this.#readAt - this.#windowAt;
    if (inWindow < 0 || inWindow + length > this.#window.byteLength) this.#fillWindow(length);
    const from = this.#readAt - this.#windowAt;
    return this.#window.subarray(from, from + length);
  }

  #fillWindow(length: number): void {
    assert(this.#fd !== undefined, 'A spool file that was removed is read');
    const wanted = Math.min(Math.max(length, bufferBytes), this.#flushed - this.#readAt);
    assert(wanted >= length, 'A spool record lies across the end of its file');
    // A fresh buffer each time: records handed out before still point into the old one.
    const window = Buffer.allocUnsafe(wanted);
    let filled = 0;
    while (filled < wanted) {
      const count = readSync(this.#fd, window, filled, wanted - filled, this.#readAt + filled);
      assert(count > 0, `The spool file ${this.#path} became shorter`);
      filled += count;
    }
    this.#window = asBuffer(window);
    this.#windowAt = this.#readAt;
  }
}
