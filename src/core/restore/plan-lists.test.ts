import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { toHex } from '../base/index.ts';
import { ChunkUses, type ChunkUse } from './chunk-uses.ts';
import { FileTable } from './file-table.ts';
import { MetadataMisses } from './metadata-misses.ts';
import { RestorePlan } from './plan.ts';
import { Selection } from './selection.ts';

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
  it('gives paths and entries back by number, in memory and on disk', () => {
    const table = new FileTable(directory.text('files'));
    const entry = Buffer.alloc(600_000);
    const early: { readonly path: string; readonly entry: Uint8Array }[] = [];
    for (let number = 0; number < 130; number++) {
      entry.writeUInt32LE(number, 0);
      entry.writeUInt32LE(number, 599_996);
      expect(table.add(bytes(`dir\xff/file ${number}`), entry)).toBe(number);
      if (number === 3) early.push(table.at(3));
    }
    expect(table.count).toBe(130);
    expect(existsSync(directory.text('files'))).toBe(true);
    for (const number of [0, 1, 53, 54, 55, 56, 100, 128, 129]) {
      const found = table.at(number);
      expect(found.path).toBe(`dir\xff/file ${number}`);
      expect(found.entry.byteLength).toBe(600_000);
      expect(Buffer.from(found.entry).readUInt32LE(0)).toBe(number);
      expect(Buffer.from(found.entry).readUInt32LE(599_996)).toBe(number);
    }
    // What was given out before it went to disk is still the same.
    expect(Buffer.from(early[0]?.entry ?? []).readUInt32LE(599_996)).toBe(3);
    expect(() => table.at(130)).toThrow('no such entry');
    table.remove();
    expect(existsSync(directory.text('files'))).toBe(false);
  });

  it('holds many short and empty entries without touching the disk', () => {
    const table = new FileTable(directory.text('files'));
    for (let number = 0; number < 20_000; number++)
      table.add(bytes(number % 2 === 0 ? '' : `${number}`), Buffer.alloc(number % 3));
    expect(table.at(19_999)).toEqual({ path: '19999', entry: Buffer.alloc(1) });
    expect(table.at(12_000)).toEqual({ path: '', entry: Buffer.alloc(0) });
    expect(existsSync(directory.text('files'))).toBe(false);
  });

  it('takes one entry larger than its memory', () => {
    const table = new FileTable(directory.text('files'));
    const huge = Buffer.alloc(40 * 1024 * 1024, 7);
    table.add(bytes('huge'), huge);
    table.add(bytes('after'), Buffer.from('x'));
    expect(table.at(0).entry.byteLength).toBe(huge.byteLength);
    expect(table.at(1)).toEqual({ path: 'after', entry: Buffer.from('x') });
    table.remove();
  });
});

describe('RestorePlan', () => {
  it('counts the writes and keeps the state of every file, however many', () => {
    const plan = new RestorePlan(directory.root);
    const states = ['absent', 'created', 'present', 'same'] as const;
    for (let number = 0; number < 5000; number++) {
      const file = plan.addFile(
        bytes(`${number}`),
        new Uint8Array(1),
        states[number % 4] ?? 'same',
      );
      plan.addWrites(file, number);
    }
    for (let number = 0; number < 5000; number += 7) {
      expect(plan.stateOf(number)).toBe(states[number % 4]);
      expect(plan.writesLeft(number)).toBe(number);
    }
    plan.remove();
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
