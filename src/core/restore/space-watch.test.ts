import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestRepository,
  type TestRepository,
  type TestRestoreOptions,
} from '../../../test/support/test-repository.ts';
import { byteStringFromText } from '../base/index.ts';
import { freeSpaceAt } from '../files/index.ts';

const mebibyte = 1024 * 1024;
let repository: TestRepository;
let source: string;
beforeAll(async () => {
  repository = await createTestRepository();
  source = repository.path('source');
  mkdirSync(source);
  for (const name of ['a', 'b', 'c'])
    writeFileSync(join(source, name), seededBytes(name, mebibyte));
  writeFileSync(join(source, 'sparse'), 'x');
  truncateSync(join(source, 'sparse'), 2 * mebibyte);
  await repository.backup(source);
});
afterAll(() => repository[Symbol.dispose]());

/** Restores where so much is left; gives what was told of it. */
async function told(
  target: string,
  { bytes, names }: { bytes?: number; names?: number },
  options: TestRestoreOptions = {},
): Promise<readonly string[]> {
  const { monitor, problems } = await repository.restore(repository.path(target), {
    ...options,
    path: byteStringFromText(source),
    freeSpace: { bytes, names },
  });
  expect(problems).toEqual([]);
  return monitor.notes.filter((note) => note.startsWith('The restore needs'));
}

describe('a restore into too little room', () => {
  it('is told once, and done as far as it goes', async () => {
    const notes = await told('few-bytes', { bytes: 3 * mebibyte - 1 });
    expect(notes).toEqual([
      expect.stringMatching(/at least 3 MiB, and .*few-bytes has 3 MiB left/),
    ]);
    expect(readdirSync(repository.path('few-bytes'))).toEqual(['a', 'b', 'c', 'sparse']);
  });

  it('is told by a dry run too, which writes nothing, and of names as of bytes', async () => {
    const notes = await told('few-names', { names: 3 }, { dryRun: true });
    expect(notes).toEqual([expect.stringContaining('room for 4 files')]);
    expect(readdirSync(repository.root)).not.toContain('few-names');
  });
});

describe('a restore is told nothing', () => {
  it('if it fits to the last byte, or no bounds are known', async () => {
    const dry = { dryRun: true };
    expect(await told('fits', { bytes: 3 * mebibyte, names: 4 }, dry)).toEqual([]);
    expect(await told('fits', {}, dry)).toEqual([]);
  });

  it('if it fits because most of it is there', async () => {
    const there = repository.path('there');
    mkdirSync(there);
    writeFileSync(join(there, 'a'), seededBytes('a', mebibyte));
    writeFileSync(join(there, 'b'), seededBytes('other', mebibyte));
    expect(await told('there', { bytes: mebibyte, names: 2 })).toEqual([]);
    expect(readdirSync(there)).toEqual(['a', 'b', 'c', 'sparse']);
  });
});

it('what is left is known of a directory, and of one that is not there yet', () => {
  const here = freeSpaceAt(byteStringFromText(repository.root));
  const below = freeSpaceAt(byteStringFromText(repository.path('not', 'yet', 'there')));
  expect(typeof below.bytes).toBe(typeof here.bytes);
  expect(typeof below.names).toBe(typeof here.names);
});
