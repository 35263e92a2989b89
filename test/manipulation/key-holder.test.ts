import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { encode } from 'cborg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChunkId } from '../../src/core/base/index.ts';
import { encodeListPage } from '../../src/core/format/index.ts';
import { CollectingMonitor } from '../../src/core/monitor/index.ts';
import { listEntries } from '../../src/core/snapshot/index.ts';
import { encodeTreePage } from '../../src/core/format/tree-page.ts';
import { forgeSnapshot, type Forger } from '../support/forge.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';

// Somebody who has the keys writes what Versions would not: a machine that was taken over, or a
// repository that was handed on. Nothing of it may hang, fill the memory, or lead out of the target.

let repository: TestRepository;
let source: string;
beforeEach(async () => {
  repository = await createTestRepository();
  source = repository.path('source');
  mkdirSync(source);
  writeFileSync(join(source, 'honest'), 'x'.repeat(1000));
  await repository.backup(source);
});
afterEach(() => repository[Symbol.dispose]());

type Field = number | boolean | Uint8Array | readonly number[];

/** An entry as CBOR, with whatever fields; a real encoder would refuse most of them. */
function entry(name: string | Buffer, fields: Readonly<Record<number, Field>>): Uint8Array {
  const map = new Map<number, Field>([[0, Buffer.from(name)]]);
  for (const [key, value] of Object.entries(fields)) map.set(Number(key), value);
  return encode(map);
}

const file = (name: string | Buffer): Uint8Array =>
  entry(name, { 1: 0, 9: 2, 10: Buffer.from('hi') });
const directory = (name: string, tree: ChunkId): Uint8Array =>
  entry(name, { 1: 1, 2: 0o755, 15: tree });
const page = (level: number, ...items: Uint8Array[]): Uint8Array =>
  encodeTreePage(level, items.length, Buffer.concat(items));
const child = (first: string, id: ChunkId): Uint8Array => encode([Buffer.from(first), id]);

interface Met {
  readonly restore: readonly string[];
  /** Why contents are lost. */
  readonly reasons: readonly unknown[];
  readonly verify: number;
  /** What was made, below the target. */
  readonly made: readonly string[];
}

/** Restores and verifies what was forged. */
async function meet(make: (forger: Forger) => ChunkId): Promise<Met> {
  const id = await forgeSnapshot(repository, make);
  const snapshot = (await repository.snapshots()).find((each) => each.id === id);
  if (snapshot === undefined) throw new Error('The forged snapshot is not listed');
  const target = repository.path('jail/target');
  mkdirSync(repository.path('jail'));
  const { problems, monitor } = await repository.restore(target, { snapshot });
  const reasons = monitor.problems.flatMap(({ context: { reason } }) => reason ?? []);
  // Nothing beside the target.
  expect(readdirSync(repository.path('jail'))).toEqual(['target']);
  const made = readdirSync(target, { recursive: true }).map(String).toSorted();
  const { summary } = await repository.verify('structure');
  return { restore: problems, reasons, verify: summary.lost, made };
}

describe('a tree of somebody who has the keys', () => {
  it('that is sound is restored: the forger can forge', async () => {
    const met = await meet((forger) => {
      const tree = forger.put('tree', page(0, file('a'), file('b')));
      return forger.put('tree', page(0, directory('d', tree), file('e')));
    });
    expect(met).toEqual({ restore: [], reasons: [], verify: 0, made: ['d', 'd/a', 'd/b', 'e'] });
  });

  const bad: readonly (readonly [string, Uint8Array, string])[] = [
    ['names ..', page(0, file('..')), 'ENTRY_INVALID'],
    ['names .', page(0, file('.')), 'ENTRY_INVALID'],
    ['has a name with a slash', page(0, file('../../escaped')), 'ENTRY_INVALID'],
    ['has an absolute name', page(0, file('/etc/escaped')), 'ENTRY_INVALID'],
    ['has a name with a NUL', page(0, file(Buffer.from('a\0b'))), 'ENTRY_INVALID'],
    ['has an empty name', page(0, file('')), 'CBOR_INVALID'],
    ['has a name of 5,000 bytes', page(0, file('n'.repeat(5000))), 'CBOR_INVALID'],
    ['has one name twice', page(0, file('a'), file('a')), 'PAGE_DAMAGED'],
    ['is out of order', page(0, file('b'), file('a')), 'PAGE_DAMAGED'],
    ['says it has more entries than it has', encodeTreePage(0, 9, file('a')), 'CBOR_INVALID'],
    ['says it has 2^32 entries', Buffer.from('82009affffffff', 'hex'), 'CBOR_INVALID'],
    ['goes on behind its end', Buffer.concat([page(0), Buffer.of(0)]), 'PAGE_DAMAGED'],
    ['is of level 16', page(16, child('a', new Uint8Array(32))), 'PAGE_DAMAGED'],
    [
      'has a file that is larger than it is',
      page(0, entry('a', { 1: 0, 9: 9, 10: Buffer.of(1) })),
      'ENTRY_INVALID',
    ],
    ['has a file of minus one byte', page(0, entry('a', { 1: 0, 9: -1 })), 'ENTRY_INVALID'],
    ['has a symlink without target', page(0, entry('a', { 1: 2 })), 'ENTRY_INVALID'],
    [
      'has a symlink whose target holds a NUL',
      page(0, entry('a', { 1: 2, 14: Buffer.from('b\0c') })),
      'ENTRY_INVALID',
    ],
    ['has a device without numbers', page(0, entry('a', { 1: 4 })), 'ENTRY_INVALID'],
    ['has a kind of a newer version', page(0, entry('a', { 1: 9 })), 'FORMAT_TOO_NEW'],
    ['has a key of a newer version', page(0, entry('a', { 1: 0, 99: 1 })), 'FORMAT_TOO_NEW'],
    ['is no CBOR', Buffer.alloc(100, 0xff), 'CBOR_INVALID'],
    ['is nested like a bomb', Buffer.alloc(100_000, 0x81), 'PAGE_DAMAGED'],
  ];

  it('that is bad in one of many ways is refused, each way by its own code, and nothing else', async () => {
    const names = bad.map((_, number) => `bad-${String(number).padStart(2, '0')}`);
    const met = await meet((forger) => {
      const directories = bad.map(([, bytes], at) =>
        directory(names[at] ?? '', forger.put('tree', bytes)),
      );
      return forger.put('tree', page(0, ...directories, file('good')));
    });
    const ways = bad.map(([way], at) => `${way}: ${met.restore[at]}`);
    expect(ways).toEqual(bad.map(([way, , code]) => `${way}: ${code}`));
    expect(met).toMatchObject({ verify: bad.length, made: [...names, 'good'] });
    expect(met.restore).toHaveLength(bad.length);
  });

  it('is refused where pages do not lead down, or out of order', async () => {
    const met = await meet((forger) => {
      const leaf = forger.put('tree', page(0, file('m'), file('o')));
      const between = forger.put('tree', page(0, file('n')));
      const level1 = forger.put('tree', page(1, child('m', leaf)));
      const sideways = forger.put('tree', page(1, child('m', level1)));
      const again = forger.put('tree', page(1, child('m', leaf), child('n', between)));
      const other = forger.put('tree', page(1, child('a', leaf)));
      const directories = [
        directory('again', again),
        directory('other', other),
        directory('side', sideways),
      ];
      return forger.put('tree', page(0, ...directories));
    });
    expect(met.restore).toEqual(['PAGE_ORDER', 'PAGE_FIRST_NAME', 'PAGE_LEVEL']);
    expect(met.made).toEqual(['again', 'again/m', 'again/o', 'other', 'side']);
  });

  it('cannot lead back to itself: a chunk that is not what its id says is refused', async () => {
    const loop = new Uint8Array(32).fill(7);
    const met = await meet((forger) => {
      // Under this id stands a page that names this id.
      forger.put('tree', page(0, directory('round', loop)), loop);
      return forger.put('tree', page(0, directory('and', loop), file('good')));
    });
    expect(met).toEqual({
      restore: ['CHUNK_WRONG'],
      reasons: [],
      verify: 1,
      made: ['and', 'good'],
    });
  });

  it('with files whose lists do not add up loses only those', async () => {
    const met = await meet((forger) => {
      const data = forger.put('data', Buffer.from('twelve bytes'));
      const listOf = (length: number): ChunkId =>
        forger.put('list', encodeListPage(0, data, [length]));
      const long = entry('long', { 1: 0, 9: 13, 13: listOf(13) });
      const short = entry('short', { 1: 0, 9: 99, 13: listOf(12) });
      const fine = entry('fine', { 1: 0, 9: 12, 13: listOf(12) });
      const gone = entry('gone', { 1: 0, 9: 12, 11: new Uint8Array(32).fill(1) });
      return forger.put('tree', page(0, fine, gone, long, short));
    });
    expect(met.restore).toEqual(['CHUNK_MISSING', 'CHUNK_LENGTH', 'CONTENT_LENGTH']);
    expect(met.verify).toBe(3);
    expect(met.made).toContain('fine');
    expect(readFileSync(repository.path('jail/target/fine'), 'utf8')).toBe('twelve bytes');
  });

  it('of 2^40 names in 41 pages is verified at once, listed name by name, and told before it fills a disk', async () => {
    const id = await forgeSnapshot(repository, (forger) => {
      let tree = forger.put('tree', page(0, file('leaf')));
      for (let depth = 0; depth < 40; depth++)
        tree = forger.put('tree', page(0, directory('a', tree), directory('b', tree)));
      return tree;
    });
    const snapshot = (await repository.snapshots()).find((each) => each.id === id);
    if (snapshot === undefined) throw new Error('The forged snapshot is not listed');
    expect((await repository.verify('structure')).summary.lost).toBe(0);
    const { summary: listed } = await repository.use(true, async (opened) => {
      let [count, deepest] = [0, 0];
      for await (const { path } of listEntries(opened, snapshot, undefined, { recursive: true })) {
        deepest = Math.max(deepest, path.split('/').length);
        if (++count === 2000) break;
      }
      return { count, deepest };
    });
    expect(listed).toEqual({ count: 2000, deepest: 42 });
    const stop = new AbortController();
    const monitor = new CollectingMonitor();
    monitor.note = (message) => {
      monitor.notes.push(message);
      stop.abort();
    };
    const restored = repository.restore(repository.path('jail'), {
      snapshot,
      freeSpace: { bytes: undefined, names: 500 },
      context: { monitor, signal: stop.signal },
    });
    await expect(restored).rejects.toMatchObject({ name: 'AbortError' });
    expect(monitor.notes).toEqual([expect.stringContaining('room for 501 files')]);
  });

  it('with a file of petabytes out of one chunk is verified at once; two that lack it are both lost', async () => {
    const lists = (forger: Forger, data: ChunkId): Uint8Array => {
      let [list, length] = [data, 12];
      for (let level = 0; level < 6; level++) {
        const bytes = encodeListPage(
          level,
          Buffer.concat(Array(256).fill(list)),
          Array(256).fill(length),
        );
        list = forger.put('list', bytes);
        length *= 256;
      }
      return page(
        0,
        entry('x', { 1: 0, 9: length, 13: list }),
        entry('y', { 1: 0, 9: length, 13: list }),
      );
    };
    await forgeSnapshot(repository, (forger) => {
      const data = forger.put('data', Buffer.from('twelve bytes'));
      return forger.put('tree', lists(forger, data));
    });
    expect((await repository.verify('structure')).summary.lost).toBe(0);
    await forgeSnapshot(repository, (forger) =>
      forger.put('tree', lists(forger, new Uint8Array(32).fill(1))),
    );
    expect((await repository.verify('structure')).summary.lost).toBe(2);
  });

  it('with symlinks in the way of files leads nowhere', async () => {
    const outside = repository.path('outside');
    mkdirSync(outside);
    const met = await meet((forger) => {
      const below = forger.put('tree', page(0, file('planted')));
      const link = entry('d', { 1: 2, 14: Buffer.from(outside) });
      // A name cannot be there twice, so the link is made first and the directory comes later.
      const first = forger.put('tree', page(0, link));
      const second = forger.put('tree', page(0, directory('d', below)));
      return forger.put('tree', page(0, directory('first', first), directory('second', second)));
    });
    expect(met.restore).toEqual([]);
    expect(readdirSync(outside)).toEqual([]);
    expect(existsSync(repository.path('jail/target/second/d/planted'))).toBe(true);
  });
});

describe('a block of somebody who has the keys', () => {
  const mebibyte = 1024 * 1024;

  it('that unpacks to other than the table says is refused before it fills the memory', async () => {
    const before = process.memoryUsage().rss;
    const sizes: readonly (readonly [number, number])[] = [
      [64, 64 * mebibyte],
      [1000, 1001],
      [1000, 999],
    ];
    const met = await meet((forger) => {
      const bombs = sizes.map(([told, real], number) => {
        const id = forger.idOf('data', Buffer.alloc(told, number + 1));
        const encoded = frameWithoutSize(Buffer.alloc(real, number + 1));
        const chunk = { kind: 'data', id, length: told } as const;
        forger.addBlock({ chunks: [chunk], codec: 1, encoded, plainBytes: told });
        return entry(`bomb-${number}`, { 1: 0, 9: told, 11: id });
      });
      return forger.put('tree', page(0, ...bombs, file('good')));
    });
    expect(met.restore).toEqual(['CONTENT_LOST', 'CONTENT_LOST', 'CONTENT_LOST']);
    const codes = Object.groupBy(met.reasons, (code) => String(code));
    expect(codes).toMatchObject({
      COMPRESSED_OVERLONG: { length: 2 },
      COMPRESSED_DAMAGED: { length: 1 },
    });
    expect(met.made).toContain('good');
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * mebibyte);
  });
});

describe('content of somebody who has the keys', () => {
  it('that is not what its id says is refused', async () => {
    const id = new Uint8Array(32).fill(9);
    const met = await meet((forger) => {
      forger.put('data', Buffer.from('something else'), id);
      return forger.put('tree', page(0, file('good'), entry('wrong', { 1: 0, 9: 14, 11: id })));
    });
    expect(met).toMatchObject({ restore: ['CONTENT_LOST'], reasons: ['CHUNK_WRONG'] });
    expect(met.made).toEqual(['good']);
  });
});

/** One zstd frame that does not say how much it holds. */
function frameWithoutSize(content: Buffer): Uint8Array {
  return zstdCompressSync(content, { pledgedSrcSize: undefined });
}

it('leaves what was honest as it was', async () => {
  await forgeSnapshot(repository, (forger) => forger.put('tree', Buffer.of(0xff)));
  const [honest] = await repository.snapshots();
  if (honest === undefined) throw new Error('No snapshot');
  const target = repository.path('target');
  const { problems } = await repository.restore(target, { snapshot: honest });
  expect(problems).toEqual([]);
  expect(readFileSync(target + join(source, 'honest'), 'utf8')).toBe('x'.repeat(1000));
  rmSync(target, { recursive: true });
  // And the next backup goes on.
  expect((await repository.backup(source)).problems).toEqual([]);
});
