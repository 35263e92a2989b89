import { rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** The first name of a file with several, as it was saved. */
export interface SavedLink {
  /** The encoded entry, with the file id if it is explicit. */
  readonly entry: Uint8Array;
  readonly fileId: Uint8Array;
  /** Nothing has to be looked at again next time. */
  readonly certain: boolean;
}

/**
 * What one run knows of files with several names, and of file ids that have moved. On disk, because
 * a source may have millions of such files, whose other names may never come; made at the first.
 */
export class LinkTable implements Disposable {
  readonly #path: string;
  #open: Statements | undefined;

  /** `path`: a file that does not exist. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Notes that a name of the file was seen; true if one was seen before. */
  see(link: Uint8Array): boolean {
    return this.#statements().see.run(link).changes === 0;
  }

  put(link: Uint8Array, { entry, fileId, certain }: SavedLink): void {
    this.#statements().put.run(link, entry, fileId, certain ? 1 : 0);
  }

  get(link: Uint8Array): SavedLink | undefined {
    const row = this.#open?.get.get(link);
    const [entry, fileId] = [row?.['entry'], row?.['fileId']];
    if (!(entry instanceof Uint8Array) || !(fileId instanceof Uint8Array)) return undefined;
    return { entry, fileId, certain: row?.['certain'] === 1 };
  }

  /** A file that is not where it was keeps this file id. */
  claim(fileId: Uint8Array): void {
    this.#statements().claim.run(fileId);
  }

  isClaimed(fileId: Uint8Array): boolean {
    return this.#open?.isClaimed.get(fileId) !== undefined;
  }

  [Symbol.dispose](): void {
    if (this.#open === undefined) return;
    this.#open.database.close();
    this.#open = undefined;
    rmSync(this.#path, { force: true });
  }

  #statements(): Statements {
    this.#open ??= openTable(this.#path);
    return this.#open;
  }
}

interface Statements {
  readonly database: DatabaseSync;
  readonly see: StatementSync;
  readonly put: StatementSync;
  readonly get: StatementSync;
  readonly claim: StatementSync;
  readonly isClaimed: StatementSync;
}

function openTable(path: string): Statements {
  const database = new DatabaseSync(path);
  // For this run only: nothing of it must survive a crash. One transaction that never ends.
  database.exec(`
    PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192;
    CREATE TABLE seen (link BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE links (link BLOB PRIMARY KEY, entry BLOB, fileId BLOB, certain INTEGER);
    CREATE TABLE claims (fileId BLOB PRIMARY KEY) WITHOUT ROWID;
    BEGIN;`);
  return {
    database,
    see: database.prepare('INSERT OR IGNORE INTO seen (link) VALUES (?)'),
    put: database.prepare(
      'INSERT OR IGNORE INTO links (link, entry, fileId, certain) VALUES (?, ?, ?, ?)',
    ),
    get: database.prepare('SELECT entry, fileId, certain FROM links WHERE link = ?'),
    claim: database.prepare('INSERT OR IGNORE INTO claims (fileId) VALUES (?)'),
    isClaimed: database.prepare('SELECT 1 FROM claims WHERE fileId = ?'),
  };
}
