import { asBuffer, chunkIdBytes, pageLevelsMax, type ChunkId } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { encodeListPage } from './list-page.ts';
import type { StorePage } from './tree-page-builder.ts';

const pageIdsMin = 32;
const pageIdsMax = 256;
const boundaryMask = 0x3f;

/** True if a list page of `idCount` ids ends after this one, which it holds already. */
export function listPageEndsAfter(id: ChunkId, idCount: number): boolean {
  if (idCount >= pageIdsMax) return true;
  return idCount >= pageIdsMin && (asBuffer(id).readUInt32LE(0) & boundaryMask) === 0;
}

class OpenList {
  readonly ids: Buffer = Buffer.alloc(pageIdsMax * chunkIdBytes);
  lengths: number[] = [];
  pageCount = 0;
  lastId: ChunkId | undefined;
}

/** Makes the list pages of one file from its chunks in order. Memory: one page a level. */
export class ListPageBuilder {
  readonly #storePage: StorePage;
  readonly #levels: OpenList[] = [new OpenList()];

  constructor(storePage: StorePage) {
    this.#storePage = storePage;
  }

  /** Adds a data chunk and its bytes of content. */
  add(id: ChunkId, length: number): void {
    this.#add(0, id, length);
  }

  /** Stores what is left and returns the id of the top page. At least one chunk was added. */
  finish(): ChunkId {
    for (let level = 0; ; level++) {
      const open = this.#level(level);
      if (open.lengths.length > 0) this.#closePage(level);
      assert(open.pageCount > 0, 'A list page holds at least one chunk');
      if (open.pageCount === 1 && open.lastId !== undefined) return open.lastId;
    }
  }

  #add(level: number, id: ChunkId, length: number): void {
    const open = this.#level(level);
    open.ids.set(id, open.lengths.length * chunkIdBytes);
    open.lengths.push(length);
    if (listPageEndsAfter(id, open.lengths.length)) this.#closePage(level);
  }

  #closePage(level: number): void {
    const open = this.#level(level);
    const { lengths } = open;
    const ids = open.ids.subarray(0, lengths.length * chunkIdBytes);
    const id = this.#storePage(encodeListPage(level, ids, lengths));
    open.lengths = [];
    open.pageCount++;
    open.lastId = id;
    const bytes = lengths.reduce((sum, length) => sum + length, 0);
    this.#add(level + 1, id, bytes);
  }

  #level(level: number): OpenList {
    assert(level < pageLevelsMax, 'A list needs too many levels of pages');
    const open = this.#levels[level];
    if (open !== undefined) return open;
    const added = new OpenList();
    this.#levels.push(added);
    return added;
  }
}
