/** What runs may ask of a mirror: each call is a round trip, and money at most providers. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ObjectInfo, openStore, RecordingStore } from '../src/core/store/index.ts';
import { seededBytes } from './support/seeded-random.ts';
import { createTestRepository, type TestRepository } from './support/test-repository.ts';

/** Calls beside the objects that are written. */
const otherCallsMax = 10;
const unchangedCallsMax = 11;

/** Also counts what listing gave: a long list is many round trips. */
class CountingStore extends RecordingStore {
  listedCount = 0;

  override async *list(
    ...args: Parameters<RecordingStore['list']>
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    for await (const info of super.list(...args)) {
      this.listedCount += 1;
      yield info;
    }
  }
}

interface Asked {
  readonly mirror: string;
  readonly calls: readonly string[];
  readonly listedCount: number;
}

/** A repository whose stores count, and what each of its mirrors was asked since the last look. */
async function createCounted(mirrors: number): Promise<{
  readonly repository: TestRepository;
  readonly asked: () => readonly Asked[];
}> {
  let stores: { readonly url: string; readonly store: CountingStore }[] = [];
  const repository = await createTestRepository({
    mirrors,
    context: {
      doors: {
        openStore: async (url, options) => {
          const store = new CountingStore(await openStore(url, options));
          stores.push({ url, store });
          return store;
        },
      },
    },
  });
  const asked = (): readonly Asked[] => {
    const all = stores.map(({ url, store }) => ({
      mirror: url,
      calls: store.calls.map(({ method, key }) => `${method} ${key}`),
      listedCount: store.listedCount,
    }));
    stores = [];
    return all;
  };
  asked();
  return { repository, asked };
}

function objectCount(mirror: string, ...folders: readonly string[]): number {
  return folders
    .flatMap((folder) =>
      readdirSync(join(mirror, folder), { recursive: true, withFileTypes: true }),
    )
    .filter((entry) => entry.isFile()).length;
}

/** Incompressible files, enough for several packs of the size that tests use. */
function writeSource(source: string): void {
  for (let file = 0; file < 200; file += 1) {
    const directory = join(source, `d${file % 20}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${file}`), seededBytes(file + 1, 40_000));
  }
}

test.each([1, 2])(
  'a first backup to %i mirrors: one call an object and ten more; an unchanged one: eleven',
  async (mirrors) => {
    const { repository, asked } = await createCounted(mirrors);
    using _ = repository;
    const source = repository.path('source');
    writeSource(source);
    const journalBefore = objectCount(repository.mirror(), 'journal');
    await repository.backup(source);
    const first = asked();
    expect(first.map(({ mirror }) => mirror).toSorted()).toEqual(
      Array.from({ length: mirrors }, (_each, at) => repository.mirror(at + 1)),
    );
    for (const { mirror, calls } of first) {
      const packs = objectCount(mirror, 'packs');
      const journal = objectCount(mirror, 'journal') - journalBefore;
      expect(packs).toBeGreaterThan(5);
      expect(journal).toBeGreaterThan(0);
      expect(calls.length).toBeLessThanOrEqual(packs + journal + otherCallsMax);
    }
    const { summary } = await repository.backup(source);
    expect(summary.filesNew + summary.filesChanged).toBe(0);
    const second = asked();
    expect(second).toHaveLength(mirrors);
    for (const { calls } of second) {
      expect(calls.length).toBeLessThanOrEqual(unchangedCallsMax);
    }
  },
);

test('opening lists nothing that grows with the repository', async () => {
  const { repository, asked } = await createCounted(1);
  using _ = repository;
  const file = repository.path('source', 'changing');
  mkdirSync(repository.path('source'));
  const backUp = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round += 1) {
      writeFileSync(file, seededBytes(performance.now(), 3000));
      await repository.backup(repository.path('source'));
    }
    asked();
  };
  const opened = async (): Promise<readonly string[]> => {
    await repository.use(true, () => undefined);
    await repository.use(false, () => undefined);
    await repository.snapshots();
    return asked().map(({ calls, listedCount }) => `${calls.length} calls, ${listedCount} listed`);
  };
  // The last entries are looked for in each mirror: so many that there are more than those.
  await backUp(9);
  const small = await opened();
  await backUp(4);
  expect(objectCount(repository.mirror(), 'journal')).toBeGreaterThan(24);
  expect(objectCount(repository.mirror(), 'packs')).toBeGreaterThan(24);
  expect(await opened()).toEqual(small);
});
