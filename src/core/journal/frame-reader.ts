import { bytesEqual } from '../base/index.ts';
import {
  batchBytes,
  type Checksums,
  checksumBytes,
  frameHeaderBytes,
  type Frontier,
  journalRecordBytesMax,
} from './frames.ts';
import type { LogFile } from './log-file.ts';

/**
 * Reads the records of a log from one place on, as far as they are whole and in their order. Holds
 * about 1 MiB, or one record if that is larger.
 */
export class FrameReader {
  readonly #file: LogFile;
  readonly #checksums: Checksums;
  readonly #generation: Uint8Array;
  readonly #end: number;
  #frontier: Frontier;
  #buffer: Buffer = Buffer.alloc(0);
  #fill = 0;
  /** Bytes at the front of the buffer that were handed out; what follows stands at the frontier. */
  #taken = 0;

  constructor(
    file: LogFile,
    checksums: Checksums,
    range: { readonly generation: Uint8Array; readonly from: Frontier; readonly end: number },
  ) {
    this.#file = file;
    this.#checksums = checksums;
    this.#generation = range.generation;
    this.#frontier = range.from;
    this.#end = range.end;
  }

  /** Behind the last record that was read. */
  get frontier(): Frontier {
    return this.#frontier;
  }

  /**
   * The next records, at least one; undefined if there is none that is whole. They are views that
   * hold until the next call.
   */
  async next(): Promise<readonly Uint8Array[] | undefined> {
    if (!(await this.#fillFor(frameHeaderBytes))) return undefined;
    const length = this.#buffer.readUInt32LE(0);
    if (length > journalRecordBytesMax) return undefined;
    if (!(await this.#fillFor(frameHeaderBytes + length))) return undefined;
    const records = this.#parse();
    return records.length === 0 ? undefined : records;
  }

  /** Takes all whole records that the buffer holds, and leaves the frontier behind them. */
  #parse(): readonly Uint8Array[] {
    const records: Uint8Array[] = [];
    const begin = this.#frontier.position;
    let at = 0;
    while (at + frameHeaderBytes <= this.#fill) {
      const length = this.#buffer.readUInt32LE(at);
      const end = at + frameHeaderBytes + length;
      if (length > journalRecordBytesMax || end > this.#fill) break;
      const record = this.#buffer.subarray(at + frameHeaderBytes, end);
      const { position, chain } = this.#frontier;
      const checksum = this.#checksums.ofRecord(
        { generation: this.#generation, position, chain },
        record,
      );
      const stored = this.#buffer.subarray(at + 4, at + 4 + checksumBytes);
      if (!bytesEqual(stored, checksum)) break;
      records.push(record);
      this.#frontier = { position: begin + end, chain: checksum };
      at = end;
    }
    this.#taken = at;
    return records;
  }

  /** Sees to it that the buffer holds `bytes` from the frontier on; false if the log ends before. */
  async #fillFor(bytes: number): Promise<boolean> {
    if (this.#taken > 0) {
      this.#buffer.copy(this.#buffer, 0, this.#taken, this.#fill);
      this.#fill -= this.#taken;
      this.#taken = 0;
    }
    if (this.#fill >= bytes) return true;
    const { position } = this.#frontier;
    const left = this.#end - position;
    if (left < bytes) return false;
    const size = Math.max(bytes, Math.min(batchBytes, left));
    // Back to the usual size too, once a large record has passed.
    if (this.#buffer.length < size || this.#buffer.length > 2 * size) this.#resize(size);
    const target = this.#buffer.subarray(this.#fill, Math.min(this.#buffer.length, left));
    this.#fill += await this.#file.read(target, position + this.#fill);
    return this.#fill >= bytes;
  }

  #resize(size: number): void {
    const larger = Buffer.allocUnsafe(size);
    this.#buffer.copy(larger, 0, 0, this.#fill);
    this.#buffer = larger;
  }
}
