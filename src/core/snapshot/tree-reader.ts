import { toHex, type ByteString, type ChunkId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import {
  decodeListPage,
  decodeTreePage,
  isLeafPage,
  type ListPage,
  type TreeEntry,
  type TreePage,
} from '../format/index.ts';
import type { ChunkReader } from '../repository/index.ts';

/** One chunk of a file's content. */
export interface ContentChunk {
  readonly id: ChunkId;
  readonly length: number;
}

/** What the page above says of one. */
interface Said {
  readonly level: number;
  readonly firstName: ByteString;
}

/** What is said of a list page: by its entry if it is the top one, else by the page above. */
export interface SaidOfList {
  readonly level: number | undefined;
  readonly bytes: number;
}

/** Reads trees and lists, page by page. Every page was checked against its id. */
export class TreeReader {
  readonly #chunks: Pick<ChunkReader, 'read'>;
  readonly #signal: AbortSignal | undefined;

  constructor(chunks: Pick<ChunkReader, 'read'>, signal?: AbortSignal) {
    this.#chunks = chunks;
    this.#signal = signal;
  }

  /** The entries of a directory, ascending by name. Byte fields are views; copy them to keep them. */
  async *entries(tree: ChunkId): AsyncGenerator<TreeEntry> {
    for await (const page of this.pages(tree)) for (const entry of page) yield entry;
  }

  /** As `entries`, those of a page at once: to wait for each of a million takes its time. */
  pages(tree: ChunkId): AsyncGenerator<readonly TreeEntry[]> {
    return this.#below(tree, undefined, '');
  }

  /** The entry of a name; reads only the pages on the way to it. */
  async find(tree: ChunkId, name: ByteString): Promise<TreeEntry | undefined> {
    let id = tree;
    let said: Said | undefined;
    for (;;) {
      const page = await this.#page(id, said);
      if (isLeafPage(page)) return page.entries.find((entry) => entry.name === name);
      const child = page.children.findLast(({ firstName }) => firstName <= name);
      if (child === undefined) return undefined;
      id = new Uint8Array(child.id);
      said = { level: page.level - 1, firstName: child.firstName };
    }
  }

  /** The chunks of a file in order. Throws `Corrupt` if they do not add up to its size. */
  async *content(entry: TreeEntry): AsyncGenerator<ContentChunk> {
    const own = ownContent(entry);
    if (own !== undefined) {
      for (const chunk of own) yield chunk;
      return;
    }
    let bytes = 0;
    for await (const chunk of this.#listed(new Uint8Array(entry.list ?? []), undefined)) {
      bytes += chunk.length;
      yield chunk;
    }
    checkSize(entry, bytes);
  }

  /** One page of a list. Throws `Corrupt` if it is not what is said of it. */
  async listPage(id: ChunkId, said: SaidOfList): Promise<ListPage> {
    const page = await this.#listPage(id);
    if (said.level !== undefined && page.level !== said.level) throw wrongLevel(id);
    if (sumOf(page.lengths) !== said.bytes) throw wrongSum(id);
    return page;
  }

  async #listPage(id: ChunkId): Promise<ListPage> {
    return decodeListPage(new Uint8Array(await this.#chunks.read('list', id, this.#signal)));
  }

  /** `said`: what the page above says of this one. */
  async *#listed(
    id: ChunkId,
    said: { readonly level: number; readonly bytes: number } | undefined,
  ): AsyncGenerator<ContentChunk> {
    // Levels must fall by one, so that no page can lead back to itself.
    const page = said === undefined ? await this.#listPage(id) : await this.listPage(id, said);
    for (let at = 0; at < page.count; at++) {
      const child = page.ids.subarray(at * 32, at * 32 + 32);
      const length = page.lengths[at] ?? 0;
      if (page.level > 0) yield* this.#listed(child, { level: page.level - 1, bytes: length });
      else yield { id: child, length };
    }
  }

  async *#below(
    id: ChunkId,
    said: Said | undefined,
    after: string,
  ): AsyncGenerator<readonly TreeEntry[]> {
    const page = await this.#page(id, said);
    if (isLeafPage(page)) {
      // Those of one page were found in order when it was decoded.
      const [first] = page.entries;
      if (first !== undefined && first.name <= after) throw wrongOrder(id);
      yield page.entries;
      return;
    }
    let last = after;
    for (const child of page.children) {
      const { id: below, firstName } = child;
      const saidBelow = { level: page.level - 1, firstName };
      for await (const entries of this.#below(below, saidBelow, last)) {
        last = entries.at(-1)?.name ?? last;
        yield entries;
      }
    }
  }

  /** Level and first name must be what the page above says: no page can lead back to itself. */
  async #page(id: ChunkId, said: Said | undefined): Promise<TreePage> {
    // A copy, because the block it lies in may be dropped while the page is in use.
    const bytes = new Uint8Array(await this.#chunks.read('tree', id, this.#signal));
    const page = decodeTreePage(bytes);
    if (said === undefined) return page;
    if (page.level !== said.level) throw wrongLevel(id);
    const first = isLeafPage(page) ? page.entries[0]?.name : page.children[0]?.firstName;
    if (first !== said.firstName) throw wrongFirstName(id);
    return page;
  }
}

/**
 * The chunks of a file that its entry lists itself; undefined if they are in pages of their own.
 * Throws `Corrupt` if they do not add up to its size.
 */
export function ownContent(entry: TreeEntry): readonly ContentChunk[] | undefined {
  if (entry.chunks === undefined && entry.list !== undefined) return undefined;
  const ids = entry.chunks ?? new Uint8Array(0);
  const lengths = entry.lengths ?? [entry.size];
  const own: ContentChunk[] = [];
  let bytes = 0;
  for (let at = 0; at * 32 < ids.byteLength; at++) {
    const length = lengths[at] ?? 0;
    bytes += length;
    own.push({ id: ids.subarray(at * 32, at * 32 + 32), length });
  }
  checkSize(entry, bytes);
  return own;
}

function checkSize({ inline, size }: TreeEntry, chunkBytes: number): void {
  if (chunkBytes + (inline?.byteLength ?? 0) === size) return;
  throw new VersionsError(
    'Corrupt',
    'CONTENT_LENGTH',
    `The chunks of a file have ${chunkBytes} bytes instead of ${size}`,
  );
}

function sumOf(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + length, 0);
}

function wrongSum(id: ChunkId): VersionsError {
  return new VersionsError(
    'Corrupt',
    'LIST_LENGTH',
    `The lengths in list page ${toHex(id).slice(0, 16)} do not add up to what its parent says`,
  );
}

function wrongFirstName(id: ChunkId): VersionsError {
  return new VersionsError(
    'Corrupt',
    'PAGE_FIRST_NAME',
    `Page ${toHex(id).slice(0, 16)} does not begin with the name that its parent says`,
  );
}

function wrongLevel(id: ChunkId): VersionsError {
  return new VersionsError(
    'Corrupt',
    'PAGE_LEVEL',
    `Page ${toHex(id).slice(0, 16)} has another level than its parent says`,
  );
}

function wrongOrder(id: ChunkId): VersionsError {
  return new VersionsError(
    'Corrupt',
    'PAGE_ORDER',
    `The names in page ${toHex(id).slice(0, 16)} do not follow those before`,
  );
}
