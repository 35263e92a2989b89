import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededBytes } from './support/seeded-random.ts';
import { createTestRepository, type TestRepository } from './support/test-repository.ts';

const child = fileURLToPath(new URL('support/keyless-child.ts', import.meta.url));

let repository: TestRepository;
let pack: string;

beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2 });
  mkdirSync(repository.path('source'));
  writeFileSync(repository.path('source', 'file'), seededBytes('keyless', 300_000));
  await repository.backup(repository.path('source'));
  const { summary } = await repository.use(true, ({ state }) => state.packs.at(0)?.name ?? '');
  pack = `packs/${summary.slice(0, 2)}/${summary}`;
});
afterEach(() => repository[Symbol.dispose]());

/** In a process of its own that cannot load what knows keys. */
function run(level: string, what: 'look' | 'heal'): Record<string, unknown> {
  const places = [repository.mirror(1), repository.mirror(2)];
  const { stdout, stderr, status } = spawnSync(process.execPath, [child, level, what, ...places], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: repository.root, NODE_NO_WARNINGS: '1' },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('without any key in the process', () => {
  it.each(['quick', 'structure', 'data'])('level %s finds a whole repository whole', (level) => {
    expect(run(level, 'look')).toMatchObject({ mirrors: 2, findings: 0, lost: 0, codes: [] });
  });

  it('data finds what is damaged, and healing mends it byte for byte', () => {
    const path = (mirror: number): string => join(repository.mirror(mirror), pack);
    const bytes = readFileSync(path(1));
    writeFileSync(path(1), Buffer.from(bytes).fill(0, 70_000, 90_000));
    writeFileSync(path(2), Buffer.from(bytes).fill(0, 1000, 5000));
    rmSync(join(repository.mirror(2), 'config'));
    expect(run('data', 'look')).toMatchObject({ findings: 3, healable: 3, lost: 0 });
    expect(run('data', 'heal')).toMatchObject({ healed: { mended: 3, left: 0, lost: [] } });
    expect([1, 2].map((mirror) => readFileSync(path(mirror)).equals(bytes))).toEqual([true, true]);
    expect(run('data', 'look')).toMatchObject({ findings: 0 });
  });

  it('is proved by what such a process cannot do', () => {
    expect(() => run('with-keys', 'look')).toThrow('Nothing may load');
  });
});
