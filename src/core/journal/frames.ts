import { createXXHash3, type IHasher } from 'hash-wasm';

/** The largest record. */
export const journalRecordBytesMax: number = 64 * 1024 * 1024;

/** `u32` length, checksum. */
export const frameHeaderBytes = 12;
export const checksumBytes = 8;

/** A place between two records: where the next one begins, and the checksum of the one before. */
export interface Frontier {
  readonly position: number;
  readonly chain: Uint8Array;
}

/** What a checksum covers besides the record. */
export interface FramePlace extends Frontier {
  readonly generation: Uint8Array;
}

let sharedHasher: Promise<IHasher> | undefined;

/** Computes XXH3-64. One hasher serves all records; making one compiles WebAssembly. */
export class Checksums {
  readonly #hasher: IHasher;
  readonly #prefix: Buffer = Buffer.alloc(36);

  private constructor(hasher: IHasher) {
    this.#hasher = hasher;
  }

  static async create(): Promise<Checksums> {
    // One for all logs of a thread: no checksum is begun before the one before has ended.
    sharedHasher ??= createXXHash3();
    return new Checksums(await sharedHasher);
  }

  /** The checksum of a record at a place: generation ‖ position ‖ chain ‖ length ‖ record. */
  ofRecord(place: FramePlace, record: Uint8Array): Uint8Array {
    const prefix = this.#prefix;
    prefix.set(place.generation, 0);
    prefix.writeUInt32LE(place.position % 2 ** 32, 16);
    prefix.writeUInt32LE(Math.floor(place.position / 2 ** 32), 20);
    prefix.set(place.chain, 24);
    prefix.writeUInt32LE(record.length, 32);
    return this.#hasher.init().update(prefix).update(record).digest('binary');
  }

  of(bytes: Uint8Array): Uint8Array {
    return this.#hasher.init().update(bytes).digest('binary');
  }
}

/** Bytes that one allocation of the buffer holds, and that one write hands over at a time. */
export const batchBytes: number = 1024 * 1024;

/** Frames that were appended and not yet written. */
export class PendingFrames {
  #full: Buffer[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #fill = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(record: Uint8Array, checksum: Uint8Array): void {
    const frameBytes = frameHeaderBytes + record.length;
    if (this.#fill + frameBytes > this.#buffer.length) {
      if (this.#fill > 0) this.#full.push(this.#buffer.subarray(0, this.#fill));
      this.#buffer = Buffer.allocUnsafe(Math.max(batchBytes, frameBytes));
      this.#fill = 0;
    }
    this.#buffer.writeUInt32LE(record.length, this.#fill);
    this.#buffer.set(checksum, this.#fill + 4);
    this.#buffer.set(record, this.#fill + frameHeaderBytes);
    this.#fill += frameBytes;
    this.#bytes += frameBytes;
  }

  /** The frames' bytes in order; valid until the next `add` or `reset`. */
  chunks(): readonly Buffer[] {
    return this.#fill === 0 ? this.#full : [...this.#full, this.#buffer.subarray(0, this.#fill)];
  }

  /** Copies of the records. */
  records(): readonly Uint8Array[] {
    const records: Uint8Array[] = [];
    for (const chunk of this.chunks()) {
      for (let at = 0; at < chunk.length;) {
        const end = at + frameHeaderBytes + chunk.readUInt32LE(at);
        records.push(Uint8Array.prototype.slice.call(chunk, at + frameHeaderBytes, end));
        at = end;
      }
    }
    return records;
  }

  reset(): void {
    this.#full = [];
    // The buffer is used again, unless one large record made it large.
    if (this.#buffer.length > batchBytes) this.#buffer = Buffer.alloc(0);
    this.#fill = 0;
    this.#bytes = 0;
  }
}
