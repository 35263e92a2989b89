/** Copies that are not what they seem: read wrongly now, or good again a moment later. */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestRepository,
  type Reported,
  type TestRepository,
} from '../../../test/support/test-repository.ts';
import { VersionsError } from '../errors/index.ts';
import type { Repository } from '../repository/index.ts';
import { type HealSummary, runHeal } from './run-heal.ts';

let repository: TestRepository;
/** Of some data: its key. */
let pack: string;

beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2, context: { packBytes: 8 * 1024 * 1024 } });
  const source = repository.path('source');
  mkdirSync(source);
  // Three blocks of one pack.
  for (let number = 0; number < 30; number++) {
    writeFileSync(join(source, `f${number}`), seededBytes(`file ${number}`, 100_000));
  }
  await repository.backup(source);
  const { summary } = await repository.use(true, ({ state }) => state.packs.all());
  const name = summary.find(({ kind }) => kind === 'data')?.name ?? '';
  pack = `packs/${name.slice(0, 2)}/${name}`;
});
afterEach(() => repository[Symbol.dispose]());

const pathIn = (mirror: number): string => join(repository.mirror(mirror), pack);

function heal(prepare: (opened: Repository) => void = () => {}): Promise<Reported<HealSummary>> {
  return repository.use(false, (opened, context) => {
    prepare(opened);
    return runHeal(opened, { level: 'data', dryRun: false, host: 'test' }, context);
  });
}

/** What the mirror gives for the pack is wrong, each time in another way. */
function lies(opened: Repository, number: number): void {
  const store = opened.mirrors.mirrors[number - 1]?.store;
  if (store === undefined) throw new Error('There is no such mirror');
  const get = store.get.bind(store);
  let calls = 0;
  Object.assign(store, {
    // Nothing is hashed where it lies.
    digest: async () => undefined,
    get: async (...[key, options]: Parameters<typeof get>) => {
      const bytes = await get(key, options);
      if (key !== pack) return bytes;
      calls += 1;
      return bytes.slice().fill(calls, 1000, 2000);
    },
  });
}

it('of which every read says something else, the only good copy is not given up', async () => {
  const good = readFileSync(pathIn(2));
  rmSync(pathIn(1));
  const { summary, problems } = await heal((opened) => lies(opened, 2));
  expect(problems).toEqual(['COPY_UNREADABLE']);
  // The one that is missing, and the one that cannot be read.
  expect(summary).toMatchObject({ lost: 0, left: 2, mended: 0, salvaged: undefined });
  expect(readFileSync(pathIn(2)).equals(good)).toBe(true);
  expect(globSync('quarantine/**/*', { cwd: repository.mirror(2) })).toEqual([]);
  // Somebody has mended the cable.
  const after = await heal();
  expect(after.problems).toEqual([]);
  expect(after.summary).toMatchObject({ mended: 1, left: 0, lost: 0 });
  expect(readFileSync(pathIn(1)).equals(good)).toBe(true);
});

it('of which every read says something else, a copy is not written over', async () => {
  const good = readFileSync(pathIn(2));
  const { summary, problems } = await heal((opened) => lies(opened, 2));
  expect(problems).toEqual(['TARGET_UNREADABLE']);
  expect(summary).toMatchObject({ lost: 0, left: 1, mended: 0 });
  expect(readFileSync(pathIn(2)).equals(good)).toBe(true);
  expect(globSync('quarantine/**/*', { cwd: repository.mirror(2) })).toEqual([]);
});

it('that somebody has mended while its blocks were saved is not taken away', async () => {
  const good = readFileSync(pathIn(1));
  for (const mirror of [1, 2]) {
    writeFileSync(pathIn(mirror), Buffer.from(good).fill(0, 100, 300));
  }
  const { summary } = await heal((opened) => {
    const { mirrors } = opened;
    const put = mirrors.put.bind(mirrors);
    Object.assign(mirrors, {
      put: async (...[key, parts, options]: Parameters<typeof put>) => {
        // Before what was saved counts, another healer has found a good copy somewhere.
        if (key.startsWith('packs/')) writeFileSync(pathIn(1), good);
        return put(key, parts, options);
      },
    });
  });
  expect(summary).toMatchObject({ lost: 1, salvaged: { packs: 1 } });
  expect(existsSync(pathIn(1)) && readFileSync(pathIn(1)).equals(good)).toBe(true);
  expect((await heal()).summary).toMatchObject({ left: 0, lost: 0 });
  expect(readFileSync(pathIn(2)).equals(good)).toBe(true);
});

it('that a mirror was given while it was being taken away do not count', async () => {
  const good = readFileSync(pathIn(2));
  rmSync(pathIn(1));
  const { summary, problems } = await heal((opened) => {
    const store = opened.mirrors.mirrors[0]?.store;
    if (store === undefined) throw new Error('There is no mirror');
    const put = store.put.bind(store);
    Object.assign(store, {
      put: async (...given: Parameters<typeof put>) => {
        // The disk is taken out, and what is written goes into the directory below it.
        rmSync(join(repository.mirror(1), 'mirror'), { force: true });
        await put(...given);
      },
    });
  });
  expect(problems).toEqual(['MIRROR_GONE']);
  expect(summary).toMatchObject({ mended: 0, left: 1, lost: 0 });
  const { summary: states } = await repository.use(true, async ({ catalog }) =>
    (await catalog.ledger.copiesOf(pack)).map(({ state }) => state),
  );
  expect(states).toContain('debt');
  expect(readFileSync(pathIn(2)).equals(good)).toBe(true);
});

it('in a mirror that cannot be listed are not called good', async () => {
  const damaged = readFileSync(pathIn(1)).fill(0, 100, 300);
  writeFileSync(pathIn(1), damaged);
  await heal();
  const aside = globSync('quarantine/packs/*/*/*', { cwd: repository.mirror(1) });
  expect(aside).toHaveLength(1);
  const { summary, problems } = await heal((opened) => {
    const store = opened.mirrors.mirrors[1]?.store;
    if (store === undefined) throw new Error('There is no mirror');
    const list = async function* (): AsyncGenerator<never, void, undefined> {
      yield* [];
      throw new VersionsError('Unavailable', 'STORE_FAILED', 'It does not answer');
    };
    Object.assign(store, { list });
  });
  expect(problems).toEqual(['MIRROR_UNLISTED']);
  expect(summary).toMatchObject({ mended: 0, left: 0, lost: 0 });
  // Not every mirror was found whole.
  expect(globSync('quarantine/packs/*/*/*', { cwd: repository.mirror(1) })).toEqual(aside);
  await heal();
  expect(globSync('quarantine/packs/*/*/*', { cwd: repository.mirror(1) })).toEqual([]);
});
