import {
  byteStringOf,
  chunkIdBytes,
  nameBytesMax,
  pageLevelsMax,
  type ByteString,
  type ChunkId,
} from '../base/index.ts';
import { CborReader } from './cbor-reader.ts';
import { CborWriter } from './cbor-writer.ts';
import { readEntry } from './entry-codec.ts';
import { nameFault } from './entry-rules.ts';
import { damaged } from './failures.ts';
import type { TreeEntry } from './tree-entry.ts';

/** A page below another one. */
export interface PageChild {
  /** The name of the first entry below it. */
  readonly firstName: ByteString;
  readonly id: ChunkId;
}

/** One page of a directory. */
export type TreePage =
  | { readonly level: 0; readonly entries: readonly TreeEntry[] }
  | { readonly level: number; readonly children: readonly PageChild[] };

/** True for a page whose items are entries. */
export function isLeafPage(page: TreePage): page is Extract<TreePage, { level: 0 }> {
  return page.level === 0;
}

/** A page from items that are encoded already, joined in order. */
export function encodeTreePage(level: number, itemCount: number, items: Uint8Array): Uint8Array {
  const start = new CborWriter();
  start.array(2);
  start.int(level);
  start.array(itemCount);
  return Buffer.concat([start.view(0), items]);
}

/** The item of a page above level 0, behind what `writer` holds. */
export function writePageChild(writer: CborWriter, child: PageChild): void {
  writer.array(2);
  writer.latin1(child.firstName);
  writer.bytes(child.id);
}

/**
 * Reads a tree page. Byte fields are views of `bytes`. Throws `Corrupt` (codes PAGE_DAMAGED,
 * ENTRY_INVALID, CBOR_INVALID) or `Unsupported` (code FORMAT_TOO_NEW).
 */
export function decodeTreePage(bytes: Uint8Array): TreePage {
  const reader = new CborReader(bytes);
  if (reader.array() !== 2) throw pageDamaged('it is not a pair');
  const level = reader.uint();
  if (level >= pageLevelsMax) throw pageDamaged('it is nested too deep');
  const count = reader.array();
  const page = level === 0 ? readEntries(reader, count) : readChildren(reader, level, count);
  if (!reader.done) throw pageDamaged('it goes on behind its end');
  return page;
}

function readEntries(reader: CborReader, count: number): TreePage {
  const entries: TreeEntry[] = [];
  let last = '';
  for (let item = 0; item < count; item++) {
    const entry = readEntry(reader);
    if (entry.name <= last) throw pageDamaged('its entries are not in order');
    last = entry.name;
    entries.push(entry);
  }
  return { level: 0, entries };
}

function readChildren(reader: CborReader, level: number, count: number): TreePage {
  if (count === 0) throw pageDamaged('only an empty directory has an empty page');
  const children: PageChild[] = [];
  let last = '';
  for (let item = 0; item < count; item++) {
    if (reader.array() !== 2) throw pageDamaged('an item is not a pair');
    const firstName = byteStringOf(reader.byteString(1, nameBytesMax));
    const id = reader.byteString(chunkIdBytes, chunkIdBytes);
    if (nameFault(firstName) !== undefined) throw pageDamaged('a name is refused');
    if (firstName <= last) throw pageDamaged('its items are not in order');
    last = firstName;
    children.push({ firstName, id });
  }
  return { level, children };
}

function pageDamaged(why: string): Error {
  return damaged('PAGE_DAMAGED', `A page of a tree is not valid: ${why}`);
}
