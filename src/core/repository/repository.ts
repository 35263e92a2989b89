import { join } from 'node:path';
import type { Clock, PackName, Random, RepositoryId, WriterId } from '../base/index.ts';
import type { Catalog } from '../catalog/index.ts';
import type { MasterBundle, RepositoryKeys } from '../crypto/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { ChunkTable, RepositoryConfig } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { SharedIndex, WorkerPoolOptions } from '../workers/index.ts';
import { WorkerPool } from '../workers/index.ts';
import { ChunkReader, indexPack } from './chunk-reader.ts';
import type { Debts } from './debts.ts';
import type { EntryLog } from './entry-log.ts';
import { rememberHighest } from './highest-entry.ts';
import { loadIndex, saveIndex } from './index-cache.ts';
import { IndexCover } from './index-cover.ts';
import { metaKeys } from './meta-keys.ts';
import { RecentPacks } from './pack-log.ts';
import type { RepositoryState } from './repository-state.ts';
import type { ImageTie } from './state-file.ts';

export interface RepositoryParts {
  readonly config: RepositoryConfig;
  readonly bundle: MasterBundle;
  readonly keys: RepositoryKeys;
  readonly mirrors: MirrorSet;
  readonly catalog: Catalog;
  readonly state: RepositoryState;
  readonly log: EntryLog;
  readonly writer: WriterId;
  readonly readOnly: boolean;
  readonly debts: Debts;
  /** Private directory of this repository on this machine. */
  readonly cacheDir: string;
  /** What ties the saved index image to the saved state; undefined if nothing usable was saved. */
  readonly saved: ImageTie | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly monitor: Monitor;
  /** Worker threads to use; as many as processors is right. */
  readonly threads: number;
  /** Bytes at which a pack is closed; undefined: grows with the repository. */
  readonly packBytes: number | undefined;
}

/** An open repository: keys, mirrors, catalog, and what the journal says. */
export class Repository implements AsyncDisposable {
  readonly #parts: RepositoryParts;
  /** Packs that were stored since the repository was opened. */
  readonly recentPacks: RecentPacks = new RecentPacks();
  /** Packs that no mirror at hand has: their chunks count as not stored. */
  readonly lostPacks: Set<PackName> = new Set();
  /**
   * Nothing needs the lost packs any more, as a healer has seen: what was in them is stored again.
   * A hint: whoever verifies looks anew.
   */
  lossIsOver = false;
  /** Packs whose table lies in an archive wherever there is one: what is in them is not known here. */
  readonly archivedPacks: Set<PackName> = new Set();
  #index: SharedIndex | undefined;
  #cover: IndexCover = new IndexCover();
  #reader: ChunkReader | undefined;

  constructor(parts: RepositoryParts) {
    this.#parts = parts;
  }

  get id(): RepositoryId {
    return this.#parts.config.repository;
  }

  /** The id under which this machine writes. */
  get writer(): WriterId {
    return this.#parts.writer;
  }

  get encrypted(): boolean {
    return this.#parts.config.suite !== 0;
  }

  get config(): RepositoryConfig {
    return this.#parts.config;
  }

  get bundle(): MasterBundle {
    return this.#parts.bundle;
  }

  get keys(): RepositoryKeys {
    return this.#parts.keys;
  }

  get mirrors(): MirrorSet {
    return this.#parts.mirrors;
  }

  get catalog(): Catalog {
    return this.#parts.catalog;
  }

  get state(): RepositoryState {
    return this.#parts.state;
  }

  get log(): EntryLog {
    return this.#parts.log;
  }

  get readOnly(): boolean {
    return this.#parts.readOnly;
  }

  /** Objects that this run could not store in every mirror. */
  get debts(): Debts {
    return this.#parts.debts;
  }

  get clock(): Clock {
    return this.#parts.clock;
  }

  get random(): Random {
    return this.#parts.random;
  }

  get monitor(): Monitor {
    return this.#parts.monitor;
  }

  get threads(): number {
    return this.#parts.threads;
  }

  /** What change detection remembers (private to this machine, disposable). */
  get localStatePath(): string {
    return join(this.#parts.cacheDir, 'local-state.db');
  }

  /** Sessions under way or cut short have a directory each below it. */
  get sessionsDirectory(): string {
    return join(this.#parts.cacheDir, 'sessions');
  }

  get cacheDir(): string {
    return this.#parts.cacheDir;
  }

  /** The cache holds a folded journal that this one went on from. */
  get hasSavedState(): boolean {
    return this.#parts.saved !== undefined;
  }

  /** Does the journal hold the entry with this place, as `tipText` gives it? */
  async holdsEntry(text: string): Promise<boolean> {
    const [lineage, number, hash] = text.split('/');
    for await (const row of this.catalog.read(Number(number) - 1)) {
      return row.lineage === lineage && row.hash === hash;
    }
    return false;
  }

  /** The chunk index. `loadIndex` must have been awaited. */
  get index(): SharedIndex {
    if (this.#index === undefined) {
      throw new VersionsError(
        'Internal',
        'INDEX_NOT_LOADED',
        'The chunk index is used before it was loaded',
      );
    }
    return this.#index;
  }

  /** Loads the chunk index from the local cache and what is newer from the packs' tables. */
  async loadIndex(signal?: AbortSignal): Promise<SharedIndex> {
    if (this.#index === undefined) {
      const { index, cover } = await loadIndex(this, this.#parts.saved, signal);
      this.#index = index;
      this.#cover = cover;
    }
    return this.#index;
  }

  /** Packs of which the index holds no chunks: they cannot be read, or came from others meanwhile. */
  get packsNotIndexed(): readonly PackName[] {
    const { packs } = this.state;
    return this.#cover.missing(packs.count).flatMap((number) => {
      const pack = packs.at(number);
      return pack && packs.lifeOf(pack.name) !== 'swept' ? [pack.name] : [];
    });
  }

  /** Tells the chunk index where the chunks of a pack are. */
  indexPack(number: number, table: ChunkTable): void {
    indexPack(this.index, number, table);
    this.#cover.add(number);
  }

  /** Reads chunks. Loads the index first. */
  async chunks(signal?: AbortSignal): Promise<ChunkReader> {
    if (this.#reader) return this.#reader;
    const index = await this.loadIndex(signal);
    const { mirrors, keys, state } = this.#parts;
    this.#reader = new ChunkReader({
      mirrors,
      keys,
      repository: this.id,
      index,
      packs: state.packs,
    });
    return this.#reader;
  }

  /** A pool of workers that know this repository's keys and index. The index must be loaded. */
  startWorkers(options: Partial<Omit<WorkerPoolOptions, 'setup'>> = {}): WorkerPool {
    const { config, bundle } = this.#parts;
    return new WorkerPool({
      threads: this.threads,
      ...options,
      setup: {
        keys: bundle.workerKeys(config.suite),
        repository: this.id,
        chunkAvgBytes: config.chunkBytesAvg,
        blockBytes: config.blockBytes,
        packBytes: this.packBytes,
        index: this.index.handle,
      },
    });
  }

  /** Packs grow with the repository, so that their number stays handy: 16, 32, then 64 MiB. */
  get packBytes(): number {
    if (this.#parts.packBytes !== undefined) return this.#parts.packBytes;
    const mebibyte = 1024 * 1024;
    const stored = this.state.packs.bytes;
    if (stored < 64 * 1024 * mebibyte) return 16 * mebibyte;
    return stored < 512 * 1024 * mebibyte ? 32 * mebibyte : 64 * mebibyte;
  }

  /** Keeps what is new of journal and index for the next start. */
  async saveCaches(): Promise<void> {
    if (this.#index) await saveIndex(this, this.#index, this.#cover);
  }

  /** Throws if this client must not write. */
  assertWritable(): void {
    if (this.readOnly) {
      throw new VersionsError(
        'Usage',
        'REPOSITORY_READ_ONLY',
        'The repository was opened for reading only',
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#noteStored();
    await this.#parts.mirrors[Symbol.asyncDispose]();
    await this.#parts.catalog[Symbol.asyncDispose]();
  }

  /** Says for verifying that the last entry is in the mirrors, so that one that lacks it lost it. */
  async #noteStored(): Promise<void> {
    const { stored } = this.log;
    if (stored === undefined) return;
    if (stored === this.state.tip?.hash) rememberHighest(this);
    try {
      await this.catalog.setMeta(metaKeys.stored, stored);
    } catch {
      // Then verifying leaves the last entry out, as after a crash; nothing else depends on it.
    }
  }
}
