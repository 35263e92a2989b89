import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { toHex } from '../../src/core/base/index.ts';
import { readPackDirectory } from '../../src/core/repository/index.ts';
import { seededBytes } from '../support/seeded-random.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';

interface Traces {
  readonly ids: readonly string[];
  /** Lengths of the chunks of one large file, in order. */
  readonly lengths: readonly number[];
  readonly objects: readonly string[];
  readonly salts: readonly string[];
}

/** Everything of a repository by which it might be recognised. */
async function tracesOf(repository: TestRepository): Promise<Traces> {
  const { summary } = await repository.use(true, async (opened) => {
    const { mirrors, keys, id, state } = opened;
    const [ids, lengths, salts]: [string[], number[], string[]] = [[], [], []];
    for (let number = 0; number < state.packs.count; number++) {
      const pack = state.packs.at(number);
      if (pack === undefined) continue;
      const found = await readPackDirectory(pack, { mirrors, keys, repository: id });
      const { table } = found;
      for (let chunk = 0; chunk < table.chunkCount; chunk++) {
        ids.push(toHex(table.ids.subarray(chunk * 32, chunk * 32 + 32)));
        if (table.chunkKinds[chunk] === 0) lengths.push(table.chunkLengths[chunk] ?? 0);
      }
      salts.push(toHex(found.decodedHeader.salt));
    }
    return { ids, lengths, salts };
  });
  const files = readdirSync(repository.mirror(), { recursive: true, withFileTypes: true });
  const objects = files.filter((each) => each.isFile()).map(({ name }) => name);
  return { ...summary, objects };
}

it('repositories with different keys share no id, no pack, no boundary', async () => {
  // One thread packs the chunks of a file in their order.
  const context = { threads: 1 };
  using first = await createTestRepository({ context });
  using second = await createTestRepository({ context });
  const source = first.path('source');
  mkdirSync(source);
  const content = seededBytes('the same for both', 8_000_000);
  writeFileSync(join(source, 'large'), content);
  writeFileSync(join(source, 'small'), 'the same for both');
  for (const repository of [first, second])
    expect((await repository.backup(source)).problems).toEqual([]);
  const [one, other] = [await tracesOf(first), await tracesOf(second)];
  expect(one.lengths.length).toBeGreaterThan(50);
  expect(one.ids.length).toBeGreaterThan(one.lengths.length);
  for (const part of ['ids', 'objects', 'salts'] as const) {
    const shared = one[part].filter((each) => other[part].includes(each));
    // Names that say nothing: every mirror has both.
    expect(shared.filter((name) => !['config', 'mirror'].includes(name))).toEqual([]);
  }
  const boundaries = ({ lengths }: Traces): Set<number> => {
    let at = 0;
    return new Set(lengths.map((length) => (at += length)));
  };
  const inside = [...boundaries(one)].filter((at) => at < content.byteLength);
  // By chance, one in 64 Ki places is a boundary of both, at most: about 1 in 500 runs has one.
  expect(inside.filter((at) => boundaries(other).has(at)).length).toBeLessThan(2);
  // The same key gives the same again: what differs above is the key, not chance.
  const before = (await tracesOf(first)).lengths;
  expect((await first.backup(source, { force: true })).summary.bytesNew).toBeLessThan(200_000);
  expect((await tracesOf(first)).lengths).toEqual(before);
});
