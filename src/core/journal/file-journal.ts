import { bytesEqual, type Random, systemRandom } from '../base/index.ts';
import { assert, type VersionsError } from '../errors/index.ts';
import {
  batchBytes,
  type Checksums,
  frameHeaderBytes,
  type Frontier,
  journalRecordBytesMax,
  PendingFrames,
} from './frames.ts';
import { journalChanged, journalError } from './journal-errors.ts';
import type { Journal } from './journal.ts';
import { diskIo, type JournalIo, type LogFile, type LogLock } from './log-file.ts';
import { openLog, type OpenedLog } from './open-log.ts';
import { type LogRange, streamRecords } from './record-stream.ts';
import {
  encodeSlot,
  generationBytes,
  headerBytes,
  noChain,
  readSlots,
  type Slot,
  writeSlot,
} from './slots.ts';

export interface JournalOptions {
  /** Only `records` may be called; needs no lock and works beside a writer. */
  readonly readOnly?: boolean | undefined;
  readonly random?: Random | undefined;
  readonly io?: JournalIo | undefined;
}

/** What `flush` and `clear` drop: everything up to a place, if the log is still the same one. */
interface Snapshot {
  readonly generation: Uint8Array;
  readonly end: Frontier;
  /** Records of this generation up to there, cleared ones included. */
  readonly appended: number;
}

/**
 * The journal in a file. Appends go to a buffer and from there in large writes to the file; syncs,
 * clears and the ends of flushes run one after another, and appends never wait for them.
 */
export class FileJournal implements Journal {
  readonly path: string;
  readonly bytesCut: number;
  readonly #file: LogFile;
  readonly #lock: LogLock | undefined;
  readonly #checksums: Checksums;
  readonly #random: Random;

  /** As it stands in the file. */
  #slot: Slot;
  #slotIndex: number;
  /** The slot was written, and no sync has ended since. */
  #slotIsFresh: boolean;
  /** Of the log as seen by `append`: ahead of the slot's while a clear is on its way. */
  #generation: Uint8Array;
  #start: Frontier;
  #end: Frontier;
  /** Frames before this position were handed to the operating system, … */
  #written: number;
  /** … and before this one they survive a power cut. */
  #synced: number;
  readonly #pending: PendingFrames = new PendingFrames();
  /** Records of this generation: appended, and of those cleared. */
  #appended: number;
  #dropped = 0;

  /** While a clear is on its way the old records must stay in the file: nothing may be written. */
  #holdsWrites = false;
  #isFlushing = false;
  #isClosed = false;
  /** Set once nothing may be written any more. */
  #failure: VersionsError | undefined;
  #lastTask: Promise<unknown> = Promise.resolve();
  #nextSync: Promise<void> | undefined;

  private constructor(path: string, log: OpenedLog, lock: LogLock | undefined, random: Random) {
    this.path = path;
    this.bytesCut = log.bytesCut;
    this.#file = log.file;
    this.#checksums = log.checksums;
    this.#lock = lock;
    this.#random = random;
    this.#slot = log.slot;
    this.#slotIndex = log.slotIndex;
    this.#slotIsFresh = true;
    this.#generation = log.slot.generation;
    this.#start = log.slot.start;
    this.#end = log.end;
    this.#written = log.end.position;
    // What was found may have been left in the page cache by a process that was killed.
    this.#synced = log.slot.start.position;
    this.#appended = log.recordCount;
  }

  /**
   * Opens the journal at `path`, and makes it, readable by its owner only, if it is missing and
   * may be written. Errors: `Conflict` (JOURNAL_BUSY) while another process or handle has it open
   * for writing, `NotFound` (JOURNAL_MISSING, only with `readOnly`), `Corrupt` (JOURNAL_DAMAGED: no
   * journal at all, or both copies of its header are damaged), `Unsupported` (JOURNAL_TOO_NEW),
   * `Denied` (JOURNAL_DENIED), `Unavailable` (JOURNAL_FULL, JOURNAL_FAILED, JOURNAL_LOCK_FAILED).
   */
  static async open(path: string, options: JournalOptions = {}): Promise<FileJournal> {
    const { readOnly = false, random = systemRandom, io = diskIo } = options;
    const lock = readOnly ? undefined : io.lock(path);
    try {
      const log = await openLog(path, { io, readOnly, random });
      return new FileJournal(path, log, lock, random);
    } catch (error) {
      lock?.release();
      throw journalError(error, path);
    }
  }

  get recordCount(): number {
    return this.#appended - this.#dropped;
  }

  get bytes(): number {
    return this.#end.position - this.#start.position;
  }

  /** If it throws, the record was not added. */
  append(record: Uint8Array): void {
    this.#assertWritable();
    assert(record.length <= journalRecordBytesMax, 'A journal record is larger than 64 MiB');
    const frameBytes = frameHeaderBytes + record.length;
    if (this.#pending.bytes > 0 && this.#pending.bytes + frameBytes > batchBytes) this.#writeOut();
    const { position, chain } = this.#end;
    const checksum = this.#checksums.ofRecord(
      { generation: this.#generation, position, chain },
      record,
    );
    this.#pending.add(record, checksum);
    this.#end = { position: position + frameBytes, chain: checksum };
    this.#appended += 1;
  }

  async sync(): Promise<void> {
    this.#assertWritable();
    if (this.#synced === this.#end.position) return;
    // Whoever asks while a sync runs shares the next one, which begins with all their records.
    this.#nextSync ??= this.#afterOthers(async () => {
      this.#nextSync = undefined;
      await this.#syncNow();
    });
    await this.#nextSync;
  }

  records(): AsyncIterable<Uint8Array> {
    this.#assertOpen();
    return this.#stream(
      { generation: this.#generation, from: this.#start, end: this.#written },
      this.#pending.records(),
    );
  }

  /**
   * Does not call `apply` if there is nothing to hand over. Records that are appended while it runs
   * stay in the log. If `apply` fails, or ends before it has read all records, nothing is cleared.
   */
  async flush(apply: (records: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void> {
    this.#assertWritable();
    assert(!this.#isFlushing, 'A flush of this journal is already running');
    this.#isFlushing = true;
    try {
      const from = this.#start;
      const snapshot = this.#snapshot();
      if (snapshot.end.position === from.position) return;
      await this.sync();
      const range = { generation: snapshot.generation, from, end: snapshot.end.position };
      const stream = this.#stream(range, []);
      const progress = { isComplete: false };
      await apply(
        (async function* () {
          yield* stream;
          progress.isComplete = true;
        })(),
      );
      assert(progress.isComplete, 'The journal was applied without reading all of its records');
      await this.#afterOthers(() => this.#drop(snapshot));
    } finally {
      this.#isFlushing = false;
    }
  }

  async clear(): Promise<void> {
    this.#assertWritable();
    const snapshot = this.#snapshot();
    await this.#afterOthers(() => this.#drop(snapshot));
  }

  /** Syncs what was appended, if that is still possible, and lets go of file and lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      await this.#lastTask;
      if (this.#lock !== undefined && this.#failure === undefined) await this.#syncNow();
    } finally {
      this.#file.close();
      this.#lock?.release();
    }
  }

  #assertOpen(): void {
    assert(!this.#isClosed, 'The journal is closed');
  }

  #assertWritable(): void {
    this.#assertOpen();
    assert(this.#lock !== undefined, 'The journal was opened only for reading');
    if (this.#failure !== undefined) throw this.#failure;
  }

  #snapshot(): Snapshot {
    return { generation: this.#generation, end: this.#end, appended: this.#appended };
  }

  async *#stream(range: LogRange, tail: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
    const isCleared = (): boolean => {
      this.#assertOpen();
      return !bytesEqual(this.#generation, range.generation);
    };
    const file = this.#file;
    const checksums = this.#checksums;
    yield* streamRecords({ path: this.path, file, checksums, range, isCleared });
    if (isCleared()) throw journalChanged(this.path);
    yield* tail;
  }

  /** Runs tasks one after another, whether or not the one before failed. */
  #afterOthers<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#lastTask.then(task);
    this.#lastTask = run.catch(() => undefined);
    return run;
  }

  /** After this nothing is written any more, and every call fails in the same way. */
  #fail(error: unknown): VersionsError {
    this.#failure ??= journalError(error, this.path);
    return this.#failure;
  }

  /** Throws if the file is not as this object left it: another one has cleared it or taken over. */
  #assertUnchanged(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const slots = readSlots(this.#file, this.#checksums);
    if (
      typeof slots === 'object' &&
      slots.current.turn === this.#slot.turn &&
      bytesEqual(slots.current.writer, this.#slot.writer) &&
      this.#file.isInPlace()
    ) {
      return;
    }
    throw this.#fail(journalChanged(this.path));
  }

  /** Hands the buffered frames to the operating system. If it throws they are still buffered. */
  #writeOut(): void {
    if (this.#holdsWrites || this.#pending.bytes === 0) return;
    let position = this.#written;
    try {
      this.#assertUnchanged();
      for (const chunk of this.#pending.chunks()) {
        this.#file.write(chunk, position);
        position += chunk.length;
      }
    } catch (error) {
      if (this.#failure === undefined) this.#cutBack(this.#written);
      throw journalError(error, this.path);
    }
    this.#written = position;
    this.#pending.reset();
  }

  async #syncNow(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#writeOut();
    const written = this.#written;
    if (this.#synced === written) return;
    await this.#syncFile();
    this.#synced = written;
  }

  async #syncFile(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      const failure = this.#fail(error);
      // The kernel may count pages as clean that it failed to write: they would be read back from
      // memory and be gone after a power cut. Nobody was promised them, so they go now.
      this.#cutBack(this.#synced);
      throw failure;
    }
    this.#slotIsFresh = false;
  }

  /** Removes what stands behind a position; if that fails too, checksums tell on the next open. */
  #cutBack(position: number): void {
    try {
      this.#file.truncate(position);
    } catch {
      // The first error is the one to report.
    }
  }

  /** Clears what the snapshot holds; what was appended after it stays. */
  async #drop(snapshot: Snapshot): Promise<void> {
    this.#assertOpen();
    this.#assertUnchanged();
    const isGone =
      !bytesEqual(snapshot.generation, this.#generation) ||
      snapshot.end.position <= this.#start.position;
    if (isGone) return;
    if (snapshot.end.position === this.#end.position) await this.#beginAnew();
    else await this.#advance(snapshot);
  }

  async #beginAnew(): Promise<void> {
    this.#generation = this.#random.bytes(generationBytes);
    this.#start = { position: headerBytes, chain: noChain };
    this.#end = this.#start;
    this.#written = headerBytes;
    this.#pending.reset();
    this.#appended = 0;
    this.#dropped = 0;
    this.#holdsWrites = true;
    await this.#changeSlot(() => this.#file.truncate(headerBytes));
    this.#synced = headerBytes;
    this.#holdsWrites = false;
  }

  async #advance({ end, appended }: Snapshot): Promise<void> {
    await this.#syncNow();
    this.#start = end;
    this.#dropped = appended;
    await this.#changeSlot(() => undefined);
  }

  /**
   * Makes `#generation` and `#start` durable in the slot that is not in use, then runs `between`,
   * then writes the other slot too, so that damage to one does not bring the old state back.
   */
  async #changeSlot(between: () => void): Promise<void> {
    try {
      // Both slots could be torn if both were on their way to the disk.
      if (this.#slotIsFresh) await this.#syncFile();
      this.#writeNextSlot();
      await this.#syncFile();
      between();
      this.#writeNextSlot();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #writeNextSlot(): void {
    const slot: Slot = {
      turn: this.#slot.turn + 1,
      generation: this.#generation,
      writer: this.#slot.writer,
      start: this.#start,
    };
    const index = 1 - this.#slotIndex;
    writeSlot(this.#file, index, encodeSlot(slot, this.#checksums));
    this.#slot = slot;
    this.#slotIndex = index;
    this.#slotIsFresh = true;
  }
}
