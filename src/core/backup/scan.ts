import {
  bytesEqual,
  bytesOfByteString,
  displayPath,
  type ByteString,
  type ChunkId,
} from '../base/index.ts';
import type { IdentityHasher } from '../crypto/index.ts';
import { isVersionsError } from '../errors/index.ts';
import {
  isRacy,
  joinPath,
  readDirectoryFlags,
  readlink,
  readXattrs,
  SourcePaths,
  walkSource,
  type FileStat,
  type Moment,
  type WalkEvent,
  type WalkOptions,
} from '../files/index.ts';
import { decodeEntry, encodeEntry } from '../format/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { entryOfStat, xattrFields, type MutableEntry } from '../workers/index.ts';
import { encodeIdentity, plainIdentity } from './entry-identity.ts';
import { FileIdentities, linkKeyOf, type FoundName } from './file-identities.ts';
import { staleFingerprintOf } from './fingerprint.ts';
import type { ItemState } from './item-pages.ts';
import type { LinkTable } from './link-table.ts';
import type { LocalState } from './local-state.ts';
import { priorityOf } from './priority.ts';
import { noCounts, type ScanCounts } from './scan-counts.ts';
import type { ScanEvents } from './scan-events.ts';
import { noHash, ScanFrame, type BufferedEntry, type ScanDoor } from './scan-frame.ts';
import type { UploadQueue } from './upload-queue.ts';

export interface ScanOptions {
  readonly paths: readonly ByteString[];
  readonly walk: WalkOptions;
  readonly source: Uint8Array;
  readonly state: LocalState;
  /** Read everything again; the state only tells which file is which. */
  readonly force: boolean;
  /** Take what runs that were cut short have read: not if all is to be read again. */
  readonly resume: boolean;
  /** Is the chunk stored? A file whose chunks are not all stored is read again. */
  readonly isStored: (id: ChunkId) => boolean;
  readonly identities: IdentityHasher;
  /** Where a path appears in the snapshot (`--as`). */
  readonly shownAs: (path: ByteString) => ByteString;
  /** Stores extended attributes that are too large for an entry. */
  readonly storeXattrs: (bytes: Uint8Array) => Uint8Array;
  readonly start: Moment;
  readonly events: ScanEvents;
  readonly queue: UploadQueue;
  readonly links: LinkTable;
  readonly monitor: Monitor;
}

interface Found extends FoundName {
  readonly name: ByteString;
  /** The fingerprint to keep: one that equals none if a later change might not show. */
  readonly kept: Uint8Array;
  readonly racy: boolean;
}

/**
 * Walks the source and decides, entry by entry, what must be read. Runs in slices: the caller pulls
 * it on when the uploads leave time. Everything it finds goes to `events`, in the order in which
 * the trees are built; what must be read goes to `queue` too.
 */
export class Scan {
  readonly #options: ScanOptions;
  readonly #frames: ScanFrame[] = [];
  readonly #walk: Generator<WalkEvent, void, undefined>;
  readonly #files: FileIdentities;
  readonly #paths: SourcePaths;
  readonly counts: ScanCounts = noCounts();
  /** Paths that were asked for and not found. */
  readonly missing: ByteString[] = [];
  readonly uids: Set<number> = new Set();
  readonly gids: Set<number> = new Set();
  /** Asked-for directories that turned out to be empty. */
  readonly empty: ByteString[] = [];
  rootStat: FileStat | undefined;
  done = false;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.#files = new FileIdentities(options);
    this.#paths = new SourcePaths(options.paths);
    this.#walk = walkSource(options.paths, options.walk);
  }

  /** Goes on for about `sliceMs`, as told by `now`; true when everything was scanned. */
  advance(sliceMs: number, now: () => number): boolean {
    const until = now() + sliceMs;
    for (let count = 0; !this.done; count++) {
      const next = this.#walk.next();
      if (next.done === true) this.done = true;
      else this.#take(next.value);
      if (count % 64 === 63 && now() >= until) break;
    }
    this.#announce();
    return this.done;
  }

  #announce(): void {
    if (!this.done) return this.#options.events.announce();
    this.#paths[Symbol.dispose]();
    this.#options.events.end();
  }

  /** Ends before everything was scanned: directories that are open are recorded as they are. */
  abandon(): void {
    for (const frame of this.#frames) frame.uncertain = true;
    while (this.#frames.length > 0) this.#leave();
    this.done = true;
    this.#announce();
  }

  #take(event: WalkEvent): void {
    switch (event.type) {
      case 'enter':
        this.#enter(event);
        return;
      case 'entry':
        this.#entry(event.name, event.stat);
        return;
      case 'leave':
        this.#leave();
        return;
      case 'problem':
        this.#problem(event);
    }
  }

  #enter(event: Extract<WalkEvent, { type: 'enter' }>): void {
    const { path, name, stat, content } = event;
    const { source, state, events } = this.#options;
    const parent = this.#frames.at(-1);
    this.#ids(stat);
    let door: ScanDoor | undefined;
    if (parent === undefined) {
      this.rootStat = stat;
    } else {
      door = { name, stat, racy: this.#isRacy(stat) };
      this.counts.dirs += 1;
      this.#announceDoor(parent, door);
      events.add({ type: 'enter', name });
    }
    const known = state.directory(source, path);
    const items = known ? state.items(source, path) : [][Symbol.iterator]();
    const frame = new ScanFrame(path, door, known, items);
    if (content === 'passage') frame.uncertain = true;
    if (content === 'unreadable') frame.unreadable = true;
    this.#frames.push(frame);
  }

  /** A directory counts among the entries of the one above; it is decided when it was left. */
  #announceDoor(parent: ScanFrame, { name, stat, racy }: ScanDoor): void {
    if (!parent.inOrder && parent.isWide) this.#goInOrder(parent);
    if (!parent.inOrder)
      parent.buffered.push({ name, stat, racy, at: parent.add(name, stat, racy) });
  }

  #entry(name: ByteString, stat: FileStat): void {
    const frame = this.#frames.at(-1);
    if (frame === undefined) return;
    this.#ids(stat);
    if (stat.kind === 'file') {
      this.counts.files += 1;
      this.counts.bytes += stat.size;
      this.#options.monitor.count('filesTotal', 1);
      this.#options.monitor.count('bytesTotal', stat.size);
    } else {
      this.counts.others += 1;
    }
    const racy = this.#isRacy(stat);
    if (frame.inOrder) return this.#decideAtOnce(frame, { name, stat, racy });
    frame.buffered.push({ name, stat, racy, at: frame.add(name, stat, racy) });
    if (frame.isWide) this.#goInOrder(frame);
  }

  #decideAtOnce(frame: ScanFrame, { name, stat, racy }: ScanDoor): void {
    this.#decide(frame, { name, stat, racy, at: frame.add(name, stat, racy) });
    frame.release();
  }

  #leave(): void {
    const frame = this.#frames.pop();
    if (frame === undefined) return;
    this.#finish(frame);
    const parent = this.#frames.at(-1);
    if (parent?.inOrder && frame.door !== undefined) this.#decideAtOnce(parent, frame.door);
  }

  #finish(frame: ScanFrame): void {
    const { events } = this.#options;
    if (frame.unreadable) {
      if (frame.door !== undefined) events.add({ type: 'leave-unreadable' });
      return;
    }
    if (frame.isEmpty && this.#options.paths.includes(frame.path)) this.empty.push(frame.path);
    const hash = frame.finishHash();
    const same = !this.#options.force && frame.isSame(hash);
    if (same) this.#countUnchanged(frame);
    else this.#decideBuffered(frame);
    // What was decided may have turned out to be uncertain.
    const knownTree = frame.known?.tree ?? noHash;
    events.add({ type: 'leave', same, hash: frame.uncertain ? noHash : hash, knownTree });
  }

  #goInOrder(frame: ScanFrame): void {
    this.#decideBuffered(frame);
    frame.release();
    frame.inOrder = true;
  }

  #decideBuffered(frame: ScanFrame): void {
    for (const entry of frame.buffered) this.#decide(frame, entry);
  }

  #countUnchanged(frame: ScanFrame): void {
    for (const { name, stat } of frame.buffered) {
      if (stat.kind === 'directory') continue;
      this.#item('unchanged', joinPath(frame.path, name), stat.size);
      if (stat.kind !== 'file') continue;
      this.counts.filesUnchanged += 1;
      this.#done(stat);
    }
  }

  /** Keeps what is known of an entry, or makes it anew, or queues the file. */
  #decide(frame: ScanFrame, { name, stat, racy, at }: BufferedEntry): void {
    const { force, links } = this.#options;
    const fingerprint = frame.fingerprint(at);
    const kept = racy ? staleFingerprintOf(fingerprint) : fingerprint;
    const path = joinPath(frame.path, name);
    const known = frame.knownItem(name);
    const found = { path, name, stat, fingerprint, kept, known, racy };
    const unchanged = !force && known !== undefined && bytesEqual(known.fingerprint, fingerprint);
    if (unchanged && this.#mayReuse(known.entry)) {
      const link = linkKeyOf(stat);
      if (link !== undefined) links.see(link);
      this.#keep(found, known.entry, encodeIdentity({ link }));
      return;
    }
    if (stat.kind === 'directory') return this.#recordOther(frame, found, plainIdentity);
    const { identity, moved } = this.#files.of(found);
    const encoded = encodeIdentity(identity);
    const isFurther = identity.link !== undefined && links.see(identity.link);
    if (stat.kind !== 'file') this.#recordOther(frame, found, encoded);
    else if (isFurther) this.#link(found, encoded);
    else this.#decideFile(frame, found, { moved, identity: encoded });
  }

  #keep(found: Found, entry: Uint8Array, identity: Uint8Array): void {
    const { path, name, stat, kept } = found;
    this.#options.events.add({ type: 'item', name, fingerprint: kept, entry, identity });
    this.#item('unchanged', path, stat.size);
    if (stat.kind !== 'file') return;
    this.counts.filesUnchanged += 1;
    this.#done(stat);
  }

  /** A further name of a file that is read, or known, under another one. */
  #link(found: Found, identity: Uint8Array): void {
    const { name, kept, stat } = found;
    this.#countDifferent(found);
    this.#options.events.add({ type: 'linked', name, fingerprint: kept, identity });
    this.#done(stat);
  }

  #decideFile(
    frame: ScanFrame,
    found: Found,
    { moved, identity }: { readonly moved: ItemState | undefined; readonly identity: Uint8Array },
  ): void {
    const { events, queue, state, source, start, force, resume } = this.#options;
    const { path, name, stat, fingerprint, kept, racy } = found;
    const resumed = resume ? state.resumed(source, path, fingerprint) : undefined;
    if (resumed !== undefined && this.#mayReuse(resumed))
      return this.#keep(found, resumed, identity);
    this.#countDifferent(found);
    // Moved with its directory: nothing tells that it might have changed.
    const isSame = moved !== undefined && bytesEqual(moved.fingerprint, fingerprint);
    if (isSame && !force && this.#mayReuse(moved.entry)) {
      const entry = encodeEntry({ ...decodeEntry(moved.entry), name });
      events.add({ type: 'item', name, fingerprint: kept, entry, identity });
      this.#done(stat);
      return;
    }
    this.counts.bytesQueued += stat.size;
    const priority = priorityOf(frame.path, stat, start);
    const { size } = stat;
    queue.add(priority, { directory: frame.path, name, fingerprint, size, racy });
    events.add({ type: 'queued', name, fingerprint: kept, priority, identity });
  }

  #recordOther(frame: ScanFrame, found: Found, identity: Uint8Array): void {
    const { events, monitor } = this.#options;
    const { path, name, stat, kept } = found;
    try {
      const { entry, whole } = this.#plainEntry(path, name, stat);
      if (stat.kind === 'symlink')
        entry.target = bytesOfByteString(readlink(path, this.#paths.at(path)));
      const fingerprint = whole ? kept : staleFingerprintOf(kept);
      if (!whole) frame.uncertain = true;
      events.add({ type: 'item', name, fingerprint, entry: encodeEntry(entry), identity });
      if (stat.kind === 'directory') return;
      this.#item(this.#isKnown(found) ? 'changed' : 'new', path, stat.size);
    } catch (error) {
      if (!isVersionsError(error, 'Source')) throw error;
      frame.uncertain = true;
      this.counts.problems += 1;
      monitor.problem(error);
    }
  }

  #isKnown({ known }: Found): boolean {
    return known !== undefined && !this.#options.force;
  }

  #countDifferent(found: Found): void {
    const known = this.#isKnown(found);
    if (known) this.counts.filesChanged += 1;
    else this.counts.filesNew += 1;
    this.#item(known ? 'changed' : 'new', found.path, found.stat.size);
  }

  #done({ size }: FileStat): void {
    this.#options.monitor.count('filesDone', 1);
    this.#options.monitor.count('bytesDone', size);
  }

  /** An entry with its extended attributes; if those cannot be read, without, and it is said. */
  #plainEntry(
    path: ByteString,
    name: ByteString,
    stat: FileStat,
  ): { readonly entry: MutableEntry; readonly whole: boolean } {
    const entry = entryOfStat(name, stat);
    try {
      const at = this.#paths.at(path);
      if (stat.kind === 'directory') {
        const flags = readDirectoryFlags(at);
        if (flags !== undefined) entry.flags = flags;
      }
      const xattrs = readXattrs(path, undefined, at);
      Object.assign(entry, xattrFields(xattrs, this.#options.storeXattrs));
      return { entry, whole: true };
    } catch (error) {
      if (!isVersionsError(error, 'Source')) throw error;
      this.counts.problems += 1;
      this.#options.monitor.problem(error);
      return { entry, whole: false };
    }
  }

  /** Are all chunks that an entry lists stored? For long lists the top page stands for the rest. */
  #mayReuse(encoded: Uint8Array): boolean {
    const { isStored } = this.#options;
    const entry = decodeEntry(encoded);
    if (entry.remarks !== undefined) return false;
    const { chunks, list, xattrsRef } = entry;
    if (list !== undefined && !isStored(list)) return false;
    if (xattrsRef !== undefined && !isStored(xattrsRef)) return false;
    if (chunks === undefined) return true;
    for (let at = 0; at < chunks.byteLength; at += 32) {
      if (!isStored(chunks.subarray(at, at + 32))) return false;
    }
    return true;
  }

  #isRacy(stat: FileStat): boolean {
    return isRacy(stat, this.#options.start);
  }

  #item(action: string, path: ByteString, bytes: number): void {
    const { monitor } = this.#options;
    if (monitor.wantsItems !== false) monitor.item({ action, path: displayPath(path), bytes });
  }

  #ids(stat: FileStat): void {
    this.uids.add(stat.uid);
    this.gids.add(stat.gid);
  }

  #problem(event: Extract<WalkEvent, { type: 'problem' }>): void {
    const frame = this.#frames.at(-1);
    if (frame) frame.uncertain = true;
    if (event.asked) this.missing.push(event.path);
    if (event.vanished) {
      this.#options.monitor.note(`${displayPath(event.path)} vanished before it was read`);
      return;
    }
    this.counts.problems += 1;
    this.#options.monitor.problem(event.error);
  }
}
