import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { bytesEqual, bytesOfByteString, type ByteString } from '../base/index.ts';
import type { Tip } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { DirectoryWindow, windowRows, type DirectoryRow } from './directory-window.ts';
import { decodeItems, isWholePage, type ItemState } from './item-pages.ts';

/** What was known of a directory after the last backup of its source. */
export interface DirectoryState {
  /** Hash over the names and fingerprints of its entries. */
  readonly hash: Uint8Array;
  /** Top tree page. */
  readonly tree: Uint8Array;
}

/** Bump it when anything in the tables changes: the state is then simply made anew. */
const schemaVersion = 3;
/** SQLite's codes for a file that is damaged or is no database. */
const damageCodes: ReadonlySet<unknown> = new Set([11, 26]);
/** Beside damage, what a database of something else gives: tables or columns are not there. */
const foreignCode = 1;
/** How long it is waited for another process that writes. */
const busyTimeoutMs = 30_000;
const busyCode = 5;

/**
 * What change detection remembers of each source: directory hashes to decide "unchanged" at once,
 * and the entries of each directory with their fingerprints for when the hash differs.
 *
 * Disposable and private to this machine. It is only a promise that "a file that looks like this
 * has these chunks"; it is kept under the journal entry it was made after and dropped when the
 * journal does not hold that entry any more. A damaged file is dropped too: when it is opened, or
 * with a `Corrupt` error (code LOCAL_STATE_DAMAGED) when it is noticed later, so that the next run
 * starts anew.
 */
export class LocalState implements Disposable {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #getDirectories: StatementSync;
  readonly #getItems: StatementSync;
  readonly #putDirectory: StatementSync;
  readonly #putItems: StatementSync;
  readonly #deleteDirectory: StatementSync;
  readonly #deleteItems: StatementSync;
  readonly #getResumed: StatementSync;
  readonly #putResumed: StatementSync;
  readonly #getMeta: StatementSync;
  readonly #window: DirectoryWindow;
  #hasResumed: boolean;
  /** The source of this run, and when its state was last saved, as this run reads it. */
  #held: { readonly key: string; readonly savedAfter: string | undefined } | undefined;
  /** A new state is asked about every directory of a first backup in vain. */
  readonly #hasDirectories: boolean;

  private constructor(path: string) {
    const database = openDatabase(path);
    this.#database = database;
    this.#path = path;
    this.#getDirectories = database.prepare(
      `SELECT path, hash, tree, checksum FROM directories
        WHERE source = ? AND path >= ? ORDER BY path LIMIT ${windowRows}`,
    );
    this.#getDirectories.setReturnArrays(true);
    this.#window = new DirectoryWindow((source, from) => this.#directories(source, from));
    this.#getItems = database.prepare(
      'SELECT items FROM items WHERE source = ? AND path = ? AND page = ?',
    );
    this.#putDirectory = database.prepare(
      `INSERT OR REPLACE INTO directories (source, path, hash, tree, checksum)
        VALUES (?, ?, ?, ?, ?)`,
    );
    this.#putItems = database.prepare(
      'INSERT OR REPLACE INTO items (source, path, page, items) VALUES (?, ?, ?, ?)',
    );
    this.#deleteDirectory = database.prepare(
      'DELETE FROM directories WHERE source = ? AND path = ?',
    );
    this.#deleteItems = database.prepare(
      'DELETE FROM items WHERE source = ? AND path = ? AND page >= ?',
    );
    this.#getResumed = database.prepare(
      'SELECT fingerprint, entry FROM resumed WHERE source = ? AND path = ?',
    );
    this.#putResumed = database.prepare(
      'INSERT OR REPLACE INTO resumed (source, path, fingerprint, entry) VALUES (?, ?, ?, ?)',
    );
    this.#getMeta = database.prepare('SELECT value FROM meta WHERE key = ?');
    this.#hasResumed = database.prepare('SELECT 1 FROM resumed LIMIT 1').get() !== undefined;
    this.#hasDirectories =
      database.prepare('SELECT 1 FROM directories LIMIT 1').get() !== undefined;
  }

  /** Opens the state at `path`; a damaged or foreign file is replaced by an empty one. */
  static open(path: string): LocalState {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      return new LocalState(path);
    } catch (error) {
      // Only then: another process may have it open, and a file taken away from it loses both.
      const code = sqliteCode(error);
      if (!damageCodes.has(code) && code !== foreignCode) throw error;
      removeFiles(path);
      return new LocalState(path);
    }
  }

  /** The journal entry after which the state was saved, as text; undefined for an empty state. */
  savedAfter(): string | undefined {
    return this.#meta('tip');
  }

  /** What `commit` was told of packs that were not at hand when the state was made. */
  madeWithout(): string {
    return this.#meta('without') ?? '';
  }

  /**
   * From now on this run reads the state of a source as it is now, whatever other runs do to it:
   * what the scan found unchanged must be the same when the trees are built.
   */
  hold(source: Uint8Array): void {
    const key = `saved/${Buffer.from(source).toString('hex')}`;
    this.#window.clear();
    this.#database.exec('BEGIN');
    this.#held = { key, savedAfter: this.#meta(key) };
  }

  /** Has no other run saved the state of the source since `hold`? To be asked after `begin`. */
  isAsHeld(): boolean {
    return this.#held !== undefined && this.#meta(this.#held.key) === this.#held.savedAfter;
  }

  directory(source: Uint8Array, path: ByteString): DirectoryState | undefined {
    if (!this.#hasDirectories) return undefined;
    return this.#window.get(source, path);
  }

  /** The entries of a directory, ascending by name. */
  *items(source: Uint8Array, path: ByteString): Generator<ItemState> {
    const key = bytesOfByteString(path);
    // Page by page, not as one cursor: several directories are read at once, one inside the other.
    for (let page = 0; ; page++) {
      const bytes = this.#read(() => this.#getItems.get(source, key, page))?.['items'];
      if (!(bytes instanceof Uint8Array)) return;
      // An entry that changed on the disk would go into a tree as it is.
      if (!isWholePage(bytes)) throw this.#damaged();
      yield* decodeItems(bytes);
    }
  }

  /** Begins the changes of one backup. Nothing is visible to others before `commit`. */
  begin(): void {
    // The end of `hold`.
    this.rollback();
    this.#database.exec('BEGIN IMMEDIATE');
  }

  putDirectory(source: Uint8Array, path: ByteString, state: DirectoryState): void {
    this.#window.clear();
    const key = bytesOfByteString(path);
    const { hash, tree } = state;
    this.#putDirectory.run(source, key, hash, tree, checksumOf(key, hash, tree));
  }

  /** One page of the entries of a directory, as `ItemWriter` makes them. */
  putItems(source: Uint8Array, path: ByteString, page: number, items: Uint8Array): void {
    this.#putItems.run(source, bytesOfByteString(path), page, items);
  }

  /** The entries of a directory have so many pages: former ones beyond go. */
  endItems(source: Uint8Array, path: ByteString, pages: number): void {
    this.#deleteItems.run(source, bytesOfByteString(path), pages);
  }

  /** The entry of a file that a run which was cut short had finished, if it still looks the same. */
  resumed(source: Uint8Array, path: ByteString, fingerprint: Uint8Array): Uint8Array | undefined {
    if (!this.#hasResumed) return undefined;
    const row = this.#read(() => this.#getResumed.get(source, bytesOfByteString(path)));
    const [known, entry] = [row?.['fingerprint'], row?.['entry']];
    if (!(known instanceof Uint8Array) || !(entry instanceof Uint8Array)) return undefined;
    return bytesEqual(known, fingerprint) ? entry : undefined;
  }

  /** Remembers a file that a run which was cut short had finished. */
  putResumed(source: Uint8Array, item: ItemState & { readonly path: ByteString }): void {
    this.#hasResumed = true;
    this.#putResumed.run(source, bytesOfByteString(item.path), item.fingerprint, item.entry);
  }

  /** Forgets what `putResumed` kept of a source: its snapshot is complete. */
  clearResumed(source: Uint8Array): void {
    this.#database.prepare('DELETE FROM resumed WHERE source = ?').run(source);
  }

  /** Forgets one directory; those below it are forgotten by the caller or found missing later. */
  removeDirectory(source: Uint8Array, path: ByteString): void {
    this.#window.clear();
    const key = bytesOfByteString(path);
    this.#deleteDirectory.run(source, key);
    this.#deleteItems.run(source, key, 0);
  }

  /** `without`: which packs were not at hand, so that nothing was built upon them. */
  commit(after: Tip, without = ''): void {
    const put = this.#database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
    put.run('tip', tipText(after));
    put.run('without', without);
    if (this.#held) put.run(this.#held.key, tipText(after));
    this.#database.exec('COMMIT');
  }

  /** Ends what `begin` began without saying after which entry: only resumed files were added. */
  save(): void {
    this.#database.exec('COMMIT');
  }

  rollback(): void {
    this.#window.clear();
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }

  /** Forgets everything. */
  clear(): void {
    this.#window.clear();
    this.#database.exec(
      `BEGIN IMMEDIATE; DELETE FROM directories; DELETE FROM items; DELETE FROM meta;
      DELETE FROM resumed; COMMIT;`,
    );
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #directories(source: Uint8Array, from: Uint8Array): readonly DirectoryRow[] {
    return this.#read(() => this.#getDirectories.all(source, from)).map((row) => {
      const directory = directoryRow(row);
      if (directory === undefined) throw this.#damaged();
      return directory;
    });
  }

  #meta(key: string): string | undefined {
    const value = this.#read(() => this.#getMeta.get(key))?.['value'];
    return typeof value === 'string' ? value : undefined;
  }

  #read<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw damageCodes.has(sqliteCode(error)) ? this.#damaged(error) : error;
    }
  }

  /** Drops the file; this object goes on with what is open until it is closed. */
  #damaged(cause?: unknown): VersionsError {
    removeFiles(this.#path);
    return new VersionsError(
      'Corrupt',
      'LOCAL_STATE_DAMAGED',
      'What this machine remembers of the last backup is damaged',
      { hint: 'Run "versions backup" again: it starts anew and reads every file once', cause },
    );
  }
}

/** A journal entry's place in text, to compare. */
export function tipText(tip: Tip): string {
  return `${tip.lineage}/${tip.number}/${tip.hash}`;
}

/** Undefined for a row that is not as it was written: its tree would go into others as it is. */
function directoryRow(row: unknown): DirectoryRow | undefined {
  const [path, hash, tree, checksum]: readonly unknown[] = Array.isArray(row) ? row : [];
  const isWhole =
    path instanceof Uint8Array &&
    hash instanceof Uint8Array &&
    tree instanceof Uint8Array &&
    checksum === checksumOf(path, hash, tree);
  return isWhole ? [path, hash, tree] : undefined;
}

function checksumOf(path: Uint8Array, hash: Uint8Array, tree: Uint8Array): number {
  return crc32(tree, crc32(hash, crc32(path)));
}

function removeFiles(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}

/** SQLite's primary result code, if it is an error of SQLite's. */
function sqliteCode(error: unknown): number | undefined {
  const extended = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof extended === 'number' ? extended & 0xff : undefined;
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    setWriteAhead(database);
    // Lost after a power cut it only costs a full read; so it need not wait for the disk.
    database.exec('PRAGMA synchronous = NORMAL;');
    if (schemaOf(database) !== schemaVersion) makeTables(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * SQLite does not wait where two processes switch the same new file at once: it says "busy" to one
 * of them at once, which then asks again.
 */
function setWriteAhead(database: DatabaseSync): void {
  const pauseMs = 10;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; ; waitedMs += pauseMs) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (sqliteCode(error) !== busyCode || waitedMs >= busyTimeoutMs) throw error;
      Atomics.wait(pause, 0, 0, pauseMs);
    }
  }
}

function schemaOf(database: DatabaseSync): unknown {
  return database.prepare('PRAGMA user_version').get()?.['user_version'];
}

function makeTables(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  // Another process may have been faster.
  if (schemaOf(database) !== schemaVersion) {
    database.exec(`
      DROP TABLE IF EXISTS directories; DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS meta;
      DROP TABLE IF EXISTS resumed;
      CREATE TABLE resumed (source BLOB, path BLOB, fingerprint BLOB, entry BLOB,
        PRIMARY KEY (source, path));
      CREATE TABLE directories (source BLOB, path BLOB, hash BLOB, tree BLOB, checksum INTEGER,
        PRIMARY KEY (source, path)) WITHOUT ROWID;
      CREATE TABLE items (source BLOB, path BLOB, page INTEGER, items BLOB,
        PRIMARY KEY (source, path, page));
      CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
      PRAGMA user_version = ${schemaVersion};`);
  }
  database.exec('COMMIT');
}
