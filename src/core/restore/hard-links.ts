import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { bytesOfByteString, byteStringOf, toHex, type ByteString } from '../base/index.ts';
import { ScratchDatabase } from '../files/index.ts';
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
  readonly #names: ScratchDatabase<keyof typeof sql>;
  readonly #further: FileTable;

  /** `directory`: private; nothing else in it is named `links` or `link-names`. */
  constructor(directory: string) {
    this.#names = new ScratchDatabase(join(directory, 'links'), table, sql);
    this.#further = new FileTable(join(directory, 'link-names'));
  }

  /** The first name that came with this id; `path` becomes that, if it is the first. */
  firstName(id: Uint8Array, path: ByteString): ByteString {
    const { changes } = this.#names.statement('see').run(id, bytesOfByteString(path));
    if (changes !== 0) return path;
    const first = this.#names.statement('find').get(id)?.['path'];
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
    this.#names[Symbol.dispose]();
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

const table = 'CREATE TABLE names (id BLOB PRIMARY KEY, path BLOB) WITHOUT ROWID;';

const sql = {
  see: 'INSERT OR IGNORE INTO names (id, path) VALUES (?, ?)',
  find: 'SELECT path FROM names WHERE id = ?',
} as const;
