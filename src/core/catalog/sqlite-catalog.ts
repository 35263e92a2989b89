import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fromHex, makeDirectoriesSync, type LineageId, type ObjectHash } from '../base/index.ts';
import { systemErrorCode } from '../errors/index.ts';
import { assertRow, mayAppend } from './append-check.ts';
import type { Catalog, EntryRow, MetaValue, Tip } from './catalog.ts';
import type { Ledger } from './ledger.ts';
import {
  catalogDamaged,
  catalogError,
  catalogForeign,
  catalogMissing,
  catalogReplaced,
} from './catalog-errors.ts';
import { SqliteDatabase, type SqliteRow } from './sqlite-database.ts';
import { SqliteLedger } from './sqlite-ledger.ts';
import { checkSchema, createSchema } from './sqlite-schema.ts';

export interface SqliteCatalogOptions {
  /** Every change fails; reading works beside a writer and on read-only media. */
  readonly readOnly?: boolean | undefined;
  /** Make the catalog if there is none. */
  readonly create?: boolean | undefined;
}

/** Rows that are read at once: at most a few MiB, because payload objects are read one by one. */
const pageRows = 64;

/** The smallest page that SQLite knows. */
const sqliteFileBytesMin = 512;

/** A catalog in an SQLite file, for one machine. The directory's and the file's mode are private. */
export class SqliteCatalog implements Catalog {
  readonly location: string;
  readonly isShared: boolean = false;
  readonly ledger: Ledger;
  readonly #path: string;
  readonly #database: SqliteDatabase;
  readonly #identity: string | undefined;

  private constructor(path: string, database: SqliteDatabase) {
    this.location = database.location;
    this.#path = path;
    this.#database = database;
    this.#identity = identityOf(path);
    this.ledger = new SqliteLedger(database);
  }

  /**
   * Opens the catalog at `path`. Errors: `NotFound` (CATALOG_MISSING), `Corrupt` (CATALOG_DAMAGED:
   * also if it is another program's file, which is not touched), `Unsupported` (CATALOG_TOO_NEW),
   * `Denied` (CATALOG_DENIED), `Unavailable`. Its cost does not grow with the number of rows.
   */
  static async open(path: string, options: SqliteCatalogOptions = {}): Promise<SqliteCatalog> {
    const { readOnly = false, create = false } = options;
    const absolute = resolve(path);
    try {
      if (create && !readOnly) createFile(absolute);
      else if (isMissing(absolute)) throw catalogMissing(`sqlite:${absolute}`);
      if (isOtherFile(absolute)) throw catalogForeign(`sqlite:${absolute}`);
      const database = SqliteDatabase.open(absolute, { readOnly });
      try {
        if (create && !readOnly) createSchema(database);
        checkSchema(database);
        if (!readOnly) database.prepareToWrite();
        return new SqliteCatalog(absolute, database);
      } catch (error) {
        database.close();
        throw error;
      }
    } catch (error) {
      throw catalogError(error, `sqlite:${absolute}`);
    }
  }

  async tip(): Promise<Tip | undefined> {
    return this.#tip();
  }

  async append(row: EntryRow, expected: Tip | undefined): Promise<void> {
    await this.appendAll([row], expected);
  }

  async appendAll(rows: readonly EntryRow[], expected: Tip | undefined): Promise<void> {
    for (const row of rows) assertRow(row);
    this.#database.write(() => {
      // Rows written into a file that nobody finds any more would be lost without a word.
      if (identityOf(this.#path) !== this.#identity) throw catalogReplaced(this.location);
      let before = expected;
      for (const row of rows) {
        this.#insert(row, before);
        before = row;
      }
    });
  }

  #insert(row: EntryRow, expected: Tip | undefined): void {
    const tip = this.#tip();
    if (tip !== undefined && tip.number === expected?.number) this.#checkHash(tip, expected);
    if (!mayAppend(row, expected, { tip, sameNumber: this.#row(row.number) })) return;
    this.#database.run(
      'INSERT INTO entries (number, lineage, hash, bytes) VALUES (?, ?, ?, ?)',
      row.number,
      fromHex(row.lineage),
      fromHex(row.hash),
      row.bytes,
    );
    if (row.payload === undefined) return;
    const sql = 'INSERT INTO payloads (number, bytes) VALUES (?, ?)';
    this.#database.run(sql, row.number, row.payload);
  }

  async *read(afterNumber: number): AsyncIterable<EntryRow> {
    const sql = `${selectRow} WHERE entries.number > ? ORDER BY entries.number LIMIT ?`;
    let last = Math.max(0, afterNumber);
    for (;;) {
      const page = this.#database.all(sql, last, pageRows);
      for (const found of page) {
        const row = rowOf(found);
        if (row.number !== last + 1) {
          throw catalogDamaged(this.location, `lacks entry ${last + 1}`);
        }
        last = row.number;
        yield found.number('has_payload') === 0 ? row : this.#withPayload(row);
      }
      if (page.length < pageRows) return;
    }
  }

  async clearPayloads(upToNumber: number): Promise<void> {
    this.#database.run('DELETE FROM payloads WHERE number <= ?', upToNumber);
  }

  async getMeta(key: string): Promise<MetaValue | undefined> {
    const row = this.#database.get('SELECT value FROM meta WHERE key = ?', key);
    return row?.textOrBytes('value');
  }

  async setMeta(key: string, value: MetaValue): Promise<void> {
    const sql =
      'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value';
    this.#database.run(sql, key, value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }

  #tip(): Tip | undefined {
    const sql = 'SELECT number, lineage, hash FROM entries ORDER BY number DESC LIMIT 1';
    const row = this.#database.get(sql);
    return row && tipOf(row);
  }

  #row(number: number): EntryRow | undefined {
    const row = this.#database.get(`${selectRow} WHERE entries.number = ?`, number);
    return row && rowOf(row);
  }

  /** Two hashes for one number: a conflict, unless the stored row does not even match its own. */
  #checkHash(tip: Tip, expected: Tip): void {
    if (tip.hash === expected.hash) return;
    const bytes = this.#row(tip.number)?.bytes ?? new Uint8Array();
    if (createHash('sha256').update(bytes).digest('hex') !== tip.hash) {
      throw catalogDamaged(
        this.location,
        `holds entry ${tip.number} with a hash that is not its own`,
      );
    }
  }

  #withPayload(row: EntryRow): EntryRow {
    const found = this.#database.get('SELECT bytes FROM payloads WHERE number = ?', row.number);
    return found === undefined ? row : { ...row, payload: found.bytes('bytes') };
  }
}

const selectRow = `
  SELECT entries.number, lineage, hash, entries.bytes, payloads.number IS NOT NULL AS has_payload
  FROM entries LEFT JOIN payloads ON payloads.number = entries.number`;

function tipOf(row: SqliteRow): Tip {
  return {
    number: row.number('number'),
    // Sixteen and thirty-two bytes in hexadecimal are what these two types mean.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by `hex`
    lineage: row.hex('lineage', 16) as LineageId,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by `hex`
    hash: row.hex('hash', 32) as ObjectHash,
  };
}

function rowOf(row: SqliteRow): EntryRow {
  return { ...tipOf(row), bytes: row.bytes('bytes') };
}

function isMissing(path: string): boolean {
  // An empty file is what remains if the process dies while it makes a catalog.
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/** No file, or one so short that SQLite would take it for an empty database and write over it. */
function isOtherFile(path: string): boolean {
  const stat = statSync(path);
  if (!stat.isFile()) return true;
  const isCreationCutOff = (statSync(`${path}-journal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  return stat.size > 0 && stat.size < sqliteFileBytesMin && !isCreationCutOff;
}

function identityOf(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev}:${stat.ino}`;
}

/** Makes an empty file that only its owner may read, if there is none, and its directories. */
function createFile(path: string): void {
  const directory = dirname(path);
  makeDirectoriesSync(directory);
  try {
    // Only if it is new: closing a file that is there would drop locks that this process holds.
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return;
    throw error;
  }
  syncDirectory(directory);
}

function syncDirectory(path: string): void {
  try {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    // Windows and some network file systems know no fsync of a directory.
    if (!['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP', 'EBADF'].includes(systemErrorCode(error) ?? '')) {
      throw error;
    }
  }
}
