import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { bytesEqual, bytesOfByteString, byteStringOf, type ByteString } from '../base/index.ts';
import type { Tip } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { DirectoryWindow, windowRows, type DirectoryRow } from './directory-window.ts';
import { decodeItems, isWholePage, type ItemState } from './item-pages.ts';
import { isDamage, isForeign, openStateFile, removeStateFile } from './local-state-file.ts';

/** What was known of a directory after the last backup of its source. */
export interface DirectoryState {
  /** Hash over the names and fingerprints of its entries. */
  readonly hash: Uint8Array;
  /** Top tree page. */
  readonly tree: Uint8Array;
}

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
  readonly #getPage: StatementSync;
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
  /** False for a new state: it would be asked about every directory of a first backup in vain. */
  readonly hasDirectories: boolean;

  private constructor(path: string) {
    const database = openStateFile(path);
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
    this.#getPage = database.prepare('SELECT path, items FROM items WHERE rowid = ?');
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
    this.hasDirectories = database.prepare('SELECT 1 FROM directories LIMIT 1').get() !== undefined;
  }

  /** Opens the state at `path`; a damaged or foreign file is replaced by an empty one. */
  static open(path: string): LocalState {
    try {
      return new LocalState(path);
    } catch (error) {
      // Only then: another process may have it open, and a file taken away from it loses both.
      if (!isDamage(error) && !isForeign(error)) throw error;
      removeStateFile(path);
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
    if (!this.hasDirectories) return undefined;
    return this.#window.get(source, path);
  }

  /** The entries of a directory, ascending by name. */
  *items(source: Uint8Array, path: ByteString): Generator<ItemState> {
    const key = bytesOfByteString(path);
    // Page by page, not as one cursor: several directories are read at once, one inside the other.
    for (let page = 0; ; page++) {
      const bytes = this.#read(() => this.#getItems.get(source, key, page))?.['items'];
      if (!(bytes instanceof Uint8Array)) return;
      yield* this.#decodePage(bytes);
    }
  }

  /** Every page of entries of a source, with the row that `itemPage` finds it by. */
  *itemPages(source: Uint8Array): Generator<{
    readonly row: number;
    readonly items: Iterable<ItemState>;
  }> {
    // Rows only, a range at a time: another statement must not wait while this one is open.
    const rowsAfter = this.#database.prepare(
      'SELECT rowid AS row FROM items WHERE rowid > ? AND source = ? ORDER BY rowid LIMIT 4096',
    );
    for (let last = -1; ;) {
      const rows = this.#read(() => rowsAfter.all(last, source)).map(({ row }) => Number(row));
      if (rows.length === 0) return;
      for (const row of rows) {
        const page = this.itemPage(row);
        if (page !== undefined) yield { row, items: page.items };
      }
      last = rows.at(-1) ?? last;
    }
  }

  itemPage(
    row: number,
  ): { readonly path: ByteString; readonly items: Iterable<ItemState> } | undefined {
    const found = this.#read(() => this.#getPage.get(row));
    const [path, bytes] = [found?.['path'], found?.['items']];
    if (!(path instanceof Uint8Array) || !(bytes instanceof Uint8Array)) return undefined;
    return { path: byteStringOf(path), items: this.#decodePage(bytes) };
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

  #decodePage(bytes: Uint8Array): Iterable<ItemState> {
    // An entry that changed on the disk would go into a tree as it is.
    if (!isWholePage(bytes)) throw this.#damaged();
    return decodeItems(bytes);
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
      throw isDamage(error) ? this.#damaged(error) : error;
    }
  }

  /** Drops the file; this object goes on with what is open until it is closed. */
  #damaged(cause?: unknown): VersionsError {
    removeStateFile(this.#path);
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
