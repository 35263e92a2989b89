import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { bytesOfByteString, byteStringOf, toHex, type ByteString } from '../base/index.ts';
import type { TreeEntry } from '../format/index.ts';
import { FileTable } from './file-table.ts';

/** A further name of a file, and the name that was restored first. */
export interface HardLink {
  readonly path: ByteString;
  readonly first: ByteString;
}

/**
 * Files with several names: which name of each comes first, and which follow. On disk, because
 * there may be millions; made at the first.
 */
export class HardLinks implements Disposable {
  readonly #path: string;
  readonly #further: FileTable;
  #open: Statements | undefined;

  /** `directory`: private; nothing else in it is named `links` or `link-names`. */
  constructor(directory: string) {
    this.#path = join(directory, 'links');
    this.#further = new FileTable(join(directory, 'link-names'));
  }

  /** The first name that came with this id; `path` becomes that, if it is the first. */
  firstName(id: Uint8Array, path: ByteString): ByteString {
    this.#open ??= openTable(this.#path);
    const { see, find } = this.#open;
    if (see.run(id, bytesOfByteString(path)).changes !== 0) return path;
    const first = find.get(id)?.['path'];
    return first instanceof Uint8Array ? byteStringOf(first) : path;
  }

  add({ path, first }: HardLink): void {
    this.#further.add(path, bytesOfByteString(first));
  }

  /** In the order they were added. */
  *[Symbol.iterator](): Generator<HardLink> {
    for (let number = 0; number < this.#further.count; number++) {
      const { path, entry } = this.#further.at(number);
      yield { path, first: byteStringOf(entry) };
    }
  }

  [Symbol.dispose](): void {
    this.#further.remove();
    if (this.#open === undefined) return;
    this.#open.database.close();
    this.#open = undefined;
    rmSync(this.#path, { force: true });
  }
}

/** The same for names of one file with the same content. */
export function linkIdOf(fileId: Uint8Array, entry: TreeEntry): Uint8Array {
  const { kind, size, inline, chunks, list, target } = entry;
  const content = chunks ?? list ?? inline ?? target ?? new Uint8Array(0);
  return createHash('sha256')
    .update(`${toHex(fileId)} ${kind} ${size} `)
    .update(content)
    .digest();
}

interface Statements {
  readonly database: DatabaseSync;
  readonly see: StatementSync;
  readonly find: StatementSync;
}

function openTable(path: string): Statements {
  const database = new DatabaseSync(path);
  // For this run only: nothing of it must survive a crash. One transaction that never ends.
  database.exec(`
    PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192;
    CREATE TABLE names (id BLOB PRIMARY KEY, path BLOB) WITHOUT ROWID;
    BEGIN;`);
  return {
    database,
    see: database.prepare('INSERT OR IGNORE INTO names (id, path) VALUES (?, ?)'),
    find: database.prepare('SELECT path FROM names WHERE id = ?'),
  };
}
