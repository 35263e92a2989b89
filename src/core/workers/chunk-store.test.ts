import { describe, expect, it } from 'vitest';
import { type OpenedChunk, openPack } from '../../../test/support/open-pack.ts';
import { SeededRandom, seededBytes } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import { toHex } from '../base/index.ts';
import { chunkerParamsOf, createGearTable } from '../chunking/index.ts';
import { ChunkList, ChunkStore } from './chunk-store.ts';
import { LentBlock } from './lent-block.ts';
import { PackBuilder, type PackBuilderOptions } from './pack-builder.ts';
import { sharedCounters, type SealedPack, type StoreBlockTask } from './protocol.ts';
import { SharedIndex } from './shared-index.ts';

const world = testKeys();
const chunker = chunkerParamsOf(16 * 1024);
const blockBytes = 64 * 1024;

/** The stores of several workers that share an index, in one thread. */
class Workers {
  readonly index: SharedIndex = SharedIndex.create();
  readonly counters: Int32Array = new Int32Array(new SharedArrayBuffer(16));
  /** What was lent, by any, and is not handed on. */
  readonly lent: StoreBlockTask[] = [];
  readonly packs: SealedPack[] = [];
  readonly #builders: PackBuilder[] = [];

  constructor(count: number) {
    this.counters[sharedCounters.workers] = count;
  }

  add(takeBuffer?: PackBuilderOptions['takeBuffer']): ChunkStore {
    const packs = new PackBuilder({
      kind: 'data',
      keys: world.keys,
      repository: world.repository,
      packBytes: 256 * 1024,
      blockBytes,
      chunkBytesMax: chunker.max,
      random: new SeededRandom(`packs ${this.#builders.length}`),
      onPack: (pack) => void this.packs.push(pack),
      takeBuffer,
    });
    this.#builders.push(packs);
    return new ChunkStore({
      keys: world.keys,
      index: this.index,
      packs,
      chunker,
      gear: createGearTable(world.keys.chunkerSecret()),
      blockBytes,
      counters: this.counters,
      lend: (task) => this.lent.push(task),
    });
  }

  /** Every chunk that is in a pack. */
  chunks(): readonly OpenedChunk[] {
    for (const builder of this.#builders) builder.finish();
    return this.packs.flatMap((pack) => openPack(pack, world).chunks);
  }
}

function idsOf(list: ChunkList): string[] {
  return list.lengths.map((_, at) => toHex(list.idBytes().subarray(at * 32, at * 32 + 32)));
}

function store(to: ChunkStore, content: Buffer): ChunkList {
  const chunks = new ChunkList();
  to.storeRange(content, 0, content.byteLength, { last: true, huge: true, chunks });
  return chunks;
}

const noise = seededBytes('lent', 1024 * 1024);
const contents: readonly (readonly [string, Buffer])[] = [
  ['noise', noise],
  ['the same twice', Buffer.concat([noise, noise])],
  ['zeros', Buffer.alloc(1024 * 1024)],
  ['one byte', Buffer.alloc(1)],
];

describe.each(contents)('a huge file: %s', (_, content) => {
  const alone = new Workers(1);
  const serial = alone.add();
  const wanted = store(serial, content);
  serial.settle();

  it.each([0, 1, 2, 100])('has the same chunks when others take %i blocks', (takenMax) => {
    const workers = new Workers(2);
    const reader = workers.add();
    const helper = workers.add();
    const chunks = store(reader, content);
    const blocks = workers.lent.map((task) => new LentBlock(task));
    for (const block of blocks.slice(0, takenMax)) helper.storeLent(block);
    reader.settle();
    // Late messages about what was taken back change nothing.
    for (const block of blocks) helper.storeLent(block);
    expect(idsOf(chunks)).toEqual(idsOf(wanted));
    expect(chunks.lengths).toEqual(wanted.lengths);
    expect(reader.bytesNew).toBe(serial.bytesNew);
    expect(workers.counters[sharedCounters.lentBlocks]).toBe(0);
    const opened = workers.chunks();
    const stored = new Map(opened.map(({ id, bytes }) => [id, bytes]));
    expect(stored.size).toBe(opened.length);
    const back = idsOf(chunks).map((id) => stored.get(id) ?? Buffer.alloc(0));
    expect(Buffer.concat(back).equals(content)).toBe(true);
  });
});

describe('lending', () => {
  it('goes on while blocks are stored, and stops while they wait', () => {
    const workers = new Workers(2);
    const reader = workers.add();
    const helper = workers.add();
    store(reader, noise);
    const waiting = workers.lent.length;
    expect(waiting).toBeGreaterThan(0);
    store(reader, seededBytes('lent 2', 1024 * 1024));
    expect(workers.lent).toHaveLength(waiting);
    for (const task of workers.lent) helper.storeLent(new LentBlock(task));
    store(reader, seededBytes('lent 3', 1024 * 1024));
    expect(workers.lent.length).toBeGreaterThan(waiting);
    // What was done was used again, and nothing else.
    const memories = new Set(workers.lent.map(({ memory }) => memory));
    expect(memories.size).toBe(waiting);
  });

  it('is told when a block could not be stored', () => {
    const workers = new Workers(2);
    const reader = workers.add();
    const helper = workers.add(() => {
      throw new Error('no room');
    });
    store(reader, noise);
    expect(() => {
      for (const task of workers.lent) helper.storeLent(new LentBlock(task));
    }).toThrow('no room');
    expect(() => reader.settle()).toThrow(expect.objectContaining({ code: 'WORKER_FAILED' }));
    expect(workers.counters[sharedCounters.lentBlocks]).toBe(0);
  });
});
