import { join } from 'node:path';
import { byteStringOf, type ByteString } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { SpoolFile } from '../files/index.ts';
import { FileJournal } from '../journal/index.ts';
import { fileOutcomes, type FileOutcome, type StoreFilesResult } from '../workers/index.ts';
import { Bell } from './bell.ts';
import { fingerprintBytes, staleFingerprintOf } from './fingerprint.ts';
import { priorityCount, type QueuedBatch } from './upload-queue.ts';

/** What became of one queued file. */
export interface FileResult {
  readonly directory: ByteString;
  readonly name: ByteString;
  /** As the scan saw the file; stale for a racy one. */
  readonly fingerprint: Uint8Array;
  readonly outcome: FileOutcome;
  /** The encoded tree entry; empty for a file that vanished or could not be read. */
  readonly entry: Uint8Array;
}

export const resultLogNames: readonly string[] = Array.from(
  { length: priorityCount },
  (_, priority) => `results-${priority}.log`,
);

const headBytes = 14;

/**
 * The results of the upload, for each class in the order of its queue. They go two ways: into a
 * list that the trees are built from while the upload is still going on, and into a write-ahead
 * log, from which the next backup takes them after a crash, so that those files are not read again.
 */
export class Results implements AsyncDisposable {
  readonly #directory: string;
  readonly #logs: Map<number, FileJournal> = new Map();
  readonly #lists: readonly SpoolFile[];
  readonly #open: (Iterator<FileResult> | undefined)[] = [];
  readonly #bell: Bell = new Bell();
  #ended = false;

  /** `directory`: that of the session. A log is made when its class has a first result. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#lists = resultLogNames.map((name) => new SpoolFile(join(directory, `${name}.list`)));
  }

  /** Adds the results of one batch, which follow those of the batch before it. */
  async add(batch: QueuedBatch, result: StoreFilesResult): Promise<void> {
    const { priority } = batch;
    const log = this.#logs.get(priority) ?? (await this.#openLog(priority));
    const record = encodeResults(batch, result);
    log.append(record);
    this.#lists[priority]?.append(record);
    this.#bell.ring();
  }

  /** No more will be added. */
  end(): void {
    this.#ended = true;
    this.#bell.ring();
  }

  /** The next result of a class; undefined if there is none and none will come. */
  async next(priority: number): Promise<FileResult | undefined> {
    for (;;) {
      const next = this.#open[priority]?.next();
      if (next !== undefined && next.done !== true) return next.value;
      const record = this.#lists[priority]?.next();
      if (record !== undefined) this.#open[priority] = decodeResults(new Uint8Array(record));
      else if (this.#ended) return undefined;
      else await this.#bell.next();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const list of this.#lists) list.remove();
    for (const log of this.#logs.values()) await log[Symbol.asyncDispose]();
  }

  async #openLog(priority: number): Promise<FileJournal> {
    const log = await FileJournal.open(join(this.#directory, resultLogNames[priority] ?? ''));
    this.#logs.set(priority, log);
    return log;
  }
}

/** The results of a batch, one for each file. */
export function resultsOf(batch: QueuedBatch, result: StoreFilesResult): readonly FileResult[] {
  return [...decodeResults(encodeResults(batch, result))];
}

function encodeResults(batch: QueuedBatch, result: StoreFilesResult): Uint8Array {
  let bytes = 0;
  batch.files.forEach((file, at) => {
    const entryBytes = result.entryLengths[at] ?? 0;
    bytes += headBytes + file.directory.length + file.name.length + fingerprintBytes + entryBytes;
  });
  const record = Buffer.allocUnsafe(bytes);
  let at = 0;
  let entryAt = 0;
  batch.files.forEach((file, number) => {
    const entryBytes = result.entryLengths[number] ?? 0;
    record.writeUInt32LE(file.directory.length, at);
    record.writeUInt32LE(file.name.length, at + 4);
    record.writeUInt32LE(entryBytes, at + 8);
    record.writeUInt16LE(result.outcomes[number] ?? 0, at + 12);
    at += headBytes;
    at += record.write(file.directory, at, 'latin1');
    at += record.write(file.name, at, 'latin1');
    // Whoever takes the result up after a crash must read a racy file again.
    record.set(file.racy ? staleFingerprintOf(file.fingerprint) : file.fingerprint, at);
    at += fingerprintBytes;
    record.set(result.entries.subarray(entryAt, entryAt + entryBytes), at);
    at += entryBytes;
    entryAt += entryBytes;
  });
  return record;
}

/** Takes a record of a result log apart. */
export function* decodeResults(bytes: Uint8Array): Generator<FileResult> {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < record.byteLength) {
    const directoryAt = at + headBytes;
    const nameAt = directoryAt + record.readUInt32LE(at);
    const fingerprintAt = nameAt + record.readUInt32LE(at + 4);
    const entryAt = fingerprintAt + fingerprintBytes;
    const end = entryAt + record.readUInt32LE(at + 8);
    const outcome = fileOutcomes[record.readUInt16LE(at + 12)];
    assert(outcome !== undefined && end <= record.byteLength, 'A result log is malformed');
    yield {
      directory: byteStringOf(record.subarray(directoryAt, nameAt)),
      name: byteStringOf(record.subarray(nameAt, fingerprintAt)),
      fingerprint: record.subarray(fingerprintAt, entryAt),
      outcome,
      entry: record.subarray(entryAt, end),
    };
    at = end;
  }
}
