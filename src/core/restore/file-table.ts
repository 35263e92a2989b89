import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { byteStringOf, type ByteString } from '../base/index.ts';
import { assert } from '../errors/index.ts';

const memoryBytesMax = 4 * 1024 * 1024;
/** Only where every so-many-th entry begins is kept in memory: the others are found from there. */
const groupEntries = 16;
/** path length, entry length, extra length, number of writes, state */
const headerBytes = 17;
const nothing = new Uint8Array(0);

export interface TableEntry {
  /** Relative to the target. */
  readonly path: ByteString;
  /** The encoded tree entry, or whatever else belongs to the path. */
  readonly entry: Uint8Array;
  /** Whatever does not stand in the entry. */
  readonly extra: Uint8Array;
  /** How many chunks are to be written. */
  readonly writes: number;
  /** A number below 256 that the caller gives a meaning. */
  readonly state: number;
}

/**
 * Paths and entries by number, in the order they were added: in memory while they are few, beyond
 * that on disk. Takes half a byte of memory for each however many there are.
 */
export class FileTable {
  readonly #path: string;
  readonly #memoryBytesMax: number;
  #fd: number | undefined;
  #flushed = 0;
  #memory: Buffer;
  #used = 0;
  #groups: Float64Array = new Float64Array(64);
  #count = 0;
  /** The group that was read last: neighbours are wanted next. */
  #window: { readonly group: number; readonly bytes: Buffer } | undefined;

  /** `path`: a file that does not exist; it is made when memory is not enough. */
  constructor(path: string, bytesMax: number = memoryBytesMax) {
    this.#path = path;
    this.#memoryBytesMax = bytesMax;
    this.#memory = Buffer.allocUnsafe(Math.min(64 * 1024, bytesMax));
  }

  get count(): number {
    return this.#count;
  }

  /** Returns the number of the entry. */
  add(path: ByteString, entry: Uint8Array, more: Partial<TableEntry> = {}): number {
    const { extra = nothing, writes = 0, state = 0 } = more;
    const bytes = headerBytes + path.length + entry.byteLength + extra.byteLength;
    if (this.#used + bytes > this.#memory.byteLength) this.#makeRoom(bytes);
    if (this.#count % groupEntries === 0) this.#beginGroup(this.#flushed + this.#used);
    const memory = this.#memory;
    let at = this.#used;
    memory.writeUInt32LE(path.length, at);
    memory.writeUInt32LE(entry.byteLength, at + 4);
    memory.writeUInt32LE(extra.byteLength, at + 8);
    memory.writeUInt32LE(writes, at + 12);
    memory.writeUInt8(state, at + 16);
    at += headerBytes;
    memory.write(path, at, 'latin1');
    memory.set(entry, at + path.length);
    memory.set(extra, at + path.length + entry.byteLength);
    this.#used += bytes;
    return this.#count++;
  }

  /** What it gives stays as it is, also when more is added. */
  at(number: number): TableEntry {
    assert(number < this.#count, 'There is no such entry in the table');
    const group = Math.floor(number / groupEntries);
    const bytes = this.#groupBytes(group);
    let at = 0;
    for (let skip = number % groupEntries; skip > 0; skip--) at = endOf(bytes, at);
    const path = at + headerBytes;
    const entry = path + bytes.readUInt32LE(at);
    const extra = entry + bytes.readUInt32LE(at + 4);
    return {
      path: byteStringOf(bytes.subarray(path, entry)),
      entry: bytes.subarray(entry, extra),
      extra: bytes.subarray(extra, endOf(bytes, at)),
      writes: bytes.readUInt32LE(at + 12),
      state: bytes.readUInt8(at + 16),
    };
  }

  remove(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(this.#path, { force: true });
  }

  #beginGroup(offset: number): void {
    const group = this.#count / groupEntries;
    if (group === this.#groups.length) {
      const larger = new Float64Array(group * 2);
      larger.set(this.#groups);
      this.#groups = larger;
    }
    this.#groups[group] = offset;
  }

  #groupBytes(group: number): Buffer {
    if (this.#window?.group === group) return this.#window.bytes;
    const isLast = (group + 1) * groupEntries >= this.#count;
    const end = isLast ? this.#flushed + this.#used : (this.#groups[group + 1] ?? 0);
    const bytes = this.#read(this.#groups[group] ?? 0, end);
    // More may still be added to the last one.
    if (!isLast) this.#window = { group, bytes };
    return bytes;
  }

  /** A part may be on disk and the rest in memory. */
  #read(from: number, to: number): Buffer {
    const bytes = Buffer.allocUnsafe(to - from);
    const onDisk = Math.max(Math.min(to, this.#flushed) - from, 0);
    let filled = 0;
    while (filled < onDisk) {
      const count = readSync(this.#fd ?? -1, bytes, filled, onDisk - filled, from + filled);
      assert(count > 0, 'The restore plan on disk became shorter');
      filled += count;
    }
    if (onDisk < bytes.byteLength) {
      const begin = Math.max(from - this.#flushed, 0);
      this.#memory.copy(bytes, onDisk, begin, to - this.#flushed);
    }
    return bytes;
  }

  #makeRoom(bytes: number): void {
    const wanted = this.#used + bytes;
    if (wanted <= this.#memoryBytesMax) {
      const larger = Buffer.allocUnsafe(
        Math.min(Math.max(this.#memory.byteLength * 2, wanted), this.#memoryBytesMax),
      );
      larger.set(this.#memory.subarray(0, this.#used));
      this.#memory = larger;
      return;
    }
    this.#fd ??= openSync(this.#path, 'wx+', 0o600);
    let written = 0;
    while (written < this.#used) {
      const rest = this.#used - written;
      written += writeSync(this.#fd, this.#memory, written, rest, this.#flushed + written);
    }
    this.#flushed += this.#used;
    this.#used = 0;
    if (bytes > this.#memory.byteLength) this.#memory = Buffer.allocUnsafe(bytes);
  }
}

/** Where the record at `at` ends. */
function endOf(bytes: Buffer, at: number): number {
  const lengths = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) + bytes.readUInt32LE(at + 8);
  return at + headerBytes + lengths;
}
