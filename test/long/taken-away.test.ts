/** A mirror that is taken away while a backup runs, and takes what it is given all the same. */
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ForwardingStore,
  type ObjectStore,
  openStore,
  type PutOptions,
} from '../../src/core/store/index.ts';
import { seededBytes } from '../support/seeded-random.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';
import { treeImage } from '../support/tree-image.ts';

/** Does something once, before so many packs have been stored. */
class InterruptedStore extends ForwardingStore {
  #packsLeft: number;
  readonly #action: () => void;

  constructor(inner: ObjectStore, packs: number, action: () => void) {
    super(inner);
    this.#packsLeft = packs;
    this.#action = action;
  }

  override async put(
    key: string,
    parts: readonly Uint8Array[],
    options?: PutOptions,
  ): Promise<void> {
    if (key.startsWith('packs/') && (this.#packsLeft -= 1) === 0) this.#action();
    await this.inner.put(key, parts, options);
  }
}

let repository: TestRepository;
let source: string;
afterEach(() => repository[Symbol.dispose]());

async function create(mirrors: number): Promise<void> {
  repository = await createTestRepository({ mirrors });
  source = repository.path('source');
  mkdirSync(source);
  writeFileSync(join(source, 'first'), seededBytes('first', 300_000));
  await repository.backup(source);
  writeFileSync(join(source, 'second'), seededBytes('second', 2_000_000));
}

/** A repository whose last mirror has something done to it before its third pack. */
function interrupted(action: (directory: string) => void): TestRepository {
  const { url } = repository.places.mirrors.at(-1) ?? { url: '' };
  return repository.with(
    {},
    {
      doors: {
        openStore: async (place, options) => {
          const store = await openStore(place, options);
          return place === url ? new InterruptedStore(store, 3, () => action(url)) : store;
        },
      },
    },
  );
}

const empty = (directory: string): void => {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
};
/** The disk is unmounted, and its mount point is a directory like any other. */
const unmount = (directory: string): void => {
  renameSync(directory, `${directory}-away`);
  mkdirSync(directory);
};

async function expectRestored(): Promise<void> {
  const { problems } = await repository.restore(repository.path('back'));
  expect(problems).toEqual([]);
  expect(treeImage(join(repository.path('back'), source))).toEqual(treeImage(source));
}

describe('the only mirror', () => {
  beforeEach(() => create(1));

  it.each([
    ['emptied', empty],
    ['unmounted', unmount],
  ])('%s: no snapshot is made', async (_what, action) => {
    await expect(interrupted(action).backup(source)).rejects.toMatchObject({ code: 'QUORUM_LOST' });
    if (action === empty) return;
    expect(readdirSync(repository.mirror())).toEqual([]);
    rmSync(repository.mirror(), { recursive: true });
    renameSync(`${repository.mirror()}-away`, repository.mirror());
    expect(await repository.snapshots()).toHaveLength(1);
    await repository.backup(source);
    await expectRestored();
  });

  it('emptied, then brought back as it was before: what is missing is stored anew', async () => {
    const mirror = repository.mirror();
    const copy = repository.path('copy');
    cpSync(mirror, copy, { recursive: true });
    await expect(interrupted(empty).backup(source)).rejects.toMatchObject({ code: 'QUORUM_LOST' });
    empty(mirror);
    cpSync(copy, mirror, { recursive: true });
    await repository.backup(source);
    await expectRestored();
    const { summary } = await repository.verify();
    expect(summary).toMatchObject({ findings: 0, lost: 0 });
  });
});

describe('one of two mirrors', () => {
  beforeEach(() => create(2));

  it.each([
    ['emptied', empty],
    ['unmounted', unmount],
  ])('%s: it is owed everything, and the snapshot is whole in the other', async (_what, action) => {
    const { summary, monitor } = await interrupted(action).backup(source);
    expect(summary.mirrorsBehind).toEqual(['m2']);
    expect(summary.debts).toBeGreaterThan(0);
    expect(monitor.notes.join()).toMatch(/Mirror m2 is not used any more/);
    rmSync(repository.mirror(2), { recursive: true });
    await expectRestored();
  });
});
