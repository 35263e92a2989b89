import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copiedCatalogUrl } from './copied-catalog-url.ts';
import type { CrashOperation } from './crash-child.ts';
import type { TestRepository } from './test-repository.ts';

/** What an operation is there for, before it begins. */
export function prepareFor(repository: TestRepository, operation: CrashOperation): void {
  if (operation === 'connect') {
    rmSync(repository.catalogFile);
    rmSync(repository.path('cache'), { recursive: true });
  }
  if (operation === 'rebuild') {
    for (const number of [1, 2])
      rmSync(`${repository.mirror(number)}/journal`, { recursive: true });
    rmSync(repository.catalogFile);
  }
  if (operation !== 'heal' && operation !== 'mirror-sync') return;
  const packs = readdirSync(repository.mirror(2), { recursive: true, encoding: 'utf8' })
    .filter((name) => /^packs\/..\/[0-9a-f]{64}$/.test(name))
    .sort();
  for (const [at, name] of packs.entries()) {
    const path = join(repository.mirror(2), name);
    if (at % 2 === 0) rmSync(path);
    else if (operation === 'heal') flipByte(path);
  }
}

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

/** The repository with the mirror that was added, or with its catalog where that was copied to. */
export function asItIsNow(repository: TestRepository, operation: CrashOperation): TestRepository {
  if (operation === 'copy') {
    const cacheDir = repository.path('cache-2');
    return repository.with({ catalog: copiedCatalogUrl(repository.root), cacheDir });
  }
  if (operation !== 'mirror-add') return repository;
  const { mirrors } = repository.places;
  return repository.with({ mirrors: [...mirrors, { name: 'm3', url: repository.mirror(3) }] });
}
