import { createHash, createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteString } from '../base/index.ts';
import { encodeEntry } from './entry-codec.ts';
import { ListPageBuilder } from './list-page-builder.ts';
import { decodeListPage, encodeListPage } from './list-page.ts';
import { decodedOrRefused, mutationsOf, refusalOf } from '../../../test/support/hostile-bytes.ts';
import { TreePageBuilder, TreePageRule } from './tree-page-builder.ts';
import { decodeTreePage, isLeafPage } from './tree-page.ts';
import type { TreeEntry } from './tree-entry.ts';

const pageKey = new Uint8Array(32).fill(5);
const rule = new TreePageRule(pageKey);

/** A store of pages by their plain hash. */
class Pages {
  readonly bytes: Map<string, Uint8Array> = new Map();
  readonly store = (page: Uint8Array): Uint8Array => {
    const id = createHash('sha256').update(page).digest();
    this.bytes.set(id.toString('hex'), page);
    return id;
  };
  get(id: Uint8Array): Uint8Array {
    const page = this.bytes.get(Buffer.from(id).toString('hex'));
    if (page === undefined) throw new Error('A page is missing');
    return page;
  }
}

function entryOf(number: number, nameBytes = 20): TreeEntry {
  const name = String(number).padStart(nameBytes, '0') as ByteString;
  return {
    name,
    kind: 'file',
    mode: 0o644,
    mtimeSeconds: 1_700_000_000 + number,
    mtimeNanos: 0,
    uid: 0,
    gid: 0,
    size: 3,
    chunks: createHash('sha256').update(name).digest(),
  };
}

function buildTree(entries: readonly TreeEntry[], pages: Pages, encoded = false): Buffer {
  const builder = new TreePageBuilder(rule, pages.store);
  for (const entry of entries) {
    if (encoded) builder.addEncoded(entry.name, encodeEntry(entry));
    else builder.add(entry);
  }
  return Buffer.from(builder.finish());
}

function walk(id: Uint8Array, pages: Pages, level?: number): ByteString[] {
  const page = decodeTreePage(pages.get(id));
  expect(page.level).toBe(level ?? page.level);
  if (isLeafPage(page)) return page.entries.map(({ name }) => name);
  return page.children.flatMap((child) => {
    const names = walk(child.id, pages, page.level - 1);
    expect(names[0]).toBe(child.firstName);
    return names;
  });
}

/** Where pages of level 0 end, by the words of docs/format.md section 9. */
function endsAsSpecified(entries: readonly TreeEntry[]): number[] {
  const ends: number[] = [];
  let b = 0;
  entries.forEach((entry, at) => {
    b += encodeEntry(entry).byteLength;
    const hash = createHmac('sha256', pageKey)
      .update(Buffer.of(0))
      .update(entry.name, 'latin1')
      .digest();
    if (b >= 262_144 || (b >= 32_768 && hash.readUInt32LE(0) % 128 === 0)) {
      ends.push(at + 1);
      b = 0;
    }
  });
  if (ends.at(-1) !== entries.length) ends.push(entries.length);
  return ends;
}

describe('pages of a tree', () => {
  const many = Array.from({ length: 9000 }, (_, number) => entryOf(number));

  test('of an empty directory are one empty page', () => {
    const pages = new Pages();
    expect(Buffer.from(pages.get(buildTree([], pages))).toString('hex')).toBe('820080');
  });

  test('hold every entry in order, once, below the top', () => {
    for (const count of [1, 2, 300, 301, 2500, 9000]) {
      const pages = new Pages();
      const entries = many.slice(0, count);
      expect(walk(buildTree(entries, pages), pages)).toEqual(entries.map(({ name }) => name));
    }
  });

  test('end where the specification says', () => {
    const pages = new Pages();
    const top = decodeTreePage(pages.get(buildTree(many, pages)));
    if (isLeafPage(top)) throw new Error('Several pages were expected');
    const ends = endsAsSpecified(many);
    const starts = [0, ...ends.slice(0, -1)].map((at) => many[at]?.name);
    expect(top.children.map(({ firstName }) => firstName)).toEqual(starts);
    expect(ends.length).toBeGreaterThan(10);
  });

  test('are the same from encoded entries', () => {
    expect(buildTree(many, new Pages(), true)).toEqual(buildTree(many, new Pages()));
  });

  test('are shared after a change: one page a level is new', () => {
    const before = new Pages();
    buildTree(many, before);
    for (const changed of [
      many.toSpliced(4000, 1),
      many.with(4000, { ...entryOf(4000), mode: 0 }),
    ]) {
      const after = new Pages();
      buildTree(changed, after);
      const added = [...after.bytes.keys()].filter((id) => !before.bytes.has(id));
      expect(added.length).toBeLessThanOrEqual(4);
    }
  });

  test('nest to any depth with long names, and stay within their limits', () => {
    const pages = new Pages();
    const entries = Array.from({ length: 5000 }, (_, number) => entryOf(number, 4096));
    const top = buildTree(entries, pages);
    expect(decodeTreePage(pages.get(top)).level).toBeGreaterThanOrEqual(2);
    expect(walk(top, pages)).toEqual(entries.map(({ name }) => name));
    for (const page of pages.bytes.values()) expect(page.byteLength).toBeLessThan(262_144 + 5000);
  });

  test('need ascending names', () => {
    const builder = new TreePageBuilder(rule, new Pages().store);
    builder.add(entryOf(5));
    expect(() => builder.add(entryOf(5))).toThrow('ascending');
    expect(() => builder.add(entryOf(4))).toThrow('ascending');
  });
});

describe('pages of a list', () => {
  const ids = Array.from({ length: 30_000 }, (_, at) =>
    createHash('sha256').update(`${at}`).digest(),
  );

  function buildList(count: number, pages: Pages): Uint8Array {
    const builder = new ListPageBuilder(pages.store);
    ids.slice(0, count).forEach((id, at) => builder.add(id, at + 1));
    return builder.finish();
  }

  function walkList(id: Uint8Array, pages: Pages, expectedBytes?: number): [string, number][] {
    const page = decodeListPage(pages.get(id));
    const items = page.lengths.map((length, at): [Uint8Array, number] => [
      page.ids.subarray(32 * at, 32 * at + 32),
      length,
    ]);
    const bytes = page.lengths.reduce((sum, length) => sum + length, 0);
    expect(bytes).toBe(expectedBytes ?? bytes);
    if (page.level === 0) return items.map(([chunk, length]) => [hexOf(chunk), length]);
    return items.flatMap(([child, length]) => walkList(child, pages, length));
  }

  test.each([1, 32, 65, 257, 30_000])('hold %i chunks in order', (count) => {
    const pages = new Pages();
    const top = buildList(count, pages);
    const expected = ids.slice(0, count).map((id, at) => [id.toString('hex'), at + 1]);
    expect(walkList(top, pages)).toEqual(expected);
  });

  test('end where the specification says', () => {
    const pages = new Pages();
    const ends: number[] = [];
    let held = 0;
    ids.slice(0, 5000).forEach((id, at) => {
      held++;
      if (held === 256 || (held >= 32 && id.readUInt32LE(0) % 64 === 0)) {
        ends.push(at + 1);
        held = 0;
      }
    });
    buildList(5000, pages);
    const leaves = [...pages.bytes.values()]
      .map((page) => decodeListPage(page))
      .filter(({ level }) => level === 0);
    const counts = leaves.map(({ count }) => count);
    expect(counts.slice(0, ends.length)).toEqual(ends.map((end, at) => end - (ends[at - 1] ?? 0)));
  });

  test('are shared after an insertion', () => {
    const before = new Pages();
    buildList(10_000, before);
    const after = new Pages();
    const builder = new ListPageBuilder(after.store);
    ids.slice(0, 10_000).forEach((id, at) => {
      if (at === 5000) builder.add(createHash('sha256').update('new').digest(), 7);
      builder.add(id, at + 1);
    });
    builder.finish();
    const added = [...after.bytes.keys()].filter((id) => !before.bytes.has(id));
    expect(added.length).toBeLessThanOrEqual(6);
  });

  test('of nothing are not made', () => {
    expect(() => new ListPageBuilder(new Pages().store).finish()).toThrow('at least one');
  });

  test('are refused or have one encoding after any mutation', () => {
    const page = encodeListPage(
      0,
      Buffer.concat(ids.slice(0, 5)),
      [1, 30, 300, 70_000, 16_777_216],
    );
    fc.assert(
      fc.property(mutationsOf(page), (mutated) => {
        const decoded = decodedOrRefused(() => decodeListPage(mutated));
        if (decoded === undefined) return;
        expect(encodeListPage(decoded.level, decoded.ids, decoded.lengths)).toEqual(mutated);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['no ids', encodeListPage(0, Buffer.of(), [])],
    ['more lengths than ids', encodeListPage(0, Buffer.alloc(32), [1, 2])],
    ['half an id', encodeListPage(0, Buffer.alloc(48), [1])],
    ['a length of zero', encodeListPage(0, Buffer.alloc(32), [0])],
    ['a chunk that is too large', encodeListPage(0, Buffer.alloc(32), [16_777_217])],
    ['too many levels', encodeListPage(16, Buffer.alloc(32), [1])],
    ['too many bytes', encodeListPage(1, Buffer.alloc(64), [Number.MAX_SAFE_INTEGER, 1])],
  ])('are refused with %s', (_, page) => {
    expect(refusalOf(() => decodeListPage(page))).toMatch(/LIST_DAMAGED|CBOR_INVALID/);
  });
});

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
