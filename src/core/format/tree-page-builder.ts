import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { pageLevelsMax, type ByteString, type ChunkId } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { CborWriter } from './cbor-writer.ts';
import { writeEntry } from './entry-codec.ts';
import { encodeTreePage, writePageChild } from './tree-page.ts';
import type { TreeEntry } from './tree-entry.ts';

const pageBytesMin = 32_768;
const pageBytesMax = 262_144;
const boundaryMask = 0x7f;

/** Stores a finished page and returns its id. The bytes are the callee's to keep. */
export type StorePage = (pageBytes: Uint8Array) => ChunkId;

/**
 * Decides where pages of trees end (docs/format.md section 9), by a keyed hash of the name: an
 * inserted or removed entry moves only the boundaries near it.
 */
export class TreePageRule {
  readonly #key: KeyObject;
  readonly #level: Buffer = Buffer.alloc(1);

  constructor(pageKey: Uint8Array) {
    this.#key = createSecretKey(pageKey);
  }

  /** True if a page of `itemBytes` bytes of items ends after the item with this name. */
  endsAfter(level: number, name: ByteString, itemBytes: number): boolean {
    if (itemBytes >= pageBytesMax) return true;
    if (itemBytes < pageBytesMin) return false;
    this.#level[0] = level;
    const hmac = createHmac('sha256', this.#key).update(this.#level).update(name, 'latin1');
    return (hmac.digest().readUInt32LE(0) & boundaryMask) === 0;
  }
}

/** One level of pages that is being filled. */
class OpenPage {
  readonly items: CborWriter = new CborWriter();
  itemCount = 0;
  firstName: ByteString | undefined;
  /** Pages of this level that were stored. */
  pageCount = 0;
  lastId: ChunkId | undefined;
}

/**
 * Makes the pages of one directory from its entries in ascending order of names. Memory: one page a
 * level, whatever the directory holds.
 */
export class TreePageBuilder {
  readonly #rule: TreePageRule;
  readonly #storePage: StorePage;
  readonly #levels: OpenPage[] = [new OpenPage()];
  #lastName = '';

  constructor(rule: TreePageRule, storePage: StorePage) {
    this.#rule = rule;
    this.#storePage = storePage;
  }

  add(entry: TreeEntry): void {
    const open = this.#level(0);
    writeEntry(open.items, entry);
    this.#added(entry.name);
  }

  /** Adds an entry that `encodeEntry` encoded. */
  addEncoded(name: ByteString, encoded: Uint8Array): void {
    this.#level(0).items.raw(encoded);
    this.#added(name);
  }

  /** Stores what is left and returns the id of the top page: the directory's reference. */
  finish(): ChunkId {
    for (let level = 0; ; level++) {
      const open = this.#level(level);
      if (open.itemCount > 0 || (level === 0 && open.pageCount === 0)) this.#closePage(level);
      if (open.pageCount === 1 && open.lastId !== undefined) return open.lastId;
    }
  }

  #added(name: ByteString): void {
    assert(name > this.#lastName, 'Entries are added in ascending order of names');
    this.#lastName = name;
    this.#itemAdded(0, name);
  }

  #itemAdded(level: number, name: ByteString): void {
    const open = this.#level(level);
    open.itemCount++;
    open.firstName ??= name;
    if (this.#rule.endsAfter(level, name, open.items.length)) this.#closePage(level);
  }

  #closePage(level: number): void {
    const open = this.#level(level);
    const id = this.#storePage(encodeTreePage(level, open.itemCount, open.items.view(0)));
    const { firstName } = open;
    open.items.reset();
    open.itemCount = 0;
    open.firstName = undefined;
    open.pageCount++;
    open.lastId = id;
    if (firstName === undefined) return;
    writePageChild(this.#level(level + 1).items, { firstName, id });
    this.#itemAdded(level + 1, firstName);
  }

  #level(level: number): OpenPage {
    assert(level < pageLevelsMax, 'A directory needs too many levels of pages');
    const open = this.#levels[level];
    if (open !== undefined) return open;
    const added = new OpenPage();
    this.#levels.push(added);
    return added;
  }
}
