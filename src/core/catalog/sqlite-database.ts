import {
  DatabaseSync,
  type SQLInputValue,
  type SQLOutputValue,
  type StatementSync,
} from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { assert } from '../errors/index.ts';
import { catalogDamaged, catalogError } from './catalog-errors.ts';

/** How long a statement waits for another process that writes. Transactions take milliseconds. */
const busyTimeoutMs = 10_000;

/** One row, whose values are read with a check of their kind. */
export class SqliteRow {
  readonly #location: string;
  readonly #values: Record<string, SQLOutputValue>;

  constructor(location: string, values: Record<string, SQLOutputValue>) {
    this.#location = location;
    this.#values = values;
  }

  number(column: string): number {
    const value = this.#values[column];
    return Number.isSafeInteger(value) ? Number(value) : this.#wrongKind(column);
  }

  optionalNumber(column: string): number | undefined {
    return this.#values[column] === null ? undefined : this.number(column);
  }

  text(column: string): string {
    const value = this.#values[column];
    return typeof value === 'string' ? value : this.#wrongKind(column);
  }

  optionalText(column: string): string | undefined {
    return this.#values[column] === null ? undefined : this.text(column);
  }

  /** Text that is one of `known`. */
  word<T extends string>(column: string, known: readonly T[]): T {
    const value = this.#values[column];
    return known.find((word) => word === value) ?? this.#wrongKind(column);
  }

  bytes(column: string): Uint8Array {
    const value = this.#values[column];
    return value instanceof Uint8Array ? value : this.#wrongKind(column);
  }

  /** Bytes in hexadecimal, of exactly the length that is expected. */
  hex(column: string, byteCount: number): string {
    const bytes = this.bytes(column);
    if (bytes.length !== byteCount) this.#wrongKind(column);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  }

  isNull(column: string): boolean {
    return this.#values[column] === null;
  }

  textOrBytes(column: string): string | Uint8Array {
    return typeof this.#values[column] === 'string' ? this.text(column) : this.bytes(column);
  }

  #wrongKind(column: string): never {
    throw catalogDamaged(this.#location, `holds a value of the wrong kind in column ${column}`);
  }
}

/**
 * The only place that knows `node:sqlite`. Statements are prepared once; every error leaves as a
 * `VersionsError`. All calls are synchronous, so a transaction is never interrupted by other work
 * of this process.
 */
export class SqliteDatabase {
  readonly location: string;
  readonly #database: DatabaseSync;
  readonly #statements: Map<string, StatementSync> = new Map();

  private constructor(location: string, database: DatabaseSync) {
    this.location = location;
    this.#database = database;
  }

  /** Opens a file that exists. With `readOnly` nothing is changed, except to end what was cut off. */
  static open(path: string, { readOnly }: { readonly readOnly: boolean }): SqliteDatabase {
    const location = `sqlite:${path}`;
    const url = pathToFileURL(path);
    // Never makes the file. Opened for writing even by a reader, if the system lets it: only so can
    // it roll back what a process left half done when it was killed.
    url.searchParams.set('mode', 'rw');
    try {
      const database = new DatabaseSync(url, { timeout: busyTimeoutMs });
      const opened = new SqliteDatabase(location, database);
      try {
        opened.#configure(readOnly);
      } catch (error) {
        database.close();
        throw error;
      }
      return opened;
    } catch (error) {
      throw catalogError(error, location);
    }
  }

  #configure(readOnly: boolean): void {
    this.#database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON');
    this.#database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON');
    if (readOnly) this.#database.exec('PRAGMA query_only = ON');
  }

  /**
   * Chooses how transactions are made safe. Not done on opening, because it may rewrite the file's
   * header, and the file may turn out to be another program's.
   */
  prepareToWrite(): void {
    this.exec('PRAGMA journal_mode = TRUNCATE');
  }

  exec(sql: string): void {
    this.#guard(() => this.#database.exec(sql));
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#guard(() => this.#prepare(sql).run(...values));
  }

  get(sql: string, ...values: SQLInputValue[]): SqliteRow | undefined {
    const row = this.#guard(() => this.#prepare(sql).get(...values));
    return row && new SqliteRow(this.location, row);
  }

  all(sql: string, ...values: SQLInputValue[]): readonly SqliteRow[] {
    const rows = this.#guard(() => this.#prepare(sql).all(...values));
    return rows.map((row) => new SqliteRow(this.location, row));
  }

  /** Runs `work` in one transaction that holds the right to write from its beginning. */
  write<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      try {
        // After some errors SQLite has rolled back by itself, and refuses.
        this.#database.exec('ROLLBACK');
      } catch {
        // The first error is the one to report.
      }
      throw error;
    }
  }

  /** May be called twice; every other call fails afterwards. */
  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#guard(() => this.#database.close());
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #guard<T>(call: () => T): T {
    assert(this.#database.isOpen, 'The catalog is closed');
    try {
      return call();
    } catch (error) {
      throw catalogError(error, this.location);
    }
  }
}
