import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import type { ChunkLocation } from '../workers/index.ts';

/** One place in one file that a chunk goes to. */
export interface ChunkUse {
  readonly location: ChunkLocation;
  readonly file: number;
  readonly fileOffset: number;
  /** The whole id, to check the chunk by. */
  readonly id: Uint8Array;
}

const recordBytes = 64;
const runRecordsDefault = 128 * 1024;
const windowRecords = 1024;

/**
 * All uses of chunks by the files of a restore, sorted by pack and block, so that each block is
 * read and decoded once. Small plans stay in memory; larger ones are sorted in runs on disk and
 * merged while they are read.
 */
export class ChunkUses {
  readonly #path: string;
  readonly #runRecords: number;
  readonly #runs: { readonly offset: number; readonly count: number }[] = [];
  #fd: number | undefined;
  #fileBytes = 0;
  #run: Buffer;
  #count = 0;

  /** `path`: a file that does not exist; it is made if the plan outgrows memory. */
  constructor(path: string, runRecords: number = runRecordsDefault) {
    this.#path = path;
    this.#runRecords = runRecords;
    this.#run = Buffer.allocUnsafe(Math.min(runRecords, 4096) * recordBytes);
  }

  /** How many were added. */
  get count(): number {
    return this.#runs.reduce((sum, run) => sum + run.count, this.#count);
  }

  add(location: ChunkLocation, file: number, fileOffset: number, id: Uint8Array): void {
    if (this.#count === this.#runRecords) this.#spill();
    if ((this.#count + 1) * recordBytes > this.#run.byteLength) this.#grow();
    const at = this.#count * recordBytes;
    const run = this.#run;
    run.writeUInt32LE(location.pack, at);
    run.writeUInt32LE(location.block, at + 4);
    run.writeUInt32LE(location.offset, at + 8);
    run.writeUInt32LE(location.length, at + 12);
    run.writeUInt32LE(file, at + 16);
    run.writeDoubleLE(fileOffset, at + 24);
    run.set(id, at + 32);
    this.#count += 1;
  }

  /** The uses, ascending by pack and block, and within a block in the order they were added. */
  *sorted(): Generator<ChunkUse> {
    if (this.#fd === undefined) {
      const order = sortedOrder(this.#run, this.#count);
      for (const number of order) yield decode(this.#run, number * recordBytes);
      return;
    }
    if (this.#count > 0) this.#spill();
    const readers = this.#runs.map((run) => new RunReader(this.#fd ?? -1, run.offset, run.count));
    for (;;) {
      let best: RunReader | undefined;
      for (const reader of readers) {
        if (reader.key !== undefined && (best?.key === undefined || reader.key < best.key))
          best = reader;
      }
      if (best === undefined) return;
      yield best.take();
    }
  }

  remove(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(this.#path, { force: true });
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(
      Math.min(this.#run.byteLength * 2, this.#runRecords * recordBytes),
    );
    larger.set(this.#run.subarray(0, this.#count * recordBytes));
    this.#run = larger;
  }

  #spill(): void {
    this.#fd ??= openSync(this.#path, 'wx+', 0o600);
    const sorted = Buffer.allocUnsafe(this.#count * recordBytes);
    let at = 0;
    for (const number of sortedOrder(this.#run, this.#count)) {
      this.#run.copy(sorted, at, number * recordBytes, (number + 1) * recordBytes);
      at += recordBytes;
    }
    this.#runs.push({ offset: this.#fileBytes, count: this.#count });
    let written = 0;
    while (written < sorted.byteLength) {
      const rest = sorted.byteLength - written;
      written += writeSync(this.#fd, sorted, written, rest, this.#fileBytes + written);
    }
    this.#fileBytes += sorted.byteLength;
    this.#count = 0;
  }
}

class RunReader {
  readonly #fd: number;
  #offset: number;
  #left: number;
  #window: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Pack and block of the next record as one number; undefined at the end of the run. */
  key: number | undefined;

  constructor(fd: number, offset: number, count: number) {
    this.#fd = fd;
    this.#offset = offset;
    this.#left = count;
    this.#advance();
  }

  take(): ChunkUse {
    const use = decode(this.#window, this.#at);
    this.#at += recordBytes;
    this.#advance();
    return use;
  }

  #advance(): void {
    if (this.#at === this.#window.byteLength) {
      const count = Math.min(this.#left, windowRecords);
      if (count === 0) {
        this.key = undefined;
        return;
      }
      // A fresh window: records handed out still point into the old one.
      this.#window = Buffer.allocUnsafe(count * recordBytes);
      let filled = 0;
      while (filled < this.#window.byteLength) {
        const rest = this.#window.byteLength - filled;
        const read = readSync(this.#fd, this.#window, filled, rest, this.#offset + filled);
        if (read === 0) throw new RangeError('The restore plan on disk became shorter');
        filled += read;
      }
      this.#offset += this.#window.byteLength;
      this.#left -= count;
      this.#at = 0;
    }
    this.key = keyOf(this.#window, this.#at);
  }
}

/** Pack numbers have at most 32 bits and block numbers 16: together exact in a double. */
function keyOf(records: Buffer, at: number): number {
  return records.readUInt32LE(at) * 65536 + records.readUInt32LE(at + 4);
}

/** Positions of the records in ascending order of their keys; equal keys keep their order. */
function sortedOrder(records: Buffer, count: number): Uint32Array {
  const keys = new Float64Array(count);
  const order = new Uint32Array(count);
  let ascending = true;
  for (let number = 0; number < count; number++) {
    keys[number] = keyOf(records, number * recordBytes);
    order[number] = number;
    if (number > 0 && (keys[number] ?? 0) < (keys[number - 1] ?? 0)) ascending = false;
  }
  if (ascending) return order;
  return order.sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0) || a - b);
}

function decode(records: Buffer, at: number): ChunkUse {
  return {
    location: {
      pack: records.readUInt32LE(at),
      block: records.readUInt32LE(at + 4),
      offset: records.readUInt32LE(at + 8),
      length: records.readUInt32LE(at + 12),
    },
    file: records.readUInt32LE(at + 16),
    fileOffset: records.readDoubleLE(at + 24),
    id: records.subarray(at + 32, at + 64),
  };
}
