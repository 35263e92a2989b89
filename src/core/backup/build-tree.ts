import { bytesEqual, rootPath, type ByteString, type ChunkId } from '../base/index.ts';
import { assert, VersionsError } from '../errors/index.ts';
import { joinPath } from '../files/index.ts';
import { decodeEntry, encodeEntry, TreePageBuilder, type TreePageRule } from '../format/index.ts';
import { staleFingerprint } from './fingerprint.ts';
import type { ItemWriter, LocalState } from './local-state.ts';
import type { FileResult, Results } from './results.ts';
import type { ScanEvent, ScanEvents } from './scan-events.ts';
import type { StateChanges } from './state-changes.ts';
import { noHash } from './scan-frame.ts';

export interface BuildTreeOptions {
  readonly events: ScanEvents;
  readonly results: Results;
  /** As the last backup left it; only read. */
  readonly state: LocalState;
  readonly changes: StateChanges;
  readonly source: Uint8Array;
  readonly rule: TreePageRule;
  /** Stores a tree page and returns its id. */
  readonly storePage: (page: Uint8Array) => ChunkId;
  /** Also give the entry of this path, tree included (`--as`). */
  readonly capture?: ByteString | undefined;
  /** Lets other work go on; awaited every now and then. */
  readonly breathe: () => Promise<void>;
}

/** A directory below one that is still open. */
interface Child {
  readonly name: ByteString;
  readonly fingerprint: Uint8Array;
  readonly entry: Uint8Array;
  /** Its tree is the one that the local state had. */
  readonly unchanged: boolean;
}

export interface BuiltTree {
  /** Id of the tree of `/`. */
  readonly root: ChunkId;
  /** The encoded entry of `capture`. */
  readonly captured: Uint8Array | undefined;
}

const eventsBetweenBreaths = 2048;

/**
 * Replays the scan beside the results of the upload and writes the pages of every directory that
 * changed, bottom up, while both are still going on. The local state of those directories is noted
 * in the same pass. Returns the tree of `/`.
 */
export async function buildTree(options: BuildTreeOptions): Promise<BuiltTree> {
  let captured: Uint8Array | undefined;
  const onEntry = (directory: ByteString, name: ByteString, entry: Uint8Array): void => {
    if (options.capture !== undefined && joinPath(directory, name) === options.capture)
      captured = new Uint8Array(entry);
  };
  const frames = [new TreeFrame(rootPath, options, undefined, onEntry)];
  let count = 0;
  const { events, results } = options;
  for (let event = events.next(); ; event = events.next()) {
    if (event === undefined) {
      if (await events.more()) continue;
      break;
    }
    const frame = frames.at(-1);
    assert(frame !== undefined, 'The scan left more directories than it entered');
    if (event.type === 'enter') {
      frames.push(frame.enter(event));
    } else if (event.type === 'leave' || event.type === 'leave-unreadable') {
      frames.pop();
      const parent = frames.at(-1);
      if (parent === undefined) return { root: frame.leave(event).tree, captured };
      parent.addChild(event.type === 'leave' ? frame.asChild(event) : frame.asUnreadable());
    } else if (event.type === 'queued') {
      // The event is only valid until the next one, and reading a result may take a while.
      const { name, priority } = event;
      const fingerprint = new Uint8Array(event.fingerprint);
      frame.addResult(name, fingerprint, await results.next(priority));
    } else if (event.type === 'item') {
      frame.addItem(event.name, event.fingerprint, event.entry);
    } else {
      frame.inOrder = true;
    }
    if (++count % eventsBetweenBreaths === 0) await options.breathe();
  }
  throw new VersionsError('Internal', 'SCAN_INCOMPLETE', 'The scan ended before it left the root');
}

type Door = Omit<Child, 'unchanged'>;
type OnEntry = (directory: ByteString, name: ByteString, entry: Uint8Array) => void;

/** A directory whose pages are being written. */
class TreeFrame {
  readonly path: ByteString;
  readonly #options: BuildTreeOptions;
  /** The scan's event for the directory itself; undefined for `/`. */
  readonly #door: Door | undefined;
  readonly #onEntry: OnEntry;
  #children: Child[] = [];
  #pages: TreePageBuilder | undefined;
  #items: ItemWriter | undefined;
  /** Items and directories come strictly by name: no need to keep directories back. */
  inOrder = false;
  #uncertain = false;

  constructor(
    path: ByteString,
    options: BuildTreeOptions,
    door: Door | undefined,
    onEntry: OnEntry,
  ) {
    this.path = path;
    this.#options = options;
    this.#door = door;
    this.#onEntry = onEntry;
  }

  enter(event: Extract<ScanEvent, { type: 'enter' }>): TreeFrame {
    const door = {
      name: event.name,
      fingerprint: new Uint8Array(event.fingerprint),
      entry: new Uint8Array(event.entry),
    };
    return new TreeFrame(joinPath(this.path, event.name), this.#options, door, this.#onEntry);
  }

  addChild(child: Child): void {
    this.#children.push(child);
    if (this.inOrder) this.#takeChildren(undefined);
  }

  addItem(name: ByteString, fingerprint: Uint8Array, entry: Uint8Array): void {
    this.#takeChildren(name);
    this.#add(name, fingerprint, entry);
  }

  /** A queued file; without a result the run was cut short before it came to it. */
  addResult(name: ByteString, fingerprint: Uint8Array, result: FileResult | undefined): void {
    const stored = result !== undefined && result.entry.byteLength > 0;
    assert(result === undefined || result.name === name, 'Results and scan are out of step');
    if (result?.outcome !== 'stored') this.#uncertain = true;
    if (!stored) return;
    this.addItem(name, result.outcome === 'stored' ? fingerprint : staleFingerprint, result.entry);
  }

  /** Finishes the pages; `unchanged` if they are those that the local state had. */
  leave(event: Extract<ScanEvent, { type: 'leave' | 'leave-unreadable' }>): {
    readonly tree: ChunkId;
    readonly unchanged: boolean;
  } {
    const { state, changes, source } = this.#options;
    const known = state.directory(source, this.path);
    const same = event.type === 'leave' && event.same;
    if (same) {
      assert(known !== undefined, 'The local state of an unchanged directory is gone');
      if (this.#children.every(({ unchanged }) => unchanged))
        return { tree: known.tree, unchanged: true };
      this.#addKnownItems();
    }
    this.#takeChildren(undefined);
    const tree = this.#pageBuilder().finish();
    this.#itemWriter().finish();
    const hash = event.type === 'leave' && !this.#uncertain ? new Uint8Array(event.hash) : noHash;
    changes.putDirectory(this.path, { hash, tree });
    return { tree, unchanged: known !== undefined && bytesEqual(known.tree, tree) };
  }

  asChild(event: Extract<ScanEvent, { type: 'leave' }>): Child {
    const { tree, unchanged } = this.leave(event);
    const door = this.#door;
    assert(door !== undefined, 'The root is no entry of a directory');
    const entry = encodeEntry({ ...decodeEntry(door.entry), tree });
    return { name: door.name, fingerprint: door.fingerprint, entry, unchanged };
  }

  asUnreadable(): Child {
    const door = this.#door;
    assert(door !== undefined, 'The root is no entry of a directory');
    return { ...door, unchanged: false };
  }

  /** The items of an unchanged directory of which some directory below changed. */
  #addKnownItems(): void {
    const { state, source } = this.#options;
    const children = new Map(this.#children.map((child) => [child.name, child]));
    this.#children = [];
    // All of them before the first is replaced; only directories of bounded width are ever the same.
    const items = [...state.items(source, this.path)];
    for (const { name, fingerprint, entry } of items) {
      const child = children.get(name);
      this.#add(name, child?.fingerprint ?? fingerprint, child?.entry ?? entry);
    }
  }

  /** Adds the directories that come before `name`, or all. */
  #takeChildren(name: ByteString | undefined): void {
    let taken = 0;
    for (const child of this.#children) {
      if (name !== undefined && child.name >= name) break;
      this.#add(child.name, child.fingerprint, child.entry);
      taken += 1;
    }
    if (taken > 0) this.#children.splice(0, taken);
  }

  #add(name: ByteString, fingerprint: Uint8Array, entry: Uint8Array): void {
    this.#onEntry(this.path, name, entry);
    this.#pageBuilder().addEncoded(name, entry);
    this.#itemWriter().add(name, fingerprint, entry);
  }

  #pageBuilder(): TreePageBuilder {
    this.#pages ??= new TreePageBuilder(this.#options.rule, this.#options.storePage);
    return this.#pages;
  }

  #itemWriter(): ItemWriter {
    this.#items ??= this.#options.changes.itemWriter(this.path);
    return this.#items;
  }
}
