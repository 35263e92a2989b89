import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  open,
  openSync,
  read,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { makeDirectoriesSync } from '../base/index.ts';
import { systemErrorCode } from '../errors/index.ts';
import { lockFile } from './file-lock.ts';
import { journalError, notJournal } from './journal-errors.ts';

/**
 * The few calls through which the journal reaches its file, so that tests can record them, let
 * them fail, and cut the power between them. Errors are those of `node:fs`.
 */
export interface LogFile {
  size(): number;
  /** Reads what is there, which may be less than asked for only at the end of the file. */
  readNow(into: Uint8Array, position: number): number;
  read(into: Uint8Array, position: number): Promise<number>;
  /** Hands all bytes to the operating system, or throws. */
  write(bytes: Uint8Array, position: number): void;
  truncate(size: number): void;
  /** Resolves when everything written and truncated before the call survives a power cut. */
  sync(): Promise<void>;
  /** Resolves when the file's name survives a power cut. */
  syncName(): Promise<void>;
  /** False if the path leads to another file by now, or to none. */
  isInPlace(): boolean;
  close(): void;
}

/** Exclusive use of a journal; ends at the latest with the process. */
export interface LogLock {
  release(): void;
}

export interface JournalIo {
  /** Opens the file; makes it if it is missing, unless `readOnly`. */
  open(path: string, options: { readonly readOnly: boolean }): LogFile;
  /** Throws `Conflict` (code JOURNAL_BUSY) while anybody else holds it. */
  lock(path: string): LogLock;
}

/** The real disk. */
export const diskIo: JournalIo = {
  open(path, { readOnly }) {
    // Without O_NONBLOCK, opening a FIFO for reading would wait for ever.
    const flags = readOnly
      ? constants.O_RDONLY | constants.O_NONBLOCK
      : constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK;
    const fd = openSync(path, flags, 0o600);
    const stat = fstatSync(fd);
    if (stat.isFile()) return new DiskFile(path, fd);
    closeSync(fd);
    throw notJournal(path);
  },
  lock(path) {
    try {
      makeDirectoriesSync(dirname(resolve(path)));
      return lockFile(path);
    } catch (error) {
      throw journalError(error, path);
    }
  },
};

const readAsync = promisify(read);
const syncData = promisify(fdatasync);
const openAsync = promisify(open);
const syncAll = promisify(fsync);
const closeAsync = promisify(close);

class DiskFile implements LogFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #identity: string;

  constructor(path: string, fd: number) {
    this.#path = resolve(path);
    this.#fd = fd;
    this.#identity = identityOf(fstatSync(fd, { bigint: true }));
  }

  size(): number {
    return fstatSync(this.#fd).size;
  }

  readNow(into: Uint8Array, position: number): number {
    let done = 0;
    while (done < into.length) {
      const count = readSync(this.#fd, into, done, into.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const length = into.length - done;
      const { bytesRead } = await readAsync(this.#fd, into, done, length, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  write(bytes: Uint8Array, position: number): void {
    let done = 0;
    while (done < bytes.length)
      done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
  }

  truncate(size: number): void {
    ftruncateSync(this.#fd, size);
  }

  async sync(): Promise<void> {
    await syncData(this.#fd);
  }

  async syncName(): Promise<void> {
    let fd: number;
    try {
      fd = await openAsync(dirname(this.#path), 'r');
    } catch (error) {
      if (cannotSyncDirectories(error)) return;
      throw error;
    }
    try {
      await syncAll(fd);
    } catch (error) {
      if (!cannotSyncDirectories(error)) throw error;
    } finally {
      await closeAsync(fd);
    }
  }

  isInPlace(): boolean {
    const stat = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    return stat !== undefined && identityOf(stat) === this.#identity;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function identityOf(stat: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${stat.dev}:${stat.ino}`;
}

/** Windows and some network file systems know no fsync of a directory. */
function cannotSyncDirectories(error: unknown): boolean {
  return ['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP', 'EBADF'].includes(systemErrorCode(error) ?? '');
}
