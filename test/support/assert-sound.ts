import { rmSync } from 'node:fs';
import { expect } from 'vitest';
import type { SnapshotInfo } from '../../src/core/index.ts';
import { readPackDirectory } from '../../src/core/repository/index.ts';
import type { TestRepository } from './test-repository.ts';
import { type TreeItem, treeImage } from './tree-image.ts';

export type TreeImage = ReadonlyMap<string, TreeItem>;

export interface Soundness {
  /** What was saved. */
  readonly source: string;
  /** What snapshots made before must restore to, by id; all others to the source as it is. */
  readonly images?: ReadonlyMap<string, TreeImage>;
  /**
   * Copies that a mirror may lack because the quorum did not wait for it: each must be healable
   * and, after the next backup, known as a debt.
   */
  readonly mayLack?: boolean;
}

/**
 * What must hold whatever happened to the process before: the repository opens, every byte that
 * the journal names is there, the next backup completes, every snapshot restores to what it was made
 * of, and nothing that was journaled was uploaded again.
 */
export async function assertSound(repository: TestRepository, soundness: Soundness): Promise<void> {
  await assertVerified(repository, soundness.mayLack ?? false);
  const { summary, problems } = await repository.backup(soundness.source);
  expect({ problems, partial: summary.partial }).toEqual({ problems: [], partial: false });
  await assertVerified(repository, soundness.mayLack ?? false);
  if (soundness.mayLack ?? false) await assertDebtsKnown(repository);
  await assertStoredOnce(repository);
  await assertRestores(repository, soundness);
}

async function assertVerified(repository: TestRepository, mayLack: boolean): Promise<void> {
  const { summary, monitor, problems } = await repository.verify('data');
  const bad = monitor.findings.filter(
    ({ kind, healable }) =>
      kind !== 'extra' && !(mayLack && (kind === 'missing' || kind === 'stale') && healable),
  );
  expect({ bad, lost: summary.lost, problems }).toEqual({ bad: [], lost: 0, problems: [] });
}

/** Every copy that verify misses stands in the ledger. */
async function assertDebtsKnown(repository: TestRepository): Promise<void> {
  const { monitor } = await repository.verify('quick');
  const missing = monitor.findings.filter(({ kind }) => kind === 'missing');
  const { summary: known } = await repository.use(true, async ({ catalog, mirrors }) => {
    const names = new Map(mirrors.mirrors.map(({ id, name }) => [id, name]));
    const debts = new Set<string>();
    for await (const { object, mirror } of catalog.ledger.copies({ state: 'debt' })) {
      debts.add(`${names.get(mirror) ?? ''} ${object}`);
    }
    return debts;
  });
  expect(missing.filter(({ mirror, object }) => !known.has(`${mirror} ${object}`))).toEqual([]);
}

/** No chunk is in two packs of the journal. */
export async function assertStoredOnce(repository: TestRepository): Promise<void> {
  const { summary } = await repository.use(true, async ({ state, mirrors, keys, id }) => {
    const seen = new Set<string>();
    const twice: string[] = [];
    for (const pack of state.packs.all()) {
      const { table } = await readPackDirectory(pack, { mirrors, keys, repository: id });
      for (let at = 0; at < table.chunkCount; at++) {
        const chunk = Buffer.from(table.ids.subarray(at * 32, at * 32 + 32)).toString('hex');
        if (seen.has(chunk)) twice.push(chunk);
        seen.add(chunk);
      }
    }
    return twice;
  });
  expect(summary).toEqual([]);
}

/** Every snapshot, or each of those given, restores to the tree that it was made of. */
export async function assertRestores(
  repository: TestRepository,
  {
    source,
    images,
    snapshots,
  }: Pick<Soundness, 'source' | 'images'> & { readonly snapshots?: readonly SnapshotInfo[] },
): Promise<void> {
  const current = treeImage(source);
  for (const snapshot of snapshots ?? (await repository.snapshots())) {
    const target = repository.path('restored');
    const { problems } = await repository.restore(target, { snapshot });
    expect(problems).toEqual([]);
    const expected = images?.get(snapshot.id) ?? current;
    const restored = treeImage(target + (snapshot.paths[0] ?? ''));
    if (snapshot.partial) assertIsPartOf(restored, expected);
    else expect(restored).toEqual(expected);
    rmSync(target, { recursive: true, force: true });
  }
}

/** A partial snapshot holds nothing that the source does not; directories may lack entries. */
function assertIsPartOf(part: TreeImage, whole: TreeImage): void {
  for (const [path, { link, ...item }] of part) {
    const expected = whole.get(path);
    expect({ path, ...item }).toMatchObject({
      path,
      kind: expected?.kind,
      content: expected?.content,
      mtime: expected?.mtime,
    });
    if (link !== undefined) expect(expected?.content).toBe(whole.get(link)?.content);
  }
}
