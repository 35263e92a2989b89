import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fsPath, replaceFileSync, type ByteString } from '../base/index.ts';
import { systemErrorCode } from '../errors/index.ts';
import type { FileStat } from '../files/index.ts';

/** A file system's clock, or a server's, may lag behind ours by so much. */
const slackSeconds = 24 * 3600;

interface Note {
  /** The start of the machine in which the files were written; absent where nobody can tell. */
  readonly boot?: string | undefined;
  /** Seconds since 1970: when the first restore of that start began. */
  readonly since: number;
  /** What of the snapshot was restored. */
  readonly scope: string;
}

export interface UnsafeWritesOptions {
  readonly cacheDir: string;
  readonly target: ByteString;
  /** Two restores of one scope write the same names. */
  readonly scope: string;
  readonly boot: string | undefined;
  /** Seconds since 1970. */
  readonly now: number;
}

/**
 * A restore does not wait for its disk, so a power cut may take the contents of files that have
 * their size and time already. Here is noted, durably and before the first of them is written, that
 * a target has such files. Until the machine was started anew they are what they seem; after that,
 * size and time of those written since prove nothing, and their contents are compared, until a
 * restore of the same scope has gone through all of them.
 */
export class UnsafeWrites {
  readonly #options: UnsafeWritesOptions;
  readonly #path: string;
  readonly #note: Note | undefined;

  constructor(options: UnsafeWritesOptions) {
    this.#options = options;
    this.#path = join(options.cacheDir, `restored-${nameOf(options.target)}.json`);
    this.#note = readNote(this.#path);
  }

  /** Was this written in an earlier start of the machine, so that its content may be lost? */
  mayBeTorn({ ctimeSeconds }: Pick<FileStat, 'ctimeSeconds'>): boolean {
    const note = this.#note;
    if (note === undefined || this.#isOfThisStart(note)) return false;
    return this.mayBeOurs({ ctimeSeconds });
  }

  /** Was this written since a restore into the target was first begun here, that it may be its own? */
  mayBeOurs({ ctimeSeconds }: Pick<FileStat, 'ctimeSeconds'>): boolean {
    return this.#note !== undefined && ctimeSeconds >= this.#note.since - slackSeconds;
  }

  /** To be called before anything is written. */
  begin(): void {
    const { boot, now, scope } = this.#options;
    const note = this.#note;
    if (note === undefined) this.#write({ boot, since: now, scope });
    // Only a restore of that very scope may say that all is well again.
    else if (note.scope !== scope && note.scope !== manyScopes)
      this.#write({ ...note, scope: manyScopes });
  }

  /** Everything of the scope was gone through. */
  end(): void {
    const { boot, now, scope } = this.#options;
    const note = this.#note;
    if (note === undefined || this.#isOfThisStart(note)) return;
    if (note.scope === scope || scope === wholeScope) this.#write({ boot, since: now, scope });
  }

  #isOfThisStart({ boot }: Note): boolean {
    return boot !== undefined && boot !== '' && boot === this.#options.boot;
  }

  #write(note: Note): void {
    try {
      replaceFileSync(this.#path, JSON.stringify(note), { flush: true });
      const directory = openSync(this.#options.cacheDir, 'r');
      try {
        fsyncSync(directory);
      } finally {
        closeSync(directory);
      }
    } catch (error) {
      // A cache that is full or may only be read: what is not noted is merely not noticed.
      if (systemErrorCode(error) === undefined) throw error;
    }
  }
}

/** The scope of a restore of everything. */
export const wholeScope = '';
const manyScopes = '*';

/** One target, however it is called. */
function nameOf(target: ByteString): string {
  let real: Buffer;
  try {
    real = realpathSync(fsPath(target), 'buffer');
  } catch {
    real = Buffer.from(target, 'latin1');
  }
  return createHash('sha256').update(real).digest('hex').slice(0, 32);
}

function readNote(path: string): Note | undefined {
  try {
    const note: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof note !== 'object' || note === null) return undefined;
    if (!('since' in note) || typeof note.since !== 'number') return undefined;
    const boot = 'boot' in note && typeof note.boot === 'string' ? note.boot : undefined;
    const scope = 'scope' in note && typeof note.scope === 'string' ? note.scope : manyScopes;
    return { boot, since: note.since, scope };
  } catch {
    return undefined;
  }
}
