import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { systemErrorCode, VersionsError } from '../errors/index.ts';
import { journalBusy } from './journal-errors.ts';
import type { LogLock } from './log-file.ts';

/**
 * Locks `<path>.lock` until `release` or the end of the process, whichever comes first.
 *
 * Node offers no file locks, but SQLite takes them for us: a transaction in exclusive mode on an
 * empty database file that is never written. The kernel drops the lock when the process dies, so
 * nothing is left behind to be judged stale, and process ids (reused, or hidden from each other in
 * containers) play no part. The lock file itself stays: removing it would let two processes hold
 * locks on two files of the same name.
 *
 * One weakness is POSIX's: if this very process opens and closes the lock file elsewhere, the lock
 * is gone without a word. The journal's header catches a second writer even then.
 */
export function lockFile(path: string): LogLock {
  const lockPath = `${path}.lock`;
  createEmpty(lockPath);
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(lockPath, { timeout: 0 });
  } catch (error) {
    throw lockError(error, path);
  }
  try {
    // In memory: otherwise SQLite would put an empty rollback journal beside the lock file.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw lockError(error, path);
  }
  return { release: () => database.close() };
}

function createEmpty(lockPath: string): void {
  try {
    // Only if it is new: closing a file that is there could drop a lock that this process holds.
    closeSync(openSync(lockPath, 'wx', 0o600));
    chmodSync(lockPath, 0o600);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}

/** SQLite's primary result codes. */
const sqliteBusy = 5;
const sqliteReadOnly = 8;
const sqliteCantOpen = 14;

function lockError(error: unknown, path: string): VersionsError {
  const extended = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  const code = typeof extended === 'number' ? extended & 0xff : 0;
  if (code === sqliteBusy) return journalBusy(path);
  const details = { cause: error, context: { path } };
  if (code === sqliteReadOnly || code === sqliteCantOpen) {
    return new VersionsError('Denied', 'JOURNAL_DENIED', `Not allowed to lock ${path}.lock`, {
      ...details,
      hint: 'Check the owner and mode of the file and of its directory',
    });
  }
  return new VersionsError(
    'Unavailable',
    'JOURNAL_LOCK_FAILED',
    `The file ${path}.lock could not be locked`,
    {
      ...details,
      hint: 'Keep the state directory on a local disk; if the lock file is not empty, remove it',
    },
  );
}
