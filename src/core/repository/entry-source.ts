import { checkpointPayloadBytesMax, type ObjectHash } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import {
  decodeEntryObject,
  objectHashOf,
  type CheckpointPart,
  type CheckpointRecord,
  type EntryEnvelope,
} from '../format/index.ts';
import { eachAtOnce } from '../verify/index.ts';
import { CheckpointEntries } from './checkpoint-entries.ts';
import { openEntry } from './entry-codec.ts';
import { type HistoryOptions, type ListedEntry, readEntry } from './list-entries.ts';
import { entryKey, payloadKey } from './object-keys.ts';

/** Journals of fewer entries are read entry by entry. */
const entriesFew = 32;
/** How far back from its end a journal is searched for an entry that names a checkpoint. */
const lookBack = 1024;
const readsAtOnce = 16;
/** Checkpoints that are looked into where the journal has gaps: each may be of another branch. */
const checkpointsMax = 16;
const checkpointsTriedMax = 256;

/** Everything that mirrors list, by number; several where a history forks. */
export type ListedJournal = Map<number, ListedEntry[]>;

/** What was read of an entry. */
export interface ReadEntry {
  readonly bytes: Uint8Array;
  readonly payload?: Uint8Array | undefined;
}

/**
 * Where the entries of a history are read from: runs of a checkpoint, which hold many, else the
 * entry objects. An entry that no mirror has whole is looked for in every checkpoint there is.
 */
export class EntrySource {
  readonly #options: HistoryOptions;
  readonly #listed: ListedJournal;
  readonly #checkpoints: CheckpointEntries;
  /** Entries near the end, which were read to find a checkpoint. */
  readonly #tail: Map<ObjectHash, Uint8Array> = new Map();
  #isThorough = false;

  constructor(listed: ListedJournal, options: HistoryOptions) {
    this.#listed = listed;
    this.#options = options;
    this.#checkpoints = new CheckpointEntries(options);
  }

  /** Looks for checkpoints: the last one if all entries are listed, else whatever there is. */
  async prepare(): Promise<void> {
    const count = this.#listed.size;
    if (count > entriesFew) {
      const record = await this.#lastCheckpoint();
      if (record !== undefined) this.#checkpoints.use(record.runs);
    }
    const highest = [...this.#listed.keys()].reduce((most, number) => Math.max(most, number), 0);
    if (count === 0 || count < highest) await this.#lookEverywhere();
  }

  /** Whole, and written by a holder of the keys; else `Corrupt` or `NotFound`. */
  async read(entry: ListedEntry): Promise<ReadEntry> {
    const tail = this.#tail.get(entry.hash);
    if (tail !== undefined) return { bytes: tail };
    const known = await this.#fromRuns(entry);
    if (known !== undefined) return known;
    try {
      return { bytes: await readEntry(entry, this.#options) };
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound') || error.code === 'ENTRY_FORGED')
        throw error;
      await this.#lookEverywhere();
      const found = await this.#fromRuns(entry);
      if (found === undefined) throw error;
      return found;
    }
  }

  /**
   * As `read`, for an entry that shall count: one whose payload object no mirror has whole says
   * nothing. What comes back has it only if it is small.
   */
  async readWhole(entry: ListedEntry): Promise<ReadEntry> {
    const read = await this.read(entry);
    const { payload: name } = decodeEntryObject(read.bytes);
    if (name === undefined || read.payload !== undefined) return read;
    const payload = await this.#payload(name);
    return payload.byteLength > checkpointPayloadBytesMax ? read : { ...read, payload };
  }

  /** What an entry says of itself, if everything that makes it count can be read; else as `readWhole`. */
  async open(entry: ListedEntry): Promise<EntryEnvelope> {
    const { bytes, payload } = await this.read(entry);
    const { envelope } = await openEntry(
      bytes,
      this.#options.keys,
      async (name) => payload ?? this.#payload(name),
    );
    return envelope;
  }

  #payload(name: ObjectHash): Promise<Uint8Array> {
    const { mirrors, signal } = this.#options;
    const accept = (bytes: Uint8Array): boolean => objectHashOf(bytes) === name;
    return mirrors.get(payloadKey(name), { accept, signal });
  }

  async #fromRuns(entry: ListedEntry): Promise<ReadEntry | undefined> {
    const found = await this.#checkpoints.entry(entry.number, entry.hash);
    return found && this.#options.isAuthentic(found.bytes, entry) ? found : undefined;
  }

  /** What the last entry that names a checkpoint says of it. */
  async #lastCheckpoint(): Promise<CheckpointRecord | undefined> {
    const numbers = [...this.#listed.keys()].sort((a, b) => b - a).slice(0, lookBack);
    for (let at = 0; at < numbers.length; at += readsAtOnce) {
      const entries = numbers
        .slice(at, at + readsAtOnce)
        .flatMap((number) => this.#listed.get(number) ?? []);
      const found = new Map<number, CheckpointRecord>();
      await eachAtOnce(entries, readsAtOnce, async (entry) => {
        const record = await this.#checkpointIn(entry);
        if (record !== undefined) found.set(entry.number, record);
      });
      const [last] = [...found].sort(([a], [b]) => b - a);
      if (last !== undefined) return last[1];
    }
    return undefined;
  }

  async #checkpointIn(entry: ListedEntry): Promise<CheckpointRecord | undefined> {
    try {
      const bytes = await readEntry(entry, this.#options);
      this.#tail.set(entry.hash, bytes);
      // An entry that names a checkpoint says nothing else, and is small.
      if (decodeEntryObject(bytes).payload !== undefined) return undefined;
      const opened = await openEntry(bytes, this.#options.keys, () =>
        Promise.reject(new Error('It has no payload object')),
      );
      return opened.records.find((record) => record.type === 'checkpoint');
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
      return undefined;
    }
  }

  /** Opens every checkpoint that may hold entries which no mirror lists or has whole. */
  async #lookEverywhere(): Promise<void> {
    if (this.#isThorough) return;
    this.#isThorough = true;
    const found = await this.#checkpoints.list();
    let opened = 0;
    // Anybody can put objects there that nobody can open.
    for (const checkpoint of found.slice(0, checkpointsTriedMax)) {
      const isListed = this.#lists(checkpoint.last, checkpoint.hash);
      if (isListed && opened > 0) continue;
      if (opened === checkpointsMax) break;
      const runs = await this.#checkpoints.runsOf(checkpoint);
      if (runs === undefined) continue;
      opened += 1;
      this.#checkpoints.use(runs);
      for (const run of runs) await this.#listRun(run, isListed);
    }
  }

  /** Adds what a run holds to what is listed; `isListed`: its checkpoint is of a history that is. */
  async #listRun(run: CheckpointPart, isListed: boolean): Promise<void> {
    let isWhole = isListed;
    for (let number = run.first; number <= run.last && isWhole; number++) {
      isWhole = this.#listed.has(number);
    }
    if (isWhole) return;
    for (const { envelope, hash } of await this.#checkpoints.entriesOf(run)) {
      const { number, lineage } = envelope;
      if (this.#lists(number, hash)) continue;
      const entries = this.#listed.get(number) ?? [];
      entries.push({ key: entryKey(lineage, number, hash), lineage, number, hash });
      this.#listed.set(number, entries);
    }
  }

  #lists(number: number, hash: ObjectHash): boolean {
    return this.#listed.get(number)?.some((entry) => entry.hash === hash) ?? false;
  }
}
