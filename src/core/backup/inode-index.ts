import { asBuffer, rootPath, type ByteString } from '../base/index.ts';
import { joinPath } from '../files/index.ts';
import { decodeEntry } from '../format/index.ts';
import { inodeOf, isSameFile } from './fingerprint.ts';
import type { ItemState } from './item-pages.ts';
import type { LocalState } from './local-state.ts';

/** Files beyond that are found no more: a renamed one counts as new then, nothing else. */
const indexedMax = 8 * 1024 * 1024;
const pageBits = 24n;
const inodeMask = (1n << (64n - pageBits)) - 1n;

/** Something that the last backup knew, with its path then. */
export interface KnownPlace extends ItemState {
  readonly path: ByteString;
}

/**
 * Finds what the last backup of a source knew by inode, to recognise files that were renamed, and
 * the file ids that are in use away from the path they follow from. Made when the first file with a
 * new name turns up, by reading the local state once; 8 bytes a file.
 */
export class InodeIndex {
  readonly #state: LocalState;
  /** Inode above, number of the page below; ascending. */
  readonly #keys: BigUint64Array;
  /** Rows of the pages in the local state, by number. */
  readonly #rows: readonly number[];
  /** The first halves of file ids that do not follow from the path; ascending. */
  readonly #explicitIds: BigUint64Array;
  #lastRow = -1;
  #lastPage: ReadonlyMap<bigint, KnownPlace> = new Map();

  private constructor(state: LocalState, source: Uint8Array) {
    const rows: number[] = [];
    const keys = new NumberList();
    const explicitIds = new NumberList();
    for (const { row, items } of state.itemPages(source)) {
      if (rows.length >> Number(pageBits) > 0) break;
      const page = BigInt(rows.length);
      for (const { fingerprint, entry } of items) {
        if (keys.count === indexedMax) break;
        keys.add(((inodeOf(fingerprint) & inodeMask) << pageBits) | page);
        const fileId = explicitIdIn(entry);
        if (fileId !== undefined) explicitIds.add(firstHalf(fileId));
      }
      rows.push(row);
    }
    this.#state = state;
    this.#keys = keys.sorted();
    this.#rows = rows;
    this.#explicitIds = explicitIds.sorted();
  }

  static read(state: LocalState, source: Uint8Array): InodeIndex {
    return new InodeIndex(state, source);
  }

  /** The same file by its fingerprint, in whatever state, under any name. */
  find(fingerprint: Uint8Array): KnownPlace | undefined {
    const inode = (inodeOf(fingerprint) & inodeMask) << pageBits;
    for (let at = firstFrom(this.#keys, inode); at < this.#keys.length; at++) {
      const key = this.#keys[at] ?? 0n;
      if (key >> pageBits !== inode >> pageBits) return undefined;
      const row = this.#rows[Number(key & ((1n << pageBits) - 1n))];
      const found = row === undefined ? undefined : this.#page(row).get(inodeOf(fingerprint));
      if (found !== undefined && isSameFile(found.fingerprint, fingerprint)) return found;
    }
    return undefined;
  }

  /** Has some entry this file id although it does not follow from its path? */
  usesId(fileId: Uint8Array): boolean {
    const half = firstHalf(fileId);
    return this.#explicitIds[firstFrom(this.#explicitIds, half)] === half;
  }

  /** Names that were moved together are mostly asked for together. */
  #page(row: number): ReadonlyMap<bigint, KnownPlace> {
    if (row === this.#lastRow) return this.#lastPage;
    const places = new Map<bigint, KnownPlace>();
    const page = this.#state.itemPage(row);
    for (const item of page?.items ?? []) {
      const path = joinPath(page?.path ?? rootPath, item.name);
      places.set(inodeOf(item.fingerprint), { ...item, path });
    }
    this.#lastPage = places;
    this.#lastRow = row;
    return places;
  }
}

/** Numbers of 64 bits in as little memory as that takes. */
class NumberList {
  #numbers = new BigUint64Array(1024);
  count = 0;

  add(number: bigint): void {
    if (this.count === this.#numbers.length) {
      const larger = new BigUint64Array(this.count * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.count++] = number;
  }

  sorted(): BigUint64Array {
    return this.#numbers.subarray(0, this.count).sort();
  }
}

/** Position of the first number that is not less. */
function firstFrom(numbers: BigUint64Array, least: bigint): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0n) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstHalf(fileId: Uint8Array): bigint {
  return asBuffer(fileId).readBigUInt64LE(0);
}

/** Key 20 and a text of 16 bytes, which is rare and may stand in an entry for other reasons. */
const explicitIdBegin = Buffer.of(20, 0x50);

function explicitIdIn(entry: Uint8Array): Uint8Array | undefined {
  return asBuffer(entry).includes(explicitIdBegin) ? decodeEntry(entry).fileId : undefined;
}
