import { join } from 'node:path';
import type { ByteString } from '../base/index.ts';
import type { TreeEntry } from '../format/index.ts';
import type { RestoreFile } from '../workers/index.ts';
import { type ChunkUse, ChunkUses } from './chunk-uses.ts';
import { FileTable } from './file-table.ts';
import { HardLinks } from './hard-links.ts';
import { MetadataMisses } from './metadata-misses.ts';
import { NumberSet } from './number-set.ts';

const stateNames: readonly RestoreFile['state'][] = ['absent', 'created', 'present', 'same'];

/** A file of the plan. */
export interface PlannedFile {
  /** Relative to the target. */
  readonly path: ByteString;
  /** The encoded tree entry. */
  readonly entry: Uint8Array;
  readonly state: RestoreFile['state'];
  /** How many chunks are to be written to it. */
  readonly writes: number;
  /** Encoded extended attributes that do not stand in the entry; often empty. */
  readonly xattrs: Uint8Array;
}

/** What a restore will do, gathered by walking the tree. All of it is on disk when it is long. */
export class RestorePlan implements Disposable {
  /** Files that get content or metadata. */
  readonly #files: FileTable;
  #uses: ChunkUses;
  readonly #taken: ChunkUses[] = [];
  /** Directories, parents first: their metadata come last, children first. */
  readonly directories: FileTable;
  /** Symlinks and special files. */
  readonly others: FileTable;
  readonly links: HardLinks;
  /** Files that cannot be restored whole, which has been told. */
  readonly failed: NumberSet = new NumberSet();
  readonly misses: MetadataMisses = new MetadataMisses();

  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#files = new FileTable(join(directory, 'files'));
    this.#uses = new ChunkUses(join(directory, 'uses'));
    this.directories = new FileTable(join(directory, 'directories'));
    this.others = new FileTable(join(directory, 'others'));
    this.links = new HardLinks(directory);
  }

  get fileCount(): number {
    return this.#files.count;
  }

  /** Which chunks go where; without what was taken out. */
  get uses(): ChunkUses {
    return this.#uses;
  }

  addUse({ location, file, fileOffset, id }: ChunkUse): void {
    this.#uses.add(location, file, fileOffset, id);
  }

  /** Takes out what was noted of chunks so far: it is written while more is planned. */
  takeUses(): ChunkUses {
    const taken = this.#uses;
    this.#taken.push(taken);
    this.#uses = new ChunkUses(join(this.#directory, `uses-${this.#taken.length}`));
    return taken;
  }

  /** Returns the number of the file. */
  addFile({ path, entry, state, writes, xattrs }: PlannedFile): number {
    return this.#files.add(path, entry, {
      extra: xattrs,
      writes,
      state: stateNames.indexOf(state),
    });
  }

  file(number: number): PlannedFile {
    const { path, entry, extra, writes, state } = this.#files.at(number);
    return { path, entry, state: stateNames[state] ?? 'absent', writes, xattrs: extra };
  }

  [Symbol.dispose](): void {
    this.#files.remove();
    for (const uses of [...this.#taken, this.#uses]) uses.remove();
    this.directories.remove();
    this.others.remove();
    this.links[Symbol.dispose]();
  }
}

/** Bytes of an entry that are written without any chunk. */
export function isChunkless(entry: TreeEntry): boolean {
  return entry.chunks === undefined && entry.list === undefined;
}
