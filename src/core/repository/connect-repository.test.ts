import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createTestRepository, testSecret } from '../../../test/support/test-repository.ts';
import { openCatalog } from '../catalog/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { connectRepository } from './connect-repository.ts';
import { metaKeys } from './meta-keys.ts';

it('a take-over that was cut short and overtaken by another history begins anew', async () => {
  using repository = await createTestRepository();
  const source = repository.path('source');
  mkdirSync(source);
  writeFileSync(join(source, 'a'), 'a');
  await repository.backup(source);
  const catalog = `sqlite:${repository.path('other.db')}`;
  const other = repository.with({ catalog, cacheDir: repository.path('other-cache') });
  const monitor = new CollectingMonitor();
  const takeOver = (): ReturnType<typeof connectRepository> =>
    connectRepository(other.places, { secret: testSecret, takeOver: true }, other.context(monitor));
  const journal = join(repository.mirror(), 'journal');
  const lineages = readdirSync(journal);
  await takeOver();
  // Killed before its entry was in the mirror and before the catalog was called filled.
  for (const lineage of readdirSync(journal)) {
    if (!lineages.includes(lineage)) rmSync(join(journal, lineage), { recursive: true });
  }
  {
    await using unfinished = await openCatalog(catalog);
    await unfinished.setMeta(metaKeys.filling, 'yes');
  }
  await repository.backup(source);
  expect(await takeOver()).toMatchObject({ snapshots: 2 });
  expect(monitor.notes.join()).toContain('The catalog that was there is kept as');
  await other.backup(source);
});
