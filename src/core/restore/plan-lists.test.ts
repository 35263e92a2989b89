import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { toHex } from '../base/index.ts';
import { ChunkUses, type ChunkUse } from './chunk-uses.ts';
import { FileTable } from './file-table.ts';
import { HardLinks } from './hard-links.ts';
import { MetadataMisses } from './metadata-misses.ts';
import { NumberSet } from './number-set.ts';
import { RestorePlan, type PlannedFile } from './plan.ts';
import { Selection } from './selection.ts';
import { WriteList } from './write-list.ts';

let directory: TemporaryDirectory;
beforeEach(() => {
  directory = new TemporaryDirectory();
});
afterEach(() => directory.remove());

describe('ChunkUses', () => {
  const random = new SeededRandom('uses');

  function useOf(number: number): ChunkUse {
    return {
      location: {
        pack: random.below(9),
        block: random.below(5),
        offset: random.below(1 << 24),
        length: 1 + random.below(1 << 24),
      },
      file: number,
      fileOffset: random.below(1000) * 2 ** 40,
      id: random.bytes(32),
    };
  }

  const plain = ({ location, file, fileOffset, id }: ChunkUse): string =>
    [...Object.values(location), file, fileOffset, toHex(id)].join(' ');

  /** By pack and block, and in the order they were added. */
  function expectedOf(uses: readonly ChunkUse[]): string[] {
    return uses
      .toSorted((a, b) => a.location.pack - b.location.pack || a.location.block - b.location.block)
      .map((use) => plain(use));
  }

  it.each([
    ['in memory', 10_000, 20_000],
    ['in many runs on disk', 10_000, 97],
    ['in runs that end with the last use', 1000, 100],
    ['in one run and a use', 101, 100],
  ])('come sorted, %s', (_, count, runRecords) => {
    const uses = new ChunkUses(directory.text('uses'), runRecords);
    const added = Array.from({ length: count }, (_each, number) => useOf(number));
    for (const { location, file, fileOffset, id } of added)
      uses.add(location, file, fileOffset, id);
    expect(existsSync(directory.text('uses'))).toBe(count > runRecords);
    const kept: ChunkUse[] = [...uses.sorted()];
    // Each is still what it was when all have been given out.
    expect(kept.map((use) => plain(use))).toEqual(expectedOf(added));
    uses.remove();
    uses.remove();
    expect(existsSync(directory.text('uses'))).toBe(false);
  });

  it('come in the order they were added if that is sorted, and not at all if there are none', () => {
    const uses = new ChunkUses(directory.text('uses'));
    expect([...uses.sorted()]).toEqual([]);
    const added = Array.from({ length: 50 }, (_, number) => ({
      ...useOf(number),
      location: { pack: 3, block: number, offset: 0, length: 1 },
    }));
    for (const { location, file, fileOffset, id } of added)
      uses.add(location, file, fileOffset, id);
    expect([...uses.sorted()].map((use) => plain(use))).toEqual(added.map((use) => plain(use)));
  });

  it('tell the highest numbers apart', () => {
    const uses = new ChunkUses(directory.text('uses'), 2);
    const numbers = [
      [0xfffffffe, 65535],
      [0xfffffffe, 65534],
      [0xfffffffd, 65535],
      [0, 65535],
      [1, 0],
    ] as const;
    for (const [pack, block] of numbers)
      uses.add({ pack, block, offset: 0, length: 1 }, 1, 0, new Uint8Array(32));
    const order = [...uses.sorted()].map(({ location }) => [location.pack, location.block]);
    expect(order).toEqual([numbers[3], numbers[4], numbers[2], numbers[1], numbers[0]]);
    uses.remove();
  });
});

describe('FileTable', () => {
  it('gives everything back by number, in any order, in memory and on disk', () => {
    const table = new FileTable(directory.text('files'), 1000);
    const entryOf = (number: number): Buffer => Buffer.alloc(number % 61, number);
    const check = (number: number): void => {
      expect(table.at(number)).toEqual({
        path: number % 5 === 0 ? '' : `dir\xff/file ${number}`,
        entry: entryOf(number),
        extra: Buffer.alloc(number % 3, 7),
        writes: number * 1_000_003,
        state: number % 256,
      });
    };
    const early: Uint8Array[] = [];
    for (let number = 0; number < 1000; number++) {
      const more = { writes: number * 1_000_003, state: number % 256 };
      const path = bytes(number % 5 === 0 ? '' : `dir\xff/file ${number}`);
      const extra = Buffer.alloc(number % 3, 7);
      expect(table.add(path, entryOf(number), { ...more, extra })).toBe(number);
      // Also while its neighbours are in memory, on disk, or some here and some there.
      check(number);
      check(number >>> 1);
      if (number === 60) early.push(table.at(60).entry);
    }
    expect(existsSync(directory.text('files'))).toBe(true);
    for (let number = 999; number >= 0; number--) check(number);
    for (let number = 0; number < 1000; number++) check((number * 389) % 1000);
    // What was given out before it went to disk is still the same.
    expect(early[0]).toEqual(entryOf(60));
    expect(() => table.at(1000)).toThrow('no such entry');
    table.remove();
    table.remove();
    expect(existsSync(directory.text('files'))).toBe(false);
  });

  it('holds many short and empty entries without touching the disk', () => {
    const table = new FileTable(directory.text('files'));
    for (let number = 0; number < 20_000; number++)
      table.add(bytes(number % 2 === 0 ? '' : `${number}`), Buffer.alloc(number % 3));
    expect(table.at(19_999)).toMatchObject({ path: '19999', entry: Buffer.alloc(1), writes: 0 });
    expect(table.at(12_000)).toMatchObject({ path: '', entry: Buffer.alloc(0), state: 0 });
    expect(existsSync(directory.text('files'))).toBe(false);
  });

  it('takes one entry larger than its memory', () => {
    const table = new FileTable(directory.text('files'));
    const huge = Buffer.alloc(40 * 1024 * 1024, 7);
    table.add(bytes('huge'), huge);
    table.add(bytes('after'), Buffer.from('x'));
    expect(table.at(0).entry.byteLength).toBe(huge.byteLength);
    expect(table.at(1)).toMatchObject({ path: 'after', entry: Buffer.from('x') });
    table.remove();
  });
});

describe('RestorePlan', () => {
  it('keeps the writes, the state and the attributes of every file, however many', () => {
    using plan = new RestorePlan(directory.root);
    const states = ['absent', 'created', 'present', 'same'] as const;
    const fileOf = (number: number): PlannedFile => ({
      path: bytes(`${number}`),
      entry: Buffer.alloc(1),
      state: states[number % 4] ?? 'same',
      writes: number,
      xattrs: Buffer.alloc(number % 3),
    });
    for (let number = 0; number < 5000; number++) expect(plan.addFile(fileOf(number))).toBe(number);
    expect(plan.fileCount).toBe(5000);
    for (let number = 0; number < 5000; number += 7)
      expect(plan.file(number)).toEqual(fileOf(number));
  });
});

describe('NumberSet', () => {
  it('has what was added, once, and gives it back ascending', () => {
    const set = new NumberSet();
    expect([...set]).toEqual([]);
    expect(set.has(5)).toBe(false);
    const numbers = [0, 7, 8, 8191, 8192, 1_000_003];
    for (const number of numbers.toReversed()) expect(set.add(number)).toBe(true);
    for (const number of numbers) expect(set.add(number)).toBe(false);
    expect([...set]).toEqual(numbers);
    expect(set.size).toBe(numbers.length);
    expect([1, 6, 9, 1_000_002, 9_999_999].some((number) => set.has(number))).toBe(false);
  });
});

describe('HardLinks', () => {
  it('tells the first name of each file and keeps the others in order', () => {
    const links = new HardLinks(directory.root);
    expect([...links]).toEqual([]);
    const idOf = (number: number): Uint8Array => Buffer.alloc(32, number);
    for (let name = 0; name < 300; name++) {
      const [id, path] = [idOf(name % 100), bytes(`dir\xff/${name}`)];
      const first = links.firstName(id, path);
      expect(first).toBe(`dir\xff/${name % 100}`);
      if (first !== path) links.add({ path, first });
    }
    expect(existsSync(directory.text('links'))).toBe(true);
    expect([...links]).toEqual(
      Array.from({ length: 200 }, (_, at) => ({
        path: `dir\xff/${at + 100}`,
        first: `dir\xff/${at % 100}`,
      })),
    );
    links[Symbol.dispose]();
    expect(existsSync(directory.text('links'))).toBe(false);
  });
});

describe('WriteList', () => {
  const random = new SeededRandom('writes');
  const uses = Array.from({ length: 100 }, (_, number): ChunkUse => ({
    location: { pack: 1, block: number % 3, offset: number, length: number + 1 },
    file: number % 7,
    fileOffset: number * 2 ** 40,
    id: random.bytes(32),
  }));

  it('packs the writes of a task, with the numbers its files have there', () => {
    const list = new WriteList();
    for (const use of uses) list.add(use.location.block, use);
    expect(list.count).toBe(100);
    expect([...list.files()]).toEqual(uses.map(({ file }) => file));
    const { writes, ids } = list.forTask((file) => 100 - file);
    expect([...writes]).toEqual(
      uses.flatMap(({ location, file, fileOffset }) => [
        location.block,
        location.offset,
        location.length,
        100 - file,
        fileOffset,
      ]),
    );
    expect(Buffer.from(ids)).toEqual(Buffer.concat(uses.map(({ id }) => id)));
    // The list itself is as it was.
    expect([...list.files()]).toEqual(uses.map(({ file }) => file));
  });

  it('takes out those of one block, which is then the first', () => {
    const list = new WriteList();
    for (const use of uses) list.add(use.location.block, use);
    const wanted = uses.filter(({ location }) => location.block === 2);
    const one = list.ofBlock(2);
    const { writes, ids } = one.forTask((file) => file);
    expect([...writes]).toEqual(
      wanted.flatMap(({ location, file, fileOffset }) => [
        0,
        location.offset,
        location.length,
        file,
        fileOffset,
      ]),
    );
    expect(Buffer.from(ids)).toEqual(Buffer.concat(wanted.map(({ id }) => id)));
    expect(list.ofBlock(3).count).toBe(0);
  });
});

describe('MetadataMisses', () => {
  it('tells each kind once, with how many there were', () => {
    const misses = new MetadataMisses();
    misses.add(bytes('a'), { part: 'owner', detail: 'no permission' });
    for (let count = 0; count < 41; count++)
      misses.add(bytes(`b${count}`), { part: 'xattr user.x', detail: 'not supported' });
    expect(misses.problems().map(({ message, code }) => `${code}: ${message}`)).toEqual([
      'TARGET_METADATA_INCOMPLETE: The owner of a could not be set: no permission',
      'TARGET_METADATA_INCOMPLETE: The xattr user.x of b0 and 40 more could not be set: not supported',
    ]);
  });
});

describe('Selection', () => {
  const included = (selection: Selection, path: string, within = false): boolean => {
    const name = bytes(path.slice(path.lastIndexOf('/') + 1));
    return (
      !selection.isExcluded(bytes(path), name, false) &&
      selection.isIncluded(bytes(path), name, false, within)
    );
  };

  it('takes everything unless something is named', () => {
    const selection = new Selection([], []);
    expect(selection.isEverything).toBe(true);
    expect(included(selection, '/any/thing')).toBe(true);
  });

  it('takes what is included, and all below it, but never what is excluded', () => {
    const selection = new Selection(['*.txt', '/home/me'], ['secret*']);
    expect(selection.isEverything).toBe(false);
    expect(included(selection, '/a/b.txt')).toBe(true);
    expect(included(selection, '/a/b.png')).toBe(false);
    expect(included(selection, '/home/me')).toBe(true);
    expect(included(selection, '/home/me/b.png', true)).toBe(true);
    expect(included(selection, '/home/me/secret.txt', true)).toBe(false);
    expect(included(selection, '/elsewhere/home/me')).toBe(false);
  });
});
