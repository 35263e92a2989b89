import { cpSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTestRepository,
  type TestRepository,
} from '../../../test/support/test-repository.ts';
import { runHeal } from '../snapshot/index.ts';

let repository: TestRepository;

beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2 });
  await open();
});
afterEach(() => repository[Symbol.dispose]());

const open = (of: TestRepository = repository): ReturnType<typeof of.use> => of.use(true, () => {});

function loseEverywhere(what: 'config' | 'keys/*', of: TestRepository = repository): void {
  for (const path of globSync(`m*/${what}`, { cwd: of.root })) rmSync(of.path(path));
}

const heal = (): ReturnType<typeof repository.use> =>
  repository.use(false, (opened, context) =>
    runHeal(opened, { level: 'data', dryRun: false, host: 'here' }, context),
  );

describe.each(['config', 'keys/*'] as const)('%s in no mirror', (what) => {
  it('is taken from what this machine keeps, which is said, and written back by heal', async () => {
    const before = objectsOf(repository);
    loseEverywhere(what);
    const { monitor } = await open();
    expect(monitor.notes.join()).toContain('the one that this machine keeps is used');
    expect((await heal()).summary).toMatchObject({ mended: 2, left: 0, lost: 0 });
    expect(objectsOf(repository)).toEqual(before);
  });

  it.each([
    ['that has rotted', (path: string): void => writeFileSync(path, 'rotten')],
    ['that is gone', (path: string): void => rmSync(path)],
  ])('is lost beside a copy %s', async (_, spoil) => {
    loseEverywhere(what);
    for (const path of globSync(`kept/${what}`, { cwd: repository.path('cache') }))
      spoil(repository.path('cache', path));
    const code = what === 'config' ? 'CONFIG_LOST' : 'NO_KEY_OBJECT';
    await expect(open()).rejects.toMatchObject({ kind: 'Corrupt', code });
  });
});

describe('what a machine keeps', () => {
  it('of another repository is not used, and replaced', async () => {
    using other = await createTestRepository({ mirrors: 1 });
    await open(other);
    const kept = repository.path('cache', 'kept');
    const own = filesIn(kept);
    const bring = (): void => {
      rmSync(kept, { recursive: true });
      cpSync(other.path('cache', 'kept'), kept, { recursive: true });
    };
    bring();
    await open();
    expect(filesIn(kept)).toEqual(own);
    bring();
    loseEverywhere('config');
    await expect(open()).rejects.toMatchObject({ code: 'CONFIG_LOST' });
  });

  it('may be impossible to write', async () => {
    const kept = repository.path('cache', 'kept');
    rmSync(kept, { recursive: true });
    writeFileSync(kept, 'a file in its place');
    expect((await open()).problems).toEqual([]);
  });
});

/** Names and bytes of `config` and keys in the mirrors. */
function objectsOf({ root }: TestRepository): readonly (readonly [string, string])[] {
  return globSync(['m*/config', 'm*/keys/*'], { cwd: root })
    .toSorted()
    .map((path) => [path, readFileSync(join(root, path), 'hex')] as const);
}

function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted();
}
