import type { LineageId, ObjectHash } from '../base/index.ts';
import type { Ledger } from './ledger.ts';

/** Where a journal ends: the number, lineage and hash of its last entry. */
export interface Tip {
  readonly lineage: LineageId;
  /** 0 if there is no entry yet. */
  readonly number: number;
  /** SHA-256 of the last entry's object in hexadecimal; 64 zeros if there is none. */
  readonly hash: ObjectHash;
}

/** One row: a journal entry exactly as it is stored in the mirrors (docs/format.md section 11). */
export interface EntryRow {
  readonly number: number;
  readonly lineage: LineageId;
  readonly hash: ObjectHash;
  readonly bytes: Uint8Array;
  /** The payload object's bytes, kept until every mirror has it; then only the row stays. */
  readonly payload?: Uint8Array | undefined;
}

/**
 * The metadata store: the journal's rows in a gap-free total order, and the ledger. Disposable:
 * any mirror gives it back.
 *
 * - `append` is one conditional write at tip + 1. It fails with `Conflict` (code CATALOG_CONFLICT)
 *   if another entry has that number, if `row.number` is not tip + 1, or if the tip's hash or
 *   lineage is not the one the caller names: a client with an old view always loses.
 *   When it resolves, the row survives a power cut.
 * - An append whose answer was lost may be tried again: if the row at that number is byte for byte
 *   the same it succeeds.
 * - Rows are never changed or removed.
 * - A row of a new lineage is accepted only through `append` like any other.
 * - What a row says of itself is believed: whoever reads it checks its bytes against its hash, and
 *   the chain.
 *
 * Errors: `Conflict`, `Unavailable` (codes CATALOG_BUSY, CATALOG_FULL, CATALOG_FAILED; after one of
 * them the same append may be tried again), `Corrupt` (code CATALOG_DAMAGED), `Unsupported` (code
 * CATALOG_TOO_NEW, made by a newer version), `Denied` (code CATALOG_READ_ONLY, CATALOG_DENIED).
 */
export interface Catalog extends AsyncDisposable {
  /** For people: where it is. */
  readonly location: string;
  /** Machines share it: several may write to the repository. */
  readonly isShared: boolean;
  tip(): Promise<Tip | undefined>;
  append(row: EntryRow, expected: Tip | undefined): Promise<void>;
  /**
   * Appends several rows, the first behind `expected`, each of the others behind the one before it,
   * as `append` does. Where there is a cheaper way than one by one; then it is all of them or none.
   */
  appendAll?(rows: readonly EntryRow[], expected: Tip | undefined): Promise<void>;
  /** Rows with numbers above `afterNumber`, ascending. */
  read(afterNumber: number): AsyncIterable<EntryRow>;
  /** Drops the kept payloads of rows up to `number`; never rows. */
  clearPayloads(upToNumber: number): Promise<void>;
  /** A small value kept under a name, such as the id of the repository that the catalog serves. */
  getMeta(key: string): Promise<MetaValue | undefined>;
  setMeta(key: string, value: MetaValue): Promise<void>;
  readonly ledger: Ledger;
}

export type MetaValue = string | Uint8Array;
