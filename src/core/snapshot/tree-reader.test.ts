import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bytes } from '../../../test/fidelity/temporary-directory.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { toHex, type ChunkId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import {
  decodeTreePage,
  encodeEntry,
  encodeListPage,
  isLeafPage,
  ListPageBuilder,
  TreePageBuilder,
  TreePageRule,
  type TreeEntry,
} from '../format/index.ts';
import { CborWriter } from '../format/cbor-writer.ts';
import { encodeTreePage, writePageChild } from '../format/tree-page.ts';
import { TreeReader } from './tree-reader.ts';

/** Pages by id. As a mirror could never do, it may give any page for any id. */
class Pages {
  readonly pages: Map<string, Uint8Array> = new Map();
  reads = 0;

  readonly put = (page: Uint8Array): ChunkId => {
    const id = createHash('sha256').update(page).digest();
    this.pages.set(toHex(id), new Uint8Array(page));
    return id;
  };

  async read(_kind: string, id: ChunkId): Promise<Uint8Array> {
    this.reads += 1;
    const page = this.pages.get(toHex(id));
    if (page === undefined) throw new VersionsError('Corrupt', 'CHUNK_MISSING', 'It is missing');
    return page;
  }
}

function entryOf(name: string, more: Partial<TreeEntry> = {}): TreeEntry {
  return {
    name: bytes(name),
    kind: 'file',
    mode: 0o644,
    mtimeSeconds: 1,
    mtimeNanos: 2,
    uid: 3,
    gid: 4,
    size: 0,
    ...more,
  };
}

const padded = (number: number): string => String(number).padStart(6, '0');
const rule = new TreePageRule(new Uint8Array(32));

function treeOf(pages: Pages, count: number): ChunkId {
  const builder = new TreePageBuilder(rule, pages.put);
  for (let number = 0; number < count; number++) builder.add(entryOf(`n${padded(number * 2)}`));
  return builder.finish();
}

async function namesOf(pages: Pages, tree: ChunkId): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of new TreeReader(pages).entries(tree)) names.push(name);
  return names;
}

const leaf = (pages: Pages, names: readonly string[]): ChunkId =>
  pages.put(
    encodeTreePage(0, names.length, Buffer.concat(names.map((name) => encodeEntry(entryOf(name))))),
  );

function interior(
  pages: Pages,
  level: number,
  children: readonly (readonly [string, ChunkId])[],
): ChunkId {
  const writer = new CborWriter();
  for (const [firstName, id] of children)
    writePageChild(writer, { firstName: bytes(firstName), id });
  return pages.put(encodeTreePage(level, children.length, writer.toBytes()));
}

const failure = (code: string): unknown => expect.objectContaining({ kind: 'Corrupt', code });

describe('entries of a directory', () => {
  it.each([0, 1, 500, 20_000])('of %i names come in order, whatever the pages', async (count) => {
    const pages = new Pages();
    const tree = treeOf(pages, count);
    const names = await namesOf(pages, tree);
    expect(names).toHaveLength(count);
    expect(names).toEqual(names.toSorted());
    const top = decodeTreePage(pages.pages.get(toHex(tree)) ?? new Uint8Array(0));
    expect(isLeafPage(top)).toBe(count <= 500);
  });

  it('come through several levels', async () => {
    const pages = new Pages();
    const left = interior(pages, 1, [
      ['a', leaf(pages, ['a', 'b'])],
      ['c', leaf(pages, ['c'])],
    ]);
    const right = interior(pages, 1, [['d', leaf(pages, ['d', 'e', 'f'])]]);
    const top = interior(pages, 2, [
      ['a', left],
      ['d', right],
    ]);
    expect(await namesOf(pages, top)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    const reader = new TreeReader(pages);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f'])
      expect((await reader.find(top, bytes(name)))?.name).toBe(name);
    expect(await reader.find(top, bytes('bb'))).toBeUndefined();
    expect(await reader.find(top, bytes('g'))).toBeUndefined();
    expect(await reader.find(top, bytes('A'))).toBeUndefined();
  });

  it('are found by name with one page read a level', async () => {
    const pages = new Pages();
    const tree = treeOf(pages, 20_000);
    const reader = new TreeReader(pages);
    for (const number of [0, 2, 19_998, 39_998]) {
      pages.reads = 0;
      expect((await reader.find(tree, bytes(`n${padded(number)}`)))?.name).toBe(
        `n${padded(number)}`,
      );
      expect(pages.reads).toBe(2);
      expect(await reader.find(tree, bytes(`n${padded(number + 1)}`))).toBeUndefined();
    }
  });

  it('are refused if a page is of a level that its parent does not say', async () => {
    const pages = new Pages();
    const low = leaf(pages, ['a']);
    const skipped = interior(pages, 2, [['a', low]]);
    await expect(namesOf(pages, skipped)).rejects.toThrow(failure('PAGE_LEVEL'));
    const high = interior(pages, 3, [['a', interior(pages, 3, [['a', low]])]]);
    await expect(namesOf(pages, high)).rejects.toThrow(failure('PAGE_LEVEL'));
  });

  it('are refused if a page leads back to itself', async () => {
    const pages = new Pages();
    const tree = interior(pages, 1, [['a', leaf(pages, ['a'])]]);
    const page = pages.pages.get(toHex(tree)) ?? new Uint8Array(0);
    // Every id gives the same page.
    pages.read = async () => page;
    await expect(namesOf(pages, tree)).rejects.toThrow(failure('PAGE_LEVEL'));
    await expect(new TreeReader(pages).find(tree, bytes('a'))).rejects.toThrow(
      failure('PAGE_LEVEL'),
    );
  });

  it.each([
    ['goes back over one', ['a', 'b', 'c'], ['b', 'c']],
    ['begins with the last one', ['a', 'n'], ['n', 'o']],
  ])('are refused if the second page %s', async (_, first, second) => {
    const pages = new Pages();
    const tree = interior(pages, 1, [
      ['a', leaf(pages, first)],
      [second[0] ?? '', leaf(pages, second)],
    ]);
    await expect(namesOf(pages, tree)).rejects.toThrow(failure('PAGE_ORDER'));
  });

  it('are refused if a page does not begin as its parent says, also by name', async () => {
    const pages = new Pages();
    const wrong = failure('PAGE_FIRST_NAME');
    const low = leaf(pages, ['b', 'c']);
    const none = leaf(pages, []);
    for (const tree of [
      interior(pages, 1, [['a', low]]),
      interior(pages, 1, [['b', none]]),
      interior(pages, 2, [['a', interior(pages, 1, [['b', low]])]]),
    ]) {
      await expect(namesOf(pages, tree)).rejects.toThrow(wrong);
      await expect(new TreeReader(pages).find(tree, bytes('c'))).rejects.toThrow(wrong);
    }
    const skipped = interior(pages, 2, [['b', low]]);
    await expect(new TreeReader(pages).find(skipped, bytes('c'))).rejects.toThrow(
      failure('PAGE_LEVEL'),
    );
  });

  it('end where a page cannot be read', async () => {
    const pages = new Pages();
    const tree = interior(pages, 1, [
      ['a', leaf(pages, ['a'])],
      ['b', new Uint8Array(32)],
    ]);
    const seen: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const { name } of new TreeReader(pages).entries(tree)) seen.push(name);
    };
    await expect(reading()).rejects.toThrow(failure('CHUNK_MISSING'));
    expect(seen).toEqual(['a']);
  });
});

describe('content of a file', () => {
  const idOf = (number: number): ChunkId => seededBytes(`chunk ${number}`, 32);

  async function contentOf(pages: Pages, entry: TreeEntry): Promise<string[]> {
    const chunks: string[] = [];
    for await (const { id, length } of new TreeReader(pages).content(entry))
      chunks.push(`${toHex(id)} ${length}`);
    return chunks;
  }

  it('is nothing, inline, one chunk, or several with their lengths', async () => {
    const pages = new Pages();
    const of = (more: Partial<TreeEntry>): Promise<string[]> =>
      contentOf(pages, entryOf('f', more));
    expect(await of({})).toEqual([]);
    expect(await of({ size: 3, inline: Buffer.from('abc') })).toEqual([]);
    expect(await of({ size: 900, chunks: idOf(1) })).toEqual([`${toHex(idOf(1))} 900`]);
    const chunks = Buffer.concat([idOf(1), idOf(2)]);
    expect(await of({ size: 30, chunks, lengths: [10, 20] })).toEqual([
      `${toHex(idOf(1))} 10`,
      `${toHex(idOf(2))} 20`,
    ]);
  });

  it.each([65, 20_000])('is a list of %i chunks, in pages to any depth', async (count) => {
    const pages = new Pages();
    const builder = new ListPageBuilder(pages.put);
    for (let number = 0; number < count; number++) builder.add(idOf(number), number + 1);
    const size = (count * (count + 1)) / 2;
    const chunks = await contentOf(pages, entryOf('f', { size, list: builder.finish() }));
    expect(chunks).toEqual(
      Array.from({ length: count }, (_, number) => `${toHex(idOf(number))} ${number + 1}`),
    );
  });

  it('is refused if it does not add up to the size', async () => {
    const pages = new Pages();
    const list = pages.put(encodeListPage(0, Buffer.concat([idOf(1), idOf(2)]), [5, 6]));
    const wrong = failure('CONTENT_LENGTH');
    await expect(contentOf(pages, entryOf('f', { size: 12, list }))).rejects.toThrow(wrong);
    await expect(contentOf(pages, entryOf('f', { size: 5 }))).rejects.toThrow(wrong);
    const inline = Buffer.from('abc');
    await expect(contentOf(pages, entryOf('f', { size: 4, inline }))).rejects.toThrow(wrong);
    expect(await contentOf(pages, entryOf('f', { size: 11, list }))).toHaveLength(2);
  });

  it('is refused if a list page does not add up to what its parent says', async () => {
    const pages = new Pages();
    const low = pages.put(encodeListPage(0, Buffer.concat([idOf(1), idOf(2)]), [5, 6]));
    const other = pages.put(encodeListPage(0, idOf(3), [4]));
    const list = pages.put(encodeListPage(1, Buffer.concat([low, other]), [10, 5]));
    await expect(contentOf(pages, entryOf('f', { size: 15, list }))).rejects.toThrow(
      failure('LIST_LENGTH'),
    );
  });

  it('is refused if a list page is of another level, or leads back to itself', async () => {
    const pages = new Pages();
    const low = pages.put(encodeListPage(0, idOf(1), [5]));
    const high = pages.put(encodeListPage(2, low, [5]));
    const wrong = failure('PAGE_LEVEL');
    await expect(contentOf(pages, entryOf('f', { size: 5, list: high }))).rejects.toThrow(wrong);
    const page = pages.pages.get(toHex(high)) ?? new Uint8Array(0);
    pages.read = async () => page;
    await expect(contentOf(pages, entryOf('f', { size: 5, list: high }))).rejects.toThrow(wrong);
  });
});
