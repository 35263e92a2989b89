import {
  bytesEqual,
  byteStringFromText,
  rootPath,
  type ByteString,
  type ChunkId,
} from '../base/index.ts';
import { assert, VersionsError } from '../errors/index.ts';
import { joinPath } from '../files/index.ts';
import { decodeEntry, encodeEntry, TreePageBuilder, type TreePageRule } from '../format/index.ts';
import { decodeIdentity } from './entry-identity.ts';
import type { EntryResolver } from './entry-resolver.ts';
import { staleFingerprintOf } from './fingerprint.ts';
import type { ItemWriter } from './item-pages.ts';
import type { LinkTable } from './link-table.ts';
import type { LocalState } from './local-state.ts';
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
  readonly resolver: EntryResolver;
  readonly links: LinkTable;
  /** Reads a file whose other name could not be read. */
  readonly readLate: (directory: ByteString, name: ByteString) => Promise<FileResult | undefined>;
  /** Stores a tree page and returns its id. */
  readonly storePage: (page: Uint8Array) => ChunkId;
  /** Also give the entry of this path, tree included (`--as`). */
  readonly capture?: ByteString | undefined;
  /** Lets other work go on; awaited every now and then. */
  readonly breathe: () => Promise<void>;
}

/** A directory below one that is still open. Its entry comes later, if one is needed at all. */
interface Child {
  readonly name: ByteString;
  /** Undefined if it could not be read. */
  readonly tree: ChunkId | undefined;
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
const rootName = byteStringFromText('');

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
  const frames = [new TreeFrame(rootPath, rootName, options, onEntry)];
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
      frames.push(frame.enter(event.name));
    } else if (event.type === 'leave' || event.type === 'leave-unreadable') {
      frames.pop();
      const parent = frames.at(-1);
      const unreadable = { tree: undefined, unchanged: false };
      const left = event.type === 'leave' ? frame.leave(event) : unreadable;
      if (parent !== undefined) {
        parent.addChild({ name: frame.name, ...left });
      } else {
        assert(left.tree !== undefined, 'The root is never unreadable');
        return { root: left.tree, captured };
      }
    } else if (event.type === 'queued') {
      const found = kept(event);
      await frame.addResult(found, await results.next(event.priority));
    } else if (event.type === 'linked') {
      await frame.addLinked(kept(event));
    } else if (event.identity.byteLength > 0) {
      const [found, entry] = [kept(event), new Uint8Array(event.entry)];
      await frame.addIdentified(found, entry, { certain: true });
    } else {
      frame.addItem(event.name, event.fingerprint, event.entry);
    }
    if (++count % eventsBetweenBreaths === 0) await options.breathe();
  }
  throw new VersionsError('Internal', 'SCAN_INCOMPLETE', 'The scan ended before it left the root');
}

/** What is known of a name. */
type Found = Pick<Extract<ScanEvent, { type: 'linked' }>, 'name' | 'fingerprint' | 'identity'>;

/** An event is only valid until the next one, and what it needs may take a while. */
function kept({ name, fingerprint, identity }: Found): Found {
  return {
    name,
    fingerprint: new Uint8Array(fingerprint),
    identity: new Uint8Array(identity),
  };
}

function stale({ fingerprint }: Found): Uint8Array {
  return staleFingerprintOf(fingerprint);
}

type OnEntry = (directory: ByteString, name: ByteString, entry: Uint8Array) => void;

/** A directory whose pages are being written. */
class TreeFrame {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly #options: BuildTreeOptions;
  readonly #onEntry: OnEntry;
  /** Directories whose own entries are still to come, in the same order. */
  #children: Child[] = [];
  #childrenTaken = 0;
  #pages: TreePageBuilder | undefined;
  #items: ItemWriter | undefined;
  #uncertain = false;

  // oxlint-disable-next-line max-params -- private, for every directory
  constructor(path: ByteString, name: ByteString, options: BuildTreeOptions, onEntry: OnEntry) {
    this.path = path;
    this.name = name;
    this.#options = options;
    this.#onEntry = onEntry;
  }

  enter(name: ByteString): TreeFrame {
    return new TreeFrame(joinPath(this.path, name), name, this.#options, this.#onEntry);
  }

  addChild(child: Child): void {
    this.#children.push(child);
  }

  addItem(name: ByteString, fingerprint: Uint8Array, entry: Uint8Array): void {
    const child = this.#children[this.#childrenTaken];
    if (child?.name !== name) return this.#add(name, fingerprint, entry);
    this.#childrenTaken += 1;
    this.#add(name, fingerprint, withTree(entry, child));
    // In a directory that is too wide to be held back, each child is the only one.
    if (this.#childrenTaken < this.#children.length) return;
    this.#children = [];
    this.#childrenTaken = 0;
  }

  /** A queued file; without a result the run was cut short before it came to it. */
  async addResult(found: Found, result: FileResult | undefined): Promise<void> {
    const { name } = found;
    assert(result === undefined || result.name === name, 'Results and scan are out of step');
    if (result?.outcome !== 'stored') this.#uncertain = true;
    if (result === undefined || result.entry.byteLength === 0) return;
    const certain = result.outcome === 'stored';
    const isFound = result.outcome === 'stored' || result.outcome === 'changed';
    // What the scan found out holds for the file that it saw, and only what was read is passed on.
    if (isFound && found.identity.byteLength > 0)
      return this.addIdentified(found, result.entry, { certain });
    this.addItem(name, certain ? found.fingerprint : stale(found), result.entry);
  }

  /** A further name of a file: what its first name gave holds for this one too. */
  async addLinked(found: Found): Promise<void> {
    const { links, readLate } = this.#options;
    const { link } = decodeIdentity(found.identity);
    const first = link && links.get(link);
    if (first === undefined) return this.addResult(found, await readLate(this.path, found.name));
    if (!first.certain) this.#uncertain = true;
    await this.addIdentified(found, first.entry, first);
  }

  /** An entry whose file id may not be the one of its path. */
  async addIdentified(
    found: Found,
    entry: Uint8Array,
    { certain }: { readonly certain: boolean },
  ): Promise<void> {
    const { name, fingerprint, identity } = found;
    const saved = { path: joinPath(this.path, name), name, entry, certain };
    const resolved = await this.#options.resolver.resolve(saved, identity);
    this.addItem(name, certain ? fingerprint : stale(found), resolved);
  }

  /** Finishes the pages; `unchanged` if they are those that the local state had. */
  leave(event: Extract<ScanEvent, { type: 'leave' }>): {
    readonly tree: ChunkId;
    readonly unchanged: boolean;
  } {
    const { changes } = this.#options;
    const knownTree = new Uint8Array(event.knownTree);
    if (event.same) {
      if (this.#children.every(({ unchanged }) => unchanged))
        return { tree: knownTree, unchanged: true };
      this.#addKnownItems(event.hash);
    }
    assert(this.#children.length === 0, 'The scan did not tell the entry of a directory');
    const tree = this.#pageBuilder().finish();
    this.#itemWriter().finish();
    const hash = this.#uncertain ? noHash : new Uint8Array(event.hash);
    changes.putDirectory(this.path, { hash, tree });
    return { tree, unchanged: bytesEqual(knownTree, tree) };
  }

  /** The items of an unchanged directory of which some directory below changed. */
  #addKnownItems(hash: Uint8Array): void {
    const { state, source } = this.#options;
    const known = state.directory(source, this.path);
    const isHeld = known !== undefined && bytesEqual(known.hash, hash);
    assert(isHeld, 'The local state changed between scan and building');
    const children = new Map(this.#children.map((child) => [child.name, child]));
    this.#children = [];
    // All of them before the first is replaced; only directories of bounded width are ever the same.
    const items = [...state.items(source, this.path)];
    for (const { name, fingerprint, entry } of items) {
      const child = children.get(name);
      children.delete(name);
      this.#add(name, fingerprint, child === undefined ? entry : withTree(entry, child));
    }
    assert(children.size === 0, 'The local state lacks a directory that the scan found unchanged');
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

/** The entry of a directory with the tree that it has now. */
function withTree(entry: Uint8Array, { tree }: Child): Uint8Array {
  return encodeEntry({ ...decodeEntry(entry), tree });
}
