import { displayPath, type ByteString, type ChunkId } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  inTheWayError,
  isUnfinished,
  joinPath,
  freeSpaceAt,
  lstatIfExists,
  readNames,
  type DirectoryNames,
  type FileStat,
} from '../files/index.ts';
import { encodeEntry, entryRemarks, type TreeEntry } from '../format/index.ts';
import type { FoundEntry } from '../snapshot/index.ts';
import type { ChunkUses } from './chunk-uses.ts';
import { linkIdOf } from './hard-links.ts';
import { KeptNames } from './kept-names.ts';
import { largeXattrs } from './large-xattrs.ts';
import type { RestorePlan } from './plan.ts';
import { ContentPlanner } from './plan-content.ts';
import { reportItem, reportProblem, type RestoreWork } from './restore-work.ts';
import { Selection } from './selection.ts';
import { SpaceWatch } from './space-watch.ts';

/** A directory of the snapshot that is being walked. */
interface Frame {
  /** In the snapshot. */
  readonly path: ByteString;
  /** In the target. */
  readonly relative: ByteString;
  readonly entry: TreeEntry;
  readonly parent: Frame | undefined;
  readonly pages: AsyncIterator<readonly TreeEntry[]>;
  /** The page that is being gone through, and its next entry. */
  page: readonly TreeEntry[];
  at: number;
  /** Everything below is restored. */
  readonly included: boolean;
  /** Made by this restore, there before, or not needed so far. */
  state: 'made' | 'existed' | 'pending';
  /** Names in the snapshot, if others are to be deleted. */
  readonly names: KeptNames | undefined;
}

/** A plan of so many chunks is worth beginning with before it is complete. */
const beginAfterDefault = 16_384;
const entriesBetweenBreaths = 256;

/**
 * Walks the tree and decides for every entry; makes directories on the way. A long plan for a new
 * target is given to `begin` in part, as soon as that is worth while.
 */
export async function planRestore(
  work: RestoreWork,
  plan: RestorePlan,
  found: FoundEntry,
  begin: (uses: ChunkUses) => void,
): Promise<void> {
  await new Planner(work, plan, begin).run(found);
}

class Planner {
  readonly #work: RestoreWork;
  readonly #plan: RestorePlan;
  readonly #selection: Selection;
  readonly #contents: ContentPlanner;
  readonly #source: Uint8Array;
  readonly #space: SpaceWatch;
  /** Undefined once it was called, or if it is not to be. */
  #begin: ((uses: ChunkUses) => void) | undefined;
  #visited = 0;
  /** Entries with inode flags, which are not set: what is immutable could not be restored over. */
  #flaggedCount = 0;

  constructor(work: RestoreWork, plan: RestorePlan, begin: (uses: ChunkUses) => void) {
    const { include, exclude, snapshot, target, freeSpace } = work.options;
    this.#work = work;
    this.#plan = plan;
    // Where nothing was before, nothing is compared or deleted beside the writing.
    this.#begin = work.targetIsNew && work.target !== undefined ? begin : undefined;
    this.#selection = new Selection(include, exclude);
    this.#contents = new ContentPlanner(work, plan);
    const free = freeSpace ?? freeSpaceAt(target);
    this.#space = new SpaceWatch(target, free, work.context.monitor);
    this.#source = Buffer.from(snapshot.source, 'hex');
  }

  async run({ path, entry }: FoundEntry): Promise<void> {
    const { context, options } = this.#work;
    context.monitor.at('planning');
    if (entry.kind !== 'directory') {
      await this.#decide(path, entry.name, entry, undefined);
    } else if (entry.tree !== undefined) {
      const included = options.include.length === 0;
      // A target that was there before keeps its own owner, mode and time.
      const takesMetadata = this.#work.targetIsNew && included && !options.dryRun && path !== '/';
      if (takesMetadata) await this.#addDirectory(rootRelative, entry);
      await this.#walk(this.#frame(path, rootRelative, entry, entry.tree, undefined, included));
    }
    await this.#contents.finish();
    this.#tellFlags();
  }

  #tellFlags(): void {
    if (this.#flaggedCount === 0) return;
    this.#work.context.monitor.note(
      `Inode flags (immutable, append-only, …) are recorded and not set: ${this.#flaggedCount} of what is restored had some`,
    );
  }

  async #walk(root: Frame): Promise<void> {
    root.state = 'existed';
    const frames = [root];
    for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
      this.#work.context.signal?.throwIfAborted();
      const next = frame.page[frame.at++] ?? (await this.#nextPage(frame));
      if (next === undefined) {
        frames.pop();
        this.#deleteOthers(frame);
        continue;
      }
      const path = joinPath(frame.path, next.name);
      const below = await this.#visit(frame, path, next);
      if (below) frames.push(below);
      await this.#letOthersWork();
    }
  }

  /** Gives a part of the plan away when it is long enough, and time to those who work on it. */
  async #letOthersWork(): Promise<void> {
    if (++this.#visited % entriesBetweenBreaths !== 0) return;
    const { beginAfter = beginAfterDefault } = this.#work.options;
    if (this.#begin !== undefined && this.#plan.uses.count >= beginAfter) {
      this.#begin(this.#plan.takeUses());
      this.#begin = undefined;
    }
    await new Promise((resolve) => void setImmediate(resolve));
  }

  /** The first entry of the next page; one that cannot be read ends its directory, and is told. */
  async #nextPage(frame: Frame): Promise<TreeEntry | undefined> {
    try {
      for (;;) {
        const { done, value } = await frame.pages.next();
        if (done === true) return undefined;
        frame.page = value;
        frame.at = 1;
        if (frame.page[0] !== undefined) return frame.page[0];
      }
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
      const shown = displayPath(frame.path);
      reportProblem(
        this.#work,
        new VersionsError(
          error.kind,
          error.code,
          `${shown} cannot be restored in full: ${error.message}`,
          { cause: error },
        ),
      );
      // What is not known must not be deleted.
      if (frame.names) frame.names.isIncomplete = true;
      return undefined;
    }
  }

  async #visit(frame: Frame, path: ByteString, entry: TreeEntry): Promise<Frame | undefined> {
    const isDirectory = entry.kind === 'directory';
    frame.names?.add(entry.name);
    if (this.#selection.isExcluded(path, entry.name, isDirectory)) return undefined;
    const included = this.#selection.isIncluded(path, entry.name, isDirectory, frame.included);
    const relative = joinPath(frame.relative, entry.name);
    if (!isDirectory) {
      if (!included) return undefined;
      if (!(await this.#make(frame))) return undefined;
      await this.#decide(path, relative, entry, frame);
      return undefined;
    }
    const below = this.#frame(path, relative, entry, entry.tree, frame, included);
    if (included && !(await this.#make(below))) return undefined;
    if (entry.tree !== undefined) return below;
    const message = `The content of ${displayPath(path)} could not be read when the snapshot was made`;
    if (included)
      reportProblem(this.#work, new VersionsError('Source', 'CONTENT_NOT_SAVED', message));
    return undefined;
  }

  // oxlint-disable-next-line max-params -- private
  #frame(
    path: ByteString,
    relative: ByteString,
    entry: TreeEntry,
    tree: ChunkId | undefined,
    parent: Frame | undefined,
    included: boolean,
  ): Frame {
    const { trees, options } = this.#work;
    return {
      path,
      relative,
      entry,
      parent,
      pages: tree === undefined ? noPages() : trees.pages(new Uint8Array(tree)),
      page: [],
      at: 0,
      included,
      state: 'pending',
      names: options.delete && included ? new KeptNames() : undefined,
    };
  }

  /** Makes a directory and those above it; false if it cannot be made. */
  async #make(frame: Frame): Promise<boolean> {
    if (frame.state !== 'pending') return true;
    if (frame.parent && !(await this.#make(frame.parent))) return false;
    const { target, counts } = this.#work;
    try {
      frame.state =
        target?.makeDirectory(frame.relative) ??
        (this.#existing(frame.relative)?.kind === 'directory' ? 'existed' : 'made');
    } catch (error) {
      if (!isVersionsError(error, 'Source', 'Corrupt')) throw error;
      reportProblem(this.#work, error);
      return false;
    }
    if (frame.state === 'made') this.#space.add(undefined, undefined);
    counts.dirs += 1;
    await this.#addDirectory(frame.relative, frame.entry);
    return true;
  }

  async #addDirectory(relative: ByteString, entry: TreeEntry): Promise<void> {
    if (entry.flags !== undefined) this.#flaggedCount += 1;
    const extra = entry.xattrsRef ? await largeXattrs(this.#work, relative, entry) : noBytes;
    this.#plan.directories.add(relative, encodeEntry(entry), { extra });
  }

  /** What stands under a name; what cannot be looked at, or must not be replaced, is told. */
  #existingIn(frame: Frame | undefined, relative: ByteString): FileStat | undefined | 'unknown' {
    if (frame?.state === 'made') return undefined;
    try {
      return this.#existing(relative);
    } catch (error) {
      if (!isVersionsError(error, 'Source', 'Corrupt')) throw error;
      reportProblem(this.#work, error);
      return 'unknown';
    }
  }

  #existing(relative: ByteString): FileStat | undefined {
    const { target, options } = this.#work;
    return target ? target.lstat(relative) : lstatIfExists(joinPath(options.target, relative));
  }

  /** Anything but a directory. */
  async #decide(
    path: ByteString,
    relative: ByteString,
    entry: TreeEntry,
    frame: Frame | undefined,
  ): Promise<void> {
    const { counts, options } = this.#work;
    const existing = this.#existingIn(frame, relative);
    if (existing === 'unknown') return;
    if (existing !== undefined && this.#isKept(entry, existing)) {
      if (entry.kind === 'file') counts.filesUnchanged += 1;
      else counts.others += 1;
      return;
    }
    if (options.dryRun && existing?.kind === 'directory') {
      reportProblem(this.#work, inTheWayError(joinPath(options.target, relative), 'directory'));
      return;
    }
    if (((entry.remarks ?? 0) & entryRemarks.contentUnreadable) !== 0) {
      const message = `The content of ${displayPath(path)} could not be read when the snapshot was made`;
      reportProblem(this.#work, new VersionsError('Source', 'CONTENT_NOT_SAVED', message));
      return;
    }
    if (entry.flags !== undefined) this.#flaggedCount += 1;
    if (entry.linkCount !== undefined && this.#isFurtherName(path, relative, entry)) return;
    this.#space.add(entry, existing);
    if (entry.kind !== 'file') {
      counts.others += 1;
      if (options.dryRun) return;
      const extra = await largeXattrs(this.#work, relative, entry);
      this.#plan.others.add(relative, encodeEntry(entry), { extra });
      return;
    }
    await this.#contents.decide(relative, entry, existing);
  }

  /** Does `--overwrite` keep what is there? */
  #isKept(entry: TreeEntry, existing: FileStat): boolean {
    const { overwrite } = this.#work.options;
    // What a restore that was killed left is nobody's file; somebody's may have the same mode.
    if (isUnfinished(existing) && this.#work.unsafe.mayBeOurs(existing)) return false;
    if (overwrite === 'never') return true;
    const sameTime =
      entry.mtimeSeconds === existing.mtimeSeconds && entry.mtimeNanos === existing.mtimeNanos;
    if (sameTime && this.#work.unsafe.mayBeTorn(existing)) return false;
    const newer =
      entry.mtimeSeconds > existing.mtimeSeconds ||
      (entry.mtimeSeconds === existing.mtimeSeconds && entry.mtimeNanos > existing.mtimeNanos);
    return overwrite === 'if-newer' && !newer;
  }

  /** Is this a further name of a file that is restored already? Then it becomes a link. */
  #isFurtherName(path: ByteString, relative: ByteString, entry: TreeEntry): boolean {
    const { repository, options, counts } = this.#work;
    const fileId = entry.fileId ?? repository.keys.identities.fileId(this.#source, path);
    // One id with two contents would be a mistake: better a second file than the wrong content.
    const first = this.#plan.links.firstName(linkIdOf(fileId, entry), relative);
    if (first === relative) return false;
    if (!options.dryRun) this.#plan.links.add({ path: relative, first });
    if (entry.kind === 'file') counts.filesRestored += 1;
    else counts.others += 1;
    return true;
  }

  /** What a directory of the target holds now; undefined if it cannot be listed, which is told. */
  #namesThere(relative: ByteString): DirectoryNames | undefined {
    const { target, options } = this.#work;
    try {
      if (target !== undefined) return target.list(relative);
      const directory = joinPath(options.target, relative);
      const stat = lstatIfExists(directory);
      return stat && readNames(directory, stat.size);
    } catch (error) {
      if (!isVersionsError(error, 'Source')) throw error;
      reportProblem(this.#work, error);
      return undefined;
    }
  }

  /** `--delete`: what the snapshot does not have goes from directories that were there before. */
  #deleteOthers(frame: Frame): void {
    const { target, options, counts } = this.#work;
    if (frame.names === undefined || frame.state !== 'existed' || frame.names.isIncomplete) return;
    const there = this.#namesThere(frame.relative);
    for (let name = there?.next(); name !== undefined; name = there?.next()) {
      const path = joinPath(frame.path, name);
      const relative = joinPath(frame.relative, name);
      if (frame.names.has(name)) continue;
      const existing = this.#existingIn(frame, relative);
      if (existing === undefined || existing === 'unknown') continue;
      if (this.#selection.isExcluded(path, name, existing.kind === 'directory')) continue;
      counts.filesDeleted += 1;
      reportItem(this.#work, 'deleted', relative, 0);
      if (options.dryRun) continue;
      try {
        target?.remove(relative);
      } catch (error) {
        if (!isVersionsError(error, 'Source')) throw error;
        reportProblem(this.#work, error);
      }
    }
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ASCII
const rootRelative = '' as ByteString;
const noBytes = new Uint8Array(0);

async function* noPages(): AsyncGenerator<readonly TreeEntry[]> {}
