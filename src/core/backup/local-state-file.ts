import { chmodSync, closeSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeDirectoriesSync } from '../base/index.ts';

/** Bump it when anything in the tables changes: the state is then simply made anew. */
const schemaVersion = 4;
/** SQLite's codes for a file that is damaged or is no database. */
const damageCodes: ReadonlySet<unknown> = new Set([11, 26]);
/** Beside damage, what a database of something else gives: tables or columns are not there. */
const foreignCode = 1;
/** How long it is waited for another process that writes. */
const busyTimeoutMs = 30_000;
const busyCode = 5;
const ownerOnly = 0o600;

/**
 * Opens the database of the local state, with its tables; makes it if it is not there, for its owner
 * alone: it holds names in clear.
 */
export function openStateFile(path: string): DatabaseSync {
  makeDirectoriesSync(dirname(path));
  // SQLite gives the files beside it the same mode.
  closeSync(openSync(path, 'a', ownerOnly));
  chmodSync(path, ownerOnly);
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

/** Takes the database away, with what SQLite keeps beside it. */
export function removeStateFile(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}

/** Is the file damaged, or no database at all? */
export function isDamage(error: unknown): boolean {
  return damageCodes.has(sqliteCode(error));
}

/** Is it a database of something else? */
export function isForeign(error: unknown): boolean {
  return sqliteCode(error) === foreignCode;
}

/** SQLite's primary result code, if it is an error of SQLite's. */
function sqliteCode(error: unknown): number | undefined {
  const extended = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof extended === 'number' ? extended & 0xff : undefined;
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
