import { join } from 'node:path';
import type { ByteString } from '../base/index.ts';
import type { TreeEntry, Xattr } from '../format/index.ts';
import type { RestoreFile } from '../workers/index.ts';
import { ChunkUses } from './chunk-uses.ts';
import { FileTable } from './file-table.ts';
import { MetadataMisses } from './metadata-misses.ts';

const stateNames: readonly RestoreFile['state'][] = ['absent', 'created', 'present', 'same'];

/** What a restore will do, gathered by walking the tree. */
export class RestorePlan {
  /** Files that get content or metadata. */
  readonly files: FileTable;
  readonly uses: ChunkUses;
  /** Directories, parents first: their metadata come last, children first. */
  readonly directories: FileTable;
  /** Symlinks and special files. */
  readonly others: FileTable;
  /** Further names of files with hard links: path, and the path that was restored first. */
  readonly links: { readonly path: ByteString; readonly first: ByteString }[] = [];
  readonly misses: MetadataMisses = new MetadataMisses();
  /** Large extended attributes by file number. */
  readonly xattrs: Map<number, readonly Xattr[]> = new Map();
  #writesLeft: Uint32Array = new Uint32Array(1024);
  #states: Uint8Array = new Uint8Array(1024);

  constructor(directory: string) {
    this.files = new FileTable(join(directory, 'files'));
    this.uses = new ChunkUses(join(directory, 'uses'));
    this.directories = new FileTable(join(directory, 'directories'));
    this.others = new FileTable(join(directory, 'others'));
  }

  addFile(path: ByteString, encoded: Uint8Array, state: RestoreFile['state']): number {
    const number = this.files.add(path, encoded);
    if (number >= this.#states.length) {
      const states = new Uint8Array(this.#states.length * 2);
      states.set(this.#states);
      this.#states = states;
      const left = new Uint32Array(this.#writesLeft.length * 2);
      left.set(this.#writesLeft);
      this.#writesLeft = left;
    }
    this.#states[number] = stateNames.indexOf(state);
    return number;
  }

  stateOf(file: number): RestoreFile['state'] {
    return stateNames[this.#states[file] ?? 0] ?? 'absent';
  }

  addWrites(file: number, count: number): void {
    this.#writesLeft[file] = (this.#writesLeft[file] ?? 0) + count;
  }

  /** Takes writes off; returns how many are left. */
  takeWrites(file: number, count: number): number {
    const left = (this.#writesLeft[file] ?? 0) - count;
    this.#writesLeft[file] = left;
    return left;
  }

  writesLeft(file: number): number {
    return this.#writesLeft[file] ?? 0;
  }

  remove(): void {
    this.files.remove();
    this.uses.remove();
    this.directories.remove();
    this.others.remove();
  }
}

/** Bytes of an entry that are written without any chunk. */
export function isChunkless(entry: TreeEntry): boolean {
  return entry.chunks === undefined && entry.list === undefined;
}
