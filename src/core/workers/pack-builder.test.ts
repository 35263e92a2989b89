import { describe, expect, it } from 'vitest';
import { openPack } from '../../../test/support/open-pack.ts';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import { packBlocksMax, toHex } from '../base/index.ts';
import type { IdKind } from '../crypto/index.ts';
import { decodeChunkTable, packEndBytes } from '../format/index.ts';
import { PackBuilder, type PackBuilderOptions } from './pack-builder.ts';
import type { SealedPack } from './protocol.ts';

const world = testKeys();
const random = new SeededRandom('packs');
const blockBytes = 64 * 1024;
const chunkBytesMax = 128 * 1024;

/** A builder of small packs, and the packs that it completed. */
function createBuilder(options: Partial<PackBuilderOptions> = {}): {
  readonly builder: PackBuilder;
  readonly packs: SealedPack[];
} {
  const packs: SealedPack[] = [];
  const builder = new PackBuilder({
    kind: 'data',
    keys: world.keys,
    repository: world.repository,
    packBytes: 256 * 1024,
    blockBytes,
    chunkBytesMax,
    random,
    // A copy: the buffer may be used again.
    onPack: (pack) => packs.push(copyOf(pack)),
    ...options,
  });
  return { builder, packs };
}

function copyOf(pack: SealedPack): SealedPack {
  const buffer = new SharedArrayBuffer(pack.buffer.byteLength);
  new Uint8Array(buffer).set(new Uint8Array(pack.buffer));
  return { ...pack, buffer };
}

function noise(bytes: number): Buffer {
  return Buffer.from(random.bytes(bytes));
}

/** Text that compresses well and is never the same twice. */
function text(bytes: number): Buffer {
  return Buffer.alloc(bytes, `${toHex(random.bytes(8))} and so on; `);
}

function add(builder: PackBuilder, chunk: Buffer, kind: IdKind = 0): string {
  const id = world.keys.ids.idOf(kind, chunk);
  builder.addChunk(chunk, kind, id);
  return toHex(id);
}

describe('PackBuilder', () => {
  it('builds packs that open, with every chunk in order', () => {
    const { builder, packs } = createBuilder();
    const sizes = [1, 257, 5000, 64 * 1024, 128 * 1024, 100, 30_000];
    const chunks = Array.from({ length: 40 }, (_, at) => {
      const bytes = sizes[at % sizes.length] ?? 1;
      return at % 3 === 0 ? text(bytes) : noise(bytes);
    });
    const ids = chunks.map((chunk) => add(builder, chunk));
    builder.finish();
    const opened = packs.flatMap((pack) => openPack(pack, world).chunks);
    expect(opened.map(({ id }) => id)).toEqual(ids);
    opened.forEach(({ bytes, kind }, at) => {
      expect(bytes.equals(chunks[at] ?? Buffer.alloc(0))).toBe(true);
      expect(kind).toBe(0);
    });
    expect(packs.length).toBeGreaterThan(3);
    expect(new Set(packs.map(({ salt }) => toHex(salt))).size).toBe(packs.length);
    expect(new Set(packs.map(({ name }) => name)).size).toBe(packs.length);
  });

  it('closes a block when it has the size of one, and a pack too', () => {
    const { builder, packs } = createBuilder();
    for (let count = 0; count < 200; count++) add(builder, noise(6000));
    const complete = packs.slice();
    builder.finish();
    for (const pack of complete) {
      const { table } = openPack(pack, world);
      // Eleven chunks are the first to reach the size of a block, four such blocks that of a pack.
      expect([...table.blockPlainBytes]).toEqual([66_000, 66_000, 66_000, 66_000]);
      expect(pack.tableOffset).toBeGreaterThanOrEqual(256 * 1024);
    }
    expect(complete).toHaveLength(4);
    const last = openPack(packs[4] ?? complete[0]!, world).table;
    expect([...last.blockPlainBytes]).toEqual([66_000, 66_000, (200 - 4 * 44 - 22) * 6000]);
  });

  it('stores noise raw and text compressed', () => {
    const { builder, packs } = createBuilder();
    add(builder, noise(blockBytes));
    add(builder, text(blockBytes));
    builder.finish();
    const { table } = openPack(packs[0]!, world);
    expect([...table.blockCodecs]).toEqual([0, 1]);
    expect(table.blockStoredBytes[0]).toBe(blockBytes + 16);
    expect(table.blockStoredBytes[1]).toBeLessThan(blockBytes / 20);
  });

  it('takes bytes that were read into its own room', () => {
    const { builder, packs } = createBuilder();
    const chunks = Array.from({ length: 20 }, () => noise(9000));
    for (const chunk of chunks) {
      const room = builder.room();
      expect(room.byteLength).toBeGreaterThan(chunkBytesMax);
      // A file that grew fills one byte more than was expected; nothing of that is kept.
      room.fill(0xee, 0, chunk.byteLength + 1);
      chunk.copy(room);
      builder.takeRoom(chunk.byteLength, 0, world.keys.ids.idOf(0, chunk));
    }
    builder.finish();
    const opened = packs.flatMap((pack) => openPack(pack, world).chunks);
    expect(opened.every(({ bytes }, at) => bytes.equals(chunks[at]!))).toBe(true);
    expect(opened).toHaveLength(20);
  });

  it('takes whole blocks of other builders between its own', () => {
    const { builder, packs } = createBuilder();
    const own = [noise(100), noise(200)];
    const lent = [noise(40_000), text(30_000)];
    const lentIds = lent.map((chunk) => world.keys.ids.idOf(0, chunk));
    const first = add(builder, own[0]!);
    const lengths = Uint32Array.from(lent, ({ byteLength }) => byteLength);
    builder.addBlock(Buffer.concat(lent), 0, Buffer.concat(lentIds), lengths);
    const last = add(builder, own[1]!);
    builder.finish();
    const { chunks } = openPack(packs[0]!, world);
    expect(chunks.map(({ id, block }) => [id, block])).toEqual([
      [first, 0],
      [toHex(lentIds[0]!), 1],
      [toHex(lentIds[1]!), 1],
      [last, 2],
    ]);
  });

  it('keeps trees, lists and snapshots apart by kind in tree packs', () => {
    const { builder, packs } = createBuilder({ kind: 'tree' });
    const kinds: IdKind[] = [1, 2, 3, 1];
    const ids = kinds.map((kind) => add(builder, text(3000), kind));
    builder.finish();
    expect(packs[0]?.kind).toBe('tree');
    const { chunks } = openPack(packs[0]!, world);
    expect(chunks.map(({ kind }) => kind)).toEqual(kinds);
    expect(chunks.map(({ id }) => id)).toEqual(ids);
  });

  it('moves a block on to the next pack when its table would not fit any more', () => {
    // Chunks of one byte: the table takes many times what the blocks do.
    const { builder, packs } = createBuilder({ packBytes: 64 * 1024, blockBytes: 1024 });
    const ids: string[] = [];
    for (let count = 0; count < 30_000; count++) {
      const chunk = Buffer.alloc(4);
      chunk.writeUInt32LE(count);
      ids.push(add(builder, chunk));
    }
    builder.finish();
    expect(packs.length).toBeGreaterThan(2);
    const opened = packs.flatMap((pack) => openPack(pack, world).chunks.map(({ id }) => id));
    expect(opened).toEqual(ids);
  });

  it('ends a pack that has as many blocks as the format allows', () => {
    const { builder, packs } = createBuilder({ packBytes: 16 * 1024 * 1024, blockBytes: 4 });
    const count = packBlocksMax + 10;
    for (let number = 0; number < count; number++) {
      const chunk = Buffer.alloc(4);
      chunk.writeUInt32LE(number);
      if (number % 2 === 0) add(builder, chunk);
      else builder.addBlock(chunk, 0, world.keys.ids.idOf(0, chunk), Uint32Array.of(4));
    }
    builder.finish();
    const tables = packs.map((pack) => decodeChunkTable(pack.table, pack.tableOffset));
    expect(tables.map(({ blockCount }) => blockCount)).toEqual([packBlocksMax, 10]);
  });

  it('ends a pack long before its table has a million chunks', () => {
    // The size that packs have, and files that compress to next to nothing.
    const { builder, packs } = createBuilder({ packBytes: 16 * 1024 * 1024 });
    const chunk = Buffer.alloc(257);
    const id = world.keys.ids.idOf(0, chunk);
    const most = 1 << 17;
    for (let count = 0; count < most + 5; count++) {
      chunk.copy(builder.room());
      builder.takeRoom(chunk.byteLength, 0, id);
    }
    builder.finish();
    expect(packs.map(({ chunkCount }) => chunkCount)).toEqual([most, 5]);
    expect(packs.map((pack) => openPack(pack, world).table.chunkCount)).toEqual([most, 5]);
  });

  it('uses a buffer again if it is large enough, and never shows what was in it', () => {
    const spare = new SharedArrayBuffer(4 * 1024 * 1024);
    new Uint8Array(spare).fill(0x5a);
    const offered = [spare, new SharedArrayBuffer(10)];
    const used: SharedArrayBuffer[] = [];
    const packs: SealedPack[] = [];
    const { builder } = createBuilder({
      takeBuffer: () => offered.shift(),
      onPack: (pack) => {
        used.push(pack.buffer);
        packs.push(copyOf(pack));
      },
    });
    for (let count = 0; count < 12; count++) add(builder, noise(60_000));
    builder.finish();
    expect(used[0]).toBe(spare);
    expect(used.slice(1).every((buffer) => buffer !== spare && buffer.byteLength > 10)).toBe(true);
    expect(packs.flatMap((pack) => openPack(pack, world).chunks)).toHaveLength(12);
  });

  it('needs no second buffer while the first one comes back, however large the blocks are', () => {
    const free: SharedArrayBuffer[] = [];
    const used = new Set<SharedArrayBuffer>();
    let packs = 0;
    const { builder } = createBuilder({
      takeBuffer: () => free.pop(),
      onPack: ({ buffer }) => {
        packs += 1;
        used.add(buffer);
        free.push(buffer);
      },
    });
    for (const [at, bytes] of [1000, 70_000, chunkBytesMax, 5000, 100_000].entries()) {
      // Each pack begins with a block of another size.
      if (at % 2 === 0) add(builder, text(bytes));
      else add(builder, noise(bytes));
      for (let count = 0; count < 10; count++) add(builder, noise(bytes));
      builder.finish();
    }
    expect(packs).toBeGreaterThan(8);
    expect(used.size).toBe(1);
  });

  it('stands at nothing when nothing was added', () => {
    const { builder, packs } = createBuilder();
    builder.finish();
    builder.finishBlock();
    expect(packs).toEqual([]);
    add(builder, noise(10));
    builder.finish();
    builder.finish();
    expect(packs).toHaveLength(1);
    const [pack] = packs;
    expect(pack?.bytes).toBe(64 + 26 + packEndBytes(64 + 26, pack?.tableBytes ?? 0));
  });

  it('refuses a chunk larger than it was told to expect', () => {
    const { builder } = createBuilder();
    expect(() => add(builder, noise(chunkBytesMax + 1))).toThrow('larger than was said');
  });

  it('builds the same layout without encryption', () => {
    const open = testKeys(1, 0);
    const { builder, packs } = createBuilder({ keys: open.keys, repository: open.repository });
    const chunk = noise(100);
    builder.addChunk(chunk, 0, open.keys.ids.idOf(0, chunk));
    builder.finish();
    expect(openPack(packs[0]!, open).chunks[0]?.bytes.equals(chunk)).toBe(true);
    expect(Buffer.from(packs[0]!.buffer).includes(chunk)).toBe(true);
  });
});
