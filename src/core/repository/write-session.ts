import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectoriesSync, newId, type SessionId, type SnapshotId } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import {
  decodeChunkTable,
  type JournalRecord,
  type PackRecord,
  type SnapshotRecord,
} from '../format/index.ts';
import { FileJournal } from '../journal/index.ts';
import type { SealedPack } from '../workers/index.ts';
import { eventsOfLedger, newEvents } from './fold-events.ts';
import { packKey } from './object-keys.ts';
import { encodeLoggedPack } from './pack-log.ts';
import type { Repository } from './repository.ts';

/** A group of packs is journaled at the latest after so much time or so many bytes. */
const groupMs = 5 * 60 * 1000;
const groupBytes = 4 * 1024 * 1024 * 1024;

/** So many objects are stored at most before the mirrors' markers are read again. */
const unconfirmedMax = 10_000;

export const packLogName = 'packs.log';

export interface SessionOptions {
  readonly host: string;
  readonly parent?: SnapshotId | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One client writing: from the `session` entry to the commit. Packs go to the mirrors at once; when
 * the quorum has one it is logged on disk, and from then on never uploaded again, whatever happens
 * to this process. The journal hears of packs in groups, and of the last ones together with the
 * snapshot, in one entry: that is the commit.
 */
export class WriteSession implements AsyncDisposable {
  readonly id: SessionId;
  /** Private to the session: log, queue, results. Survives a crash, not an orderly end. */
  readonly directory: string;
  readonly #repository: Repository;
  readonly #log: FileJournal;
  readonly #signal: AbortSignal | undefined;
  readonly #inFlight: Set<Promise<void>> = new Set();
  #pending: PackRecord[] = [];
  #pendingBytes = 0;
  #groupBegan: number;
  #flushing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  readonly #failed = Promise.withResolvers<void>();
  #ended = false;
  /** Stored bytes of the packs of this session. */
  bytesStored = 0;

  private constructor(
    repository: Repository,
    place: { readonly id: SessionId; readonly directory: string },
    log: FileJournal,
    signal: AbortSignal | undefined,
  ) {
    this.id = place.id;
    this.directory = place.directory;
    this.#repository = repository;
    this.#log = log;
    this.#signal = signal;
    this.#groupBegan = repository.clock.now();
  }

  static async begin(repository: Repository, options: SessionOptions): Promise<WriteSession> {
    const id = newId(repository.random);
    const directory = join(repository.sessionsDirectory, id);
    makeDirectoriesSync(directory);
    const log = await FileJournal.open(join(directory, packLogName));
    const { signal, host, parent } = options;
    const session = new WriteSession(repository, { id, directory }, log, signal);
    try {
      const base = repository.state.tip?.number ?? 0;
      const events = await eventsOfLedger(repository, signal);
      await repository.log.append(
        () => [
          { type: 'session', session: id, base, parent, host },
          ...newEvents(repository.state, events),
        ],
        { signal },
      );
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Stores a complete pack; `onReleased` is called once, when its buffer is free again. A failure shows at
   * the next `settle`, and every later pack is refused.
   */
  addPack(pack: SealedPack, onReleased: () => void): void {
    let isReleased = false;
    const release = (): void => {
      if (!isReleased) onReleased();
      isReleased = true;
    };
    const stored = this.#store(pack, release)
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#failed.resolve();
        // Some mirror may still be writing from the buffer, which would be filled anew.
        void this.#repository.mirrors.drain().then(release);
      })
      .finally(() => this.#inFlight.delete(stored));
    this.#inFlight.add(stored);
  }

  /** The first failure, if a pack could not be stored. */
  get failure(): unknown {
    return this.#failure?.error;
  }

  /** Resolves when a pack could not be stored. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  /** Waits until every pack that was added is stored and logged. Throws the first failure. */
  async settle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
    await this.#flushing;
    if (this.#failure) throw this.#failure.error;
  }

  /** Puts what is stored so far into the journal. */
  async flush(): Promise<void> {
    await this.settle();
    await this.#flushGroup();
  }

  /** Commits a snapshot, together with the packs that the journal does not know yet. */
  async commit(snapshot: SnapshotRecord, record: Uint8Array): Promise<void> {
    await this.settle();
    await this.#confirm();
    const packs = this.#takePending();
    const session = this.id;
    await this.#repository.log.append(
      () => [
        ...(packs.length > 0 ? [{ type: 'packs', session, packs } as const] : []),
        { type: 'snapshot', session, record, snapshot },
      ],
      { signal: this.#signal },
    );
    this.#ended = true;
  }

  /** Ends without a snapshot; what was stored stays known. */
  async end(): Promise<void> {
    await this.settle();
    await this.#confirm();
    const packs = this.#takePending();
    const session = this.id;
    const records: JournalRecord[] = packs.length > 0 ? [{ type: 'packs', session, packs }] : [];
    await this.#repository.log.append(() => [...records, { type: 'end', session }], {
      signal: this.#signal,
    });
    this.#ended = true;
  }

  /** After a commit or an end the session's files go; else they stay for the next run. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
    await this.#log[Symbol.asyncDispose]();
    if (this.#ended) rmSync(this.directory, { recursive: true, force: true });
  }

  async #store(pack: SealedPack, release: () => void): Promise<void> {
    if (this.#failure) return release();
    const { state, mirrors } = this.#repository;
    const bytes = new Uint8Array(pack.buffer, 0, pack.bytes);
    const { settled } = await mirrors.put(packKey(pack.name), [bytes], { signal: this.#signal });
    void settled.then(release, release);
    const { name, kind, tableBytes, chunkCount, salt, tableOffset, table } = pack;
    const info = { name, kind, bytes: pack.bytes, tableBytes, chunkCount, salt };
    const logged = { pack: info, tableOffset, table };
    this.#log.append(encodeLoggedPack(logged));
    this.#repository.recentPacks.add(logged);
    await this.#log.sync();
    this.#repository.indexPack(state.packs.add(info), decodeChunkTable(table, tableOffset));
    this.bytesStored += pack.bytes;
    this.#repository.monitor.count('bytesUploaded', pack.bytes);
    this.#pending.push(info);
    this.#pendingBytes += pack.bytes;
    if (this.#groupIsDue() && this.#flushing === undefined) {
      this.#flushing = this.#flushGroup().finally(() => (this.#flushing = undefined));
      await this.#flushing;
    }
  }

  #groupIsDue(): boolean {
    const age = this.#repository.clock.now() - this.#groupBegan;
    return this.#pendingBytes >= groupBytes || age >= groupMs;
  }

  async #flushGroup(): Promise<void> {
    const packs = this.#takePending();
    if (packs.length === 0) return;
    const session = this.id;
    const { mirrors } = this.#repository;
    try {
      // One request to each mirror: for a group that is not the last only if much has been stored.
      if (mirrors.unconfirmedCount > unconfirmedMax) await this.#confirm();
      else await this.#recordDebts();
      await this.#repository.log.append(() => [{ type: 'packs', session, packs }], {
        signal: this.#signal,
      });
    } catch (error) {
      this.#pending.unshift(...packs);
      throw error;
    }
  }

  /**
   * Before an entry makes the session's packs be relied on: are the mirrors that took them still
   * what they were? Also where that ends the run, what a mirror has lost is noted: the next run
   * stores anew what the journal names and no mirror has.
   */
  async #confirm(): Promise<void> {
    try {
      await this.#repository.mirrors.confirm({ signal: this.#signal });
    } finally {
      await this.#recordDebts();
    }
  }

  /** Before the journal names the packs, so that a killed run leaves no debt unknown but the last. */
  #recordDebts(): Promise<void> {
    const { debts, catalog } = this.#repository;
    return debts.record(catalog);
  }

  #takePending(): PackRecord[] {
    assert(!this.#ended, 'A session that ended is written to');
    const packs = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#groupBegan = this.#repository.clock.now();
    return packs;
  }
}
