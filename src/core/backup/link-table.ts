import { ScratchDatabase } from '../files/index.ts';

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
  readonly #tables: ScratchDatabase<keyof typeof sql>;

  /** `path`: a file that does not exist. */
  constructor(path: string) {
    this.#tables = new ScratchDatabase(path, tables, sql);
  }

  /** Notes that a name of the file was seen; true if one was seen before. */
  see(link: Uint8Array): boolean {
    return this.#tables.statement('see').run(link).changes === 0;
  }

  put(link: Uint8Array, { entry, fileId, certain }: SavedLink): void {
    this.#tables.statement('put').run(link, entry, fileId, certain ? 1 : 0);
  }

  get(link: Uint8Array): SavedLink | undefined {
    const row = this.#tables.isOpen ? this.#tables.statement('get').get(link) : undefined;
    const [entry, fileId] = [row?.['entry'], row?.['fileId']];
    if (!(entry instanceof Uint8Array) || !(fileId instanceof Uint8Array)) return undefined;
    return { entry, fileId, certain: row?.['certain'] === 1 };
  }

  /** A file that is not where it was keeps this file id. */
  claim(fileId: Uint8Array): void {
    this.#tables.statement('claim').run(fileId);
  }

  isClaimed(fileId: Uint8Array): boolean {
    return this.#tables.isOpen && this.#tables.statement('isClaimed').get(fileId) !== undefined;
  }

  [Symbol.dispose](): void {
    this.#tables[Symbol.dispose]();
  }
}

const tables = `
  CREATE TABLE seen (link BLOB PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE links (link BLOB PRIMARY KEY, entry BLOB, fileId BLOB, certain INTEGER);
  CREATE TABLE claims (fileId BLOB PRIMARY KEY) WITHOUT ROWID;`;

const sql = {
  see: 'INSERT OR IGNORE INTO seen (link) VALUES (?)',
  put: 'INSERT OR IGNORE INTO links (link, entry, fileId, certain) VALUES (?, ?, ?, ?)',
  get: 'SELECT entry, fileId, certain FROM links WHERE link = ?',
  claim: 'INSERT OR IGNORE INTO claims (fileId) VALUES (?)',
  isClaimed: 'SELECT 1 FROM claims WHERE fileId = ?',
} as const;
