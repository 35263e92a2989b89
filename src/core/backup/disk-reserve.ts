import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../base/index.ts';
import { systemErrorCode } from '../errors/index.ts';

const reserveBytes = 4 * 1024 * 1024;
const pieceBytes = 64 * 1024;

/**
 * Room on the disk of the cache that is held while a backup runs and given back when it ends: what
 * a run has finished can then be recorded although the disk became full. On a disk that is full
 * already there is nothing to hold.
 */
export class DiskReserve implements Disposable {
  readonly #path: string;

  /** `random` gives bytes that no file system stores in less space than they take. */
  constructor(directory: string, random: Random) {
    this.#path = join(directory, 'reserve');
    const piece = random.bytes(pieceBytes);
    const file = openSync(this.#path, 'w', 0o600);
    try {
      for (let at = 0; at < reserveBytes; at += pieceBytes) writeSync(file, piece);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOSPC' && systemErrorCode(error) !== 'EDQUOT') throw error;
    } finally {
      closeSync(file);
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { force: true });
  }
}
