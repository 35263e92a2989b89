import { closeSync } from 'node:fs';
import { displayPath, type ByteString } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { isUnfinished, type FileStat } from '../files/index.ts';
import { encodeEntry, type TreeEntry } from '../format/index.ts';
import type { RestoreFile } from '../workers/index.ts';
import { contentArchived, isArchived } from './archived-packs.ts';
import { ContentComparer } from './content-comparer.ts';
import { largeXattrs } from './large-xattrs.ts';
import { isChunkless, type RestorePlan } from './plan.ts';
import { ownUses, usesOf } from './planned-uses.ts';
import { reportItem, reportProblem, type RestoreWork } from './restore-work.ts';

/** Decides which bytes of a file have to be written, by what is there already. */
export class ContentPlanner {
  readonly #work: RestoreWork;
  readonly #plan: RestorePlan;
  readonly #comparer: ContentComparer;

  constructor(work: RestoreWork, plan: RestorePlan) {
    this.#work = work;
    this.#plan = plan;
    this.#comparer = new ContentComparer(work, (path, entry, mismatched) =>
      this.#afterCompare(path, entry, mismatched),
    );
  }

  /** A file of the snapshot, and what stands under its name. */
  async decide(
    relative: ByteString,
    entry: TreeEntry,
    existing: FileStat | undefined,
  ): Promise<void> {
    if (existing?.kind !== 'file') return this.#addFresh(relative, entry);
    const sameStamp =
      existing.size === entry.size &&
      existing.mtimeSeconds === entry.mtimeSeconds &&
      existing.mtimeNanos === entry.mtimeNanos &&
      !isUnfinished(existing) &&
      !this.#work.unsafe.mayBeTorn(existing);
    if (sameStamp && this.#work.options.overwrite === 'if-changed') {
      this.#work.counts.filesUnchanged += 1;
      await this.#addSame(relative, entry);
      return;
    }
    if (isChunkless(entry)) return this.#addFresh(relative, entry);
    await this.#comparer.add(relative, entry, existing);
  }

  /** A file whose content is compared with what is there; undefined: it could not be compared. */
  async #afterCompare(
    relative: ByteString,
    entry: TreeEntry,
    compared: { readonly existing: FileStat; readonly matches: Uint8Array },
  ): Promise<void> {
    const { existing, matches } = compared;
    const allMatch = matches.every((match) => match === 1);
    const { counts, settings } = this.#work;
    if (allMatch && existing.size === entry.size) {
      counts.filesUnchanged += 1;
      await this.#addSame(relative, entry);
      return;
    }
    const inPlace = existing.linkCount === 1 && existing.uid === settings.ownUid;
    if (!inPlace) return this.#addFresh(relative, entry);
    counts.filesRestored += 1;
    if (this.#isOnlySaid('restored', relative, entry)) return;
    await this.#addUses(relative, entry, 'present', matches);
  }

  /** Content that is there already; its metadata may not be. */
  async #addSame(relative: ByteString, entry: TreeEntry): Promise<void> {
    if (!this.#isOnlySaid('unchanged', relative, entry)) {
      await this.#addFile(relative, entry, 'same', 0);
    }
  }

  /** Is this a dry run, which only names what would be done? */
  #isOnlySaid(action: string, relative: ByteString, entry: TreeEntry): boolean {
    const { dryRun } = this.#work.options;
    if (dryRun) reportItem(this.#work, action, relative, entry.size);
    return dryRun;
  }

  async #addFresh(relative: ByteString, entry: TreeEntry): Promise<void> {
    this.#work.counts.filesRestored += 1;
    if (this.#isOnlySaid('restored', relative, entry)) return;
    if (isChunkless(entry)) {
      await this.#addFile(relative, entry, 'absent', 0);
      return;
    }
    const single = entry.chunks?.byteLength === 32;
    await this.#addUses(relative, entry, single ? 'absent' : 'created', undefined);
  }

  /** Notes which chunks go where; those that match are left out. */
  async #addUses(
    relative: ByteString,
    entry: TreeEntry,
    state: 'absent' | 'created' | 'present',
    matches: Uint8Array | undefined,
  ): Promise<void> {
    const { target, counts } = this.#work;
    let file: number | undefined;
    try {
      // Twice, because a file may have more chunks than memory: it is planned as a whole or not.
      const own = ownUses(this.#work, entry, matches);
      let writes = own?.length ?? 0;
      if (!own) for await (const use of usesOf(this.#work, entry, matches)) if (use) writes += 1;
      if (state === 'created' && target) closeSync(target.openForWriting(relative).fd);
      file = await this.#addFile(relative, entry, state, writes);
      const { uses } = this.#plan;
      for (const { location, offset, id } of own ?? []) uses.add(location, file, offset, id);
      if (own) return;
      for await (const use of usesOf(this.#work, entry, matches))
        uses.add(use.location, file, use.offset, use.id);
    } catch (error) {
      // A chunk that no pack seems to hold may be in one of those that cannot be asked now.
      const mayCome =
        isVersionsError(error) && error.code === 'CHUNK_MISSING' && this.#work.archived.size > 0;
      if (mayCome || isArchived(this.#work, error)) {
        if (file !== undefined) this.#plan.failed.add(file);
        counts.filesRestored -= 1;
        reportProblem(this.#work, contentArchived(relative, error));
        return;
      }
      if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Source')) throw error;
      if (file !== undefined) this.#plan.failed.add(file);
      counts.filesRestored -= 1;
      const shown = displayPath(relative);
      reportProblem(
        this.#work,
        new VersionsError(error.kind, error.code, `${shown} cannot be restored: ${error.message}`, {
          cause: error,
        }),
      );
    }
  }

  // oxlint-disable-next-line max-params -- private
  async #addFile(
    relative: ByteString,
    entry: TreeEntry,
    state: RestoreFile['state'],
    writes: number,
  ): Promise<number> {
    reportItem(this.#work, state === 'same' ? 'unchanged' : 'restored', relative, entry.size);
    const xattrs = entry.xattrsRef ? await largeXattrs(this.#work, relative, entry) : noBytes;
    const { monitor } = this.#work.context;
    monitor.count('filesTotal', 1);
    if (state !== 'same') monitor.count('bytesTotal', entry.size);
    return this.#plan.addFile({ path: relative, entry: encodeEntry(entry), state, writes, xattrs });
  }

  /** Waits for what is still being compared. */
  finish(): Promise<void> {
    return this.#comparer.finish();
  }
}

const noBytes = new Uint8Array(0);
