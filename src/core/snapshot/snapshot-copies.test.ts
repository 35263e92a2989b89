import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTestRepository,
  type TestRepository,
} from '../../../test/support/test-repository.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { listSnapshots } from './snapshot-info.ts';
import { snapshotCopies } from './snapshot-copies.ts';

let repository: TestRepository;
beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2 });
  mkdirSync(repository.path('data'));
});
afterEach(() => repository[Symbol.dispose]());

async function save(name: string): Promise<void> {
  writeFileSync(repository.path('data', name), seededBytes(name, 100_000));
  await repository.backup(repository.path('data'));
}

/** `complete/mirrors` of each snapshot, oldest first. */
async function copies(): Promise<readonly string[]> {
  const { summary } = await repository.use(true, async (open) => {
    const found = await snapshotCopies(open);
    return listSnapshots(open).map(({ id }) => {
      const { complete, mirrors } = found.get(id) ?? { complete: -1, mirrors: -1 };
      return `${complete}/${mirrors}`;
    });
  });
  return summary;
}

const hide = (): void => renameSync(repository.mirror(2), repository.path('hidden'));
const show = (): void => renameSync(repository.path('hidden'), repository.mirror(2));

describe('snapshotCopies', () => {
  it('counts a mirror that was away for what it did not get, and for what builds on that', async () => {
    await save('a');
    hide();
    await save('b');
    expect(await copies()).toEqual(['2/2', '1/2']);
    show();
    await save('c');
    expect(await copies()).toEqual(['2/2', '1/2', '1/2']);
    // The same from the journal alone, without what was saved of it.
    const bare = repository.with({ cacheDir: repository.path('other-cache') });
    repository = bare;
    expect(await copies()).toEqual(['2/2', '1/2', '1/2']);
  });

  it('notes the debts of an absent mirror in the ledger, packs and entries', async () => {
    await save('a');
    hide();
    await save('b');
    const { summary } = await repository.use(true, async ({ catalog, state }) => {
      const objects: string[] = [];
      for await (const copy of catalog.ledger.copies({ state: 'debt' })) {
        expect(state.mirrors.get(copy.mirror)?.name).toBe('m2');
        objects.push(copy.object.split('/')[0] ?? '');
      }
      return objects;
    });
    expect(summary.filter((part) => part === 'packs').length).toBeGreaterThan(0);
    expect(summary.filter((part) => part === 'journal')).toHaveLength(2);
  });
});
