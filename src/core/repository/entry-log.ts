import {
  toHex,
  type Clock,
  type LineageId,
  type ObjectHash,
  type Random,
  type RepositoryId,
  type WriterId,
} from '../base/index.ts';
import type { Catalog, EntryRow, Tip } from '../catalog/index.ts';
import type { RepositoryKeys } from '../crypto/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  decodeEntryObject,
  noHash,
  objectHashOf,
  type EntryEnvelope,
  type JournalRecord,
} from '../format/index.ts';
import type { Mirror, MirrorSet } from '../mirror/index.ts';
import {
  type FoundAt,
  isAuthenticEntry,
  openEntry,
  sealEntry,
  type SealedEntry,
} from './entry-codec.ts';
import { assertNotMoved } from './moved-catalog.ts';
import { entryKey, payloadKey } from './object-keys.ts';
import type { RepositoryState } from './repository-state.ts';

export interface EntryLogOptions {
  readonly catalog: Catalog;
  readonly mirrors: MirrorSet;
  readonly keys: RepositoryKeys;
  readonly repository: RepositoryId;
  readonly writer: WriterId;
  readonly state: RepositoryState;
  readonly clock: Clock;
  readonly random: Random;
}

interface OpenedEntry {
  readonly envelope: EntryEnvelope;
  readonly hash: ObjectHash;
  readonly records: readonly JournalRecord[];
}

/** An entry that the catalog does not have: read from a mirror by a machine that only reads. */
export interface FollowedEntry {
  readonly place: Tip;
  readonly bytes: number;
  readonly payload: ObjectHash | undefined;
}

const conflictsMax = 64;

/**
 * The repository's journal: reads entries from the catalog into the state, and appends new ones.
 *
 * The order of an append is what makes it safe (docs/format.md section 11): the payload object at
 * the quorum, then the row in the catalog, which is the commit, then the entry object at the quorum.
 * Whoever opens the journal for writing finishes the last step for the last entry, and whoever
 * appends behind an entry of somebody else finishes it for that one: its writer may be dead, and
 * without it the mirrors alone would have a gap in front of what is reported as stored.
 */
export class EntryLog {
  readonly #options: EntryLogOptions;
  readonly #followed: FollowedEntry[] = [];
  #stored: ObjectHash | undefined;
  /** Number up to which every entry is known to be at the quorum. */
  #assured: number | undefined;

  constructor(options: EntryLogOptions) {
    this.#options = options;
  }

  /** The newest entry that this log itself has brought to the quorum of mirrors. */
  get stored(): ObjectHash | undefined {
    return this.#stored;
  }

  get tip(): Tip | undefined {
    return this.#options.state.tip;
  }

  /** Every entry up to this number has been seen at the quorum of mirrors. */
  assure(upToNumber: number): void {
    this.#assured = upToNumber;
  }

  /** Takes in what the catalog has beyond the state's tip; returns how many entries that were. */
  async catchUp(): Promise<number> {
    let count = 0;
    for await (const row of this.#options.catalog.read(this.tip?.number ?? 0)) {
      await this.takeIn(row);
      count += 1;
    }
    return count;
  }

  /** Was the entry written for this place by a holder of the repository's keys? */
  isAuthentic(bytes: Uint8Array, { lineage, number }: Omit<FoundAt, 'repository'>): boolean {
    const { keys, repository } = this.#options;
    return isAuthenticEntry(bytes, keys, { repository, lineage, number });
  }

  /** Does an entry say that it follows the tip? */
  follows(bytes: Uint8Array): boolean {
    return decodeEntryObject(bytes).previous === (this.tip?.hash ?? noHash);
  }

  /** Takes one entry into the state; it must follow the tip. Throws `Corrupt` if it does not. */
  async takeIn(row: EntryRow): Promise<void> {
    const { envelope, hash, records } = await this.#openNext(row);
    this.#options.state.apply(envelope, hash, records);
  }

  /** Takes an entry of a mirror into the state alone, for a machine that only reads. */
  async follow(row: EntryRow): Promise<void> {
    await this.takeIn(row);
    const { lineage, number, hash } = row;
    const { payload } = decodeEntryObject(row.bytes);
    this.#followed.push({ place: { lineage, number, hash }, bytes: row.bytes.byteLength, payload });
  }

  /** What `follow` has taken in. */
  get followed(): readonly FollowedEntry[] {
    return this.#followed;
  }

  /** Opens an entry and checks that it follows the tip. */
  async #openNext(row: EntryRow): Promise<OpenedEntry> {
    const { state, keys } = this.#options;
    const hash = objectHashOf(row.bytes);
    if (hash !== row.hash) throw brokenChain(row.number, 'its bytes do not match its hash');
    const { envelope, records } = await openEntry(row.bytes, keys, (name) =>
      this.#payload(name, row),
    );
    if (envelope.number !== (state.tip?.number ?? 0) + 1 || envelope.number !== row.number) {
      throw brokenChain(row.number, 'its number does not follow the one before');
    }
    if (envelope.previous !== (state.tip?.hash ?? noHash)) {
      throw brokenChain(row.number, 'it names another entry as the one before');
    }
    return { envelope, hash, records };
  }

  /**
   * Appends records as one entry. If another client was first, its entries are taken in and
   * `decide` is asked again what to append: undefined gives up. Returns the entry's number.
   */
  async append(
    decide: () => readonly JournalRecord[] | undefined,
    options: { readonly lineage?: LineageId; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<number | undefined> {
    this.#assured ??= this.tip?.number ?? 0;
    for (let attempt = 1; attempt <= conflictsMax; attempt++) {
      const records = decide();
      if (records === undefined) return undefined;
      const entry = this.#seal(records, options.lineage);
      await this.#putPayload(entry, options.signal);
      const row = this.#row(entry);
      try {
        await this.#options.catalog.append(row, this.tip);
      } catch (error) {
        if (!isVersionsError(error, 'Conflict')) throw error;
        await this.catchUp();
        // What was faster may have been the entry that closes this catalog.
        if (options.lineage === undefined) await assertNotMoved(this.#options.catalog);
        continue;
      }
      const { bytes } = entry;
      this.#options.state.apply(decodeEntryObject(bytes), entry.hash, records);
      await this.#finish(this.#assured, row.number, options.signal);
      await this.#options.mirrors.put(entryKey(row.lineage, row.number, row.hash), [bytes], {
        signal: options.signal,
      });
      this.#stored = row.hash;
      this.#assured = row.number;
      return row.number;
    }
    throw new VersionsError(
      'Conflict',
      'JOURNAL_CONTENDED',
      'Other clients kept writing to the journal',
      {
        hint: 'Try again in a minute',
      },
    );
  }

  /** Rows of the catalog with numbers above `afterNumber`, oldest first. */
  rows(afterNumber: number): AsyncIterable<EntryRow> {
    return this.#options.catalog.read(afterNumber);
  }

  /** The payload object of a row, if it has one: from the catalog or a mirror. */
  async payloadOf(row: EntryRow): Promise<Uint8Array | undefined> {
    const { payload } = decodeEntryObject(row.bytes);
    return payload && this.#payload(payload, row);
  }

  /** What an entry says. */
  async recordsOf(row: EntryRow): Promise<readonly JournalRecord[]> {
    const { keys } = this.#options;
    return (await openEntry(row.bytes, keys, (name) => this.#payload(name, row))).records;
  }

  /** Stores an entry, its payload first, in a mirror that lacks it. */
  async storeIn(mirror: Mirror, row: EntryRow, signal?: AbortSignal): Promise<void> {
    const name = decodeEntryObject(row.bytes).payload;
    if (name && !(await holdsPayload(mirror, name, signal))) {
      await mirror.store.put(payloadKey(name), [await this.#payload(name, row)], { signal });
    }
    await mirror.store.put(entryKey(row.lineage, row.number, row.hash), [row.bytes], { signal });
  }

  /**
   * Makes sure that the last entry has reached the quorum: its writer may have died before that.
   * Given a number, those from there on.
   */
  async finishTip(signal?: AbortSignal, from?: number): Promise<void> {
    const { tip } = this;
    if (tip === undefined) return;
    await this.#finish((from ?? tip.number) - 1, tip.number + 1, signal);
    this.#stored = tip.hash;
  }

  /** Brings the entries between two numbers to the quorum. */
  async #finish(after: number, before: number, signal: AbortSignal | undefined): Promise<void> {
    if (after + 1 >= before) return;
    const { mirrors } = this.#options;
    for await (const row of this.rows(after)) {
      if (row.number >= before) return;
      const name = decodeEntryObject(row.bytes).payload;
      if (name) await mirrors.put(payloadKey(name), [await this.#payload(name, row)], { signal });
      await mirrors.put(entryKey(row.lineage, row.number, row.hash), [row.bytes], { signal });
    }
  }

  /**
   * Puts an entry that a mirror has and the catalog lacks into the catalog and the state. It is
   * opened first: a catalog never takes in what no holder of the keys has written.
   */
  async bringIn(row: EntryRow): Promise<void> {
    const { envelope, hash, records } = await this.#openNext(row);
    await this.#options.catalog.append(row, this.tip);
    this.#options.state.apply(envelope, hash, records);
  }

  /** Puts rows that the state has taken in, `before` the first of them, into the catalog. */
  async keep(rows: readonly EntryRow[], before: Tip | undefined): Promise<void> {
    const { catalog } = this.#options;
    if (catalog.appendAll !== undefined) return catalog.appendAll(rows, before);
    let last = before;
    for (const row of rows) {
      await catalog.append(row, last);
      last = row;
    }
  }

  #seal(records: readonly JournalRecord[], lineage: LineageId | undefined): SealedEntry {
    const { keys, repository, random, clock, writer } = this.#options;
    const { tip } = this;
    const inLineage = lineage ?? tip?.lineage;
    if (inLineage === undefined)
      throw new VersionsError('Internal', 'NO_LINEAGE', 'The journal has no lineage yet');
    const place = {
      number: (tip?.number ?? 0) + 1,
      lineage: inLineage,
      previous: tip?.hash ?? noHash,
      writer,
      entryId: toHex(random.bytes(16)),
      time: clock.now(),
    };
    return sealEntry(records, place, { keys, repository, salt: () => random.bytes(32) });
  }

  #row(entry: SealedEntry): EntryRow {
    const { number, lineage } = decodeEntryObject(entry.bytes);
    return { number, lineage, hash: entry.hash, bytes: entry.bytes, payload: entry.payload?.bytes };
  }

  async #putPayload(entry: SealedEntry, signal: AbortSignal | undefined): Promise<void> {
    if (entry.payload === undefined) return;
    await this.#options.mirrors.put(payloadKey(entry.payload.name), [entry.payload.bytes], {
      signal,
    });
  }

  async #payload(name: ObjectHash, row: EntryRow): Promise<Uint8Array> {
    if (row.payload && objectHashOf(row.payload) === name) return row.payload;
    return this.#options.mirrors.get(payloadKey(name), {
      accept: (bytes) => objectHashOf(bytes) === name,
    });
  }
}

function brokenChain(number: number, why: string): VersionsError {
  return new VersionsError(
    'Corrupt',
    'JOURNAL_CHAIN_BROKEN',
    `Entry ${number} of the journal is not valid: ${why}`,
    { hint: 'Make the catalog anew from the mirrors: "versions catalog rebuild"' },
  );
}

/** Only the entry may be missing: a good copy is not written over. */
async function holdsPayload(
  mirror: Mirror,
  name: ObjectHash,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    return objectHashOf(await mirror.store.get(payloadKey(name), { signal })) === name;
  } catch (error) {
    if (!isVersionsError(error, 'NotFound', 'Corrupt')) throw error;
    return false;
  }
}
