import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { byteStringOf, type ByteString } from '../base/index.ts';
import { assert } from '../errors/index.ts';

const memoryBytesMax = 32 * 1024 * 1024;

export interface TableEntry {
  /** Relative to the target. */
  readonly path: ByteString;
  /** The encoded tree entry. */
  readonly entry: Uint8Array;
}

/**
 * Paths and entries by number, in the order they were added: in memory while they are few, beyond
 * that on disk. Takes eight bytes of memory for each either way.
 */
export class FileTable {
  readonly #path: string;
  #fd: number | undefined;
  #flushed = 0;
  #memory: Buffer = Buffer.allocUnsafe(64 * 1024);
  #used = 0;
  #offsets: Float64Array = new Float64Array(1024);
  #count = 0;

  /** `path`: a file that does not exist; it is made when memory is not enough. */
  constructor(path: string) {
    this.#path = path;
  }

  get count(): number {
    return this.#count;
  }

  /** Returns the number of the entry. */
  add(path: ByteString, entry: Uint8Array): number {
    const bytes = 8 + path.length + entry.byteLength;
    if (this.#used + bytes > this.#memory.byteLength) this.#makeRoom(bytes);
    if (this.#count === this.#offsets.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#offsets);
      this.#offsets = larger;
    }
    this.#offsets[this.#count] = this.#flushed + this.#used;
    this.#memory.writeUInt32LE(path.length, this.#used);
    this.#memory.writeUInt32LE(entry.byteLength, this.#used + 4);
    this.#memory.write(path, this.#used + 8, 'latin1');
    this.#memory.set(entry, this.#used + 8 + path.length);
    this.#used += bytes;
    return this.#count++;
  }

  at(number: number): TableEntry {
    assert(number < this.#count, 'There is no such entry in the table');
    const offset = this.#offsets[number] ?? 0;
    const next =
      number + 1 < this.#count ? (this.#offsets[number + 1] ?? 0) : this.#flushed + this.#used;
    const record = this.#read(offset, next - offset);
    const pathEnd = 8 + record.readUInt32LE(0);
    return { path: byteStringOf(record.subarray(8, pathEnd)), entry: record.subarray(pathEnd) };
  }

  remove(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(this.#path, { force: true });
  }

  #read(offset: number, length: number): Buffer {
    if (offset >= this.#flushed) {
      const from = offset - this.#flushed;
      return this.#memory.subarray(from, from + length);
    }
    const record = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const count = readSync(this.#fd ?? -1, record, filled, length - filled, offset + filled);
      assert(count > 0, 'The restore plan on disk became shorter');
      filled += count;
    }
    return record;
  }

  #makeRoom(bytes: number): void {
    if (this.#memory.byteLength < memoryBytesMax) {
      const larger = Buffer.allocUnsafe(Math.max(this.#memory.byteLength * 2, this.#used + bytes));
      larger.set(this.#memory.subarray(0, this.#used));
      this.#memory = larger;
      return;
    }
    this.#fd ??= openSync(this.#path, 'wx+', 0o600);
    let written = 0;
    while (written < this.#used) {
      written += writeSync(
        this.#fd,
        this.#memory,
        written,
        this.#used - written,
        this.#flushed + written,
      );
    }
    this.#flushed += this.#used;
    // A new buffer: entries that were handed out still point into the old one.
    this.#memory = Buffer.allocUnsafe(Math.max(memoryBytesMax, bytes));
    this.#used = 0;
  }
}
