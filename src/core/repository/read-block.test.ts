import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestRepository,
  type TestRepository,
} from '../../../test/support/test-repository.ts';
import { packNameOf } from '../format/index.ts';
import type { FailoverOptions, MirrorSet } from '../mirror/index.ts';
import { packKey } from './object-keys.ts';
import { readBlock, type PackBlocks } from './read-block.ts';
import type { Repository } from './repository.ts';

let world: TestRepository;
beforeAll(async () => {
  world = await createTestRepository();
  mkdirSync(world.path('source'));
  // One file in one task: one pack with several blocks.
  writeFileSync(join(world.path('source'), 'file'), seededBytes('file', 3_000_000));
  await world.backup(world.path('source'), { context: { packBytes: 8 << 20, threads: 1 } });
});
afterAll(() => world[Symbol.dispose]());

interface Opened {
  readonly repository: Repository;
  readonly directory: PackBlocks;
  /** The whole pack. */
  readonly bytes: Buffer;
}

/** The largest pack of the repository. */
async function withPack(use: (opened: Opened) => Promise<void>): Promise<void> {
  await world.use(true, async (repository) => {
    const chunks = await repository.chunks();
    const [pack] = repository.state.packs.all().toSorted((a, b) => b.bytes - a.bytes);
    if (pack === undefined) throw new Error('There is no pack');
    const number = repository.state.packs.numberOf(pack.name) ?? -1;
    const directory = await chunks.directory(number);
    expect(directory.table.blockOffsets.length).toBeGreaterThan(1);
    const bytes = Buffer.from(await repository.mirrors.get(packKey(pack.name)));
    await use({ repository, directory, bytes });
  });
}

/** A mirror with one object; what it gives for a range is `spoiled`. */
function serving(
  whole: Uint8Array,
  spoiled: (part: Buffer) => void,
): { readonly mirrors: Pick<MirrorSet, 'get'>; readonly wholeReads: () => number } {
  let wholeReads = 0;
  const get = async (_: string, { range, accept }: FailoverOptions = {}): Promise<Uint8Array> => {
    if (range === undefined) wholeReads += 1;
    const { offset, length } = range ?? { offset: 0, length: whole.byteLength };
    const part = Buffer.from(whole.subarray(offset, offset + length));
    if (offset > 0) spoiled(part);
    if ((await accept?.(part)) === false) throw new Error('Not accepted');
    return part;
  };
  return { mirrors: { get }, wholeReads: () => wholeReads };
}

const flip = (part: Buffer): void => void (part[100] = (part[100] ?? 0) ^ 1);

describe('a block', () => {
  it('is taken from the whole pack, read once, where a store answers ranges wrongly', () =>
    withPack(async ({ repository, directory, bytes }) => {
      const { keys } = repository;
      const { mirrors, wholeReads } = serving(bytes, flip);
      for (const block of [0, 1, 0]) {
        const right = await readBlock(block, directory, repository);
        const read = await readBlock(block, directory, { mirrors, keys });
        expect(Buffer.from(read.plain).equals(right.plain)).toBe(true);
        expect(Buffer.from(read.sealed).equals(right.sealed)).toBe(true);
        expect(read.sealed.buffer.byteLength).toBe(read.sealed.byteLength);
      }
      expect(wholeReads()).toBe(1);
    }));

  it('was never one of its pack, if that is what its name says', () =>
    withPack(async ({ repository, directory, bytes }) => {
      flip(bytes);
      const pack = { ...directory.pack, name: packNameOf(bytes) };
      const { mirrors } = serving(bytes, () => {});
      const source = { mirrors, keys: repository.keys, packs: repository.state.packs };
      await expect(readBlock(0, { ...directory, pack }, source)).rejects.toMatchObject({
        code: 'PACK_MADE_WRONG',
      });
      // The others are what they should be.
      await readBlock(1, { ...directory, pack }, source);
    }));
});
