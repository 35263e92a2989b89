import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertRestores, assertSound, type TreeImage } from '../support/assert-sound.ts';
import type { CrashOperation, CrashOrder } from '../support/crash-child.ts';
import { asItIsNow, prepareFor } from '../support/crash-world.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';
import { treeImage } from '../support/tree-image.ts';

/**
 * A process is killed at every call that it makes to a mirror or to the catalog, once for each
 * call; after each kill everything that was promised must hold.
 */

const child = fileURLToPath(new URL('../support/crash-child.ts', import.meta.url));

/** Hundreds of children read the same sources: without it, that is most of what each of them does. */
const compileCache = mkdtempSync(join(tmpdir(), 'versions-compiled-'));
afterAll(() => rmSync(compileCache, { recursive: true, force: true }));

/** Runs the child; resolves to the number of calls, or undefined if it was killed. */
function run(order: CrashOrder): Promise<number | undefined> {
  const process_ = spawn(process.execPath, [child, JSON.stringify(order)], {
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  });
  let [out, err] = ['', ''];
  process_.stdout.on('data', (part: Buffer) => (out += part.toString()));
  process_.stderr.on('data', (part: Buffer) => (err += part.toString()));
  return new Promise((resolve, reject) => {
    process_.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(undefined);
      else if (code === 0) resolve(Number(out));
      else reject(new Error(`The child ended with ${code ?? signal}: ${err}`));
    });
  });
}

interface World {
  /** Copied for each kill. */
  readonly repository: TestRepository;
  readonly images: ReadonlyMap<string, TreeImage>;
}

/** A source with directories, duplicates, links, inline files, and a file of several chunks. */
function makeSource(source: string): void {
  mkdirSync(`${source}/sub/deep`, { recursive: true });
  const random = new SeededRandom('crash');
  writeFileSync(`${source}/large`, random.bytes(700_000));
  writeFileSync(`${source}/sub/small`, random.bytes(20_000));
  writeFileSync(`${source}/sub/same`, new SeededRandom('crash').bytes(20_000));
  writeFileSync(`${source}/sub/deep/inline`, 'inline');
  writeFileSync(`${source}/zz`, 'stays');
}

function changeSource(source: string, times: number): void {
  const random = new SeededRandom(`later ${times}`);
  writeFileSync(`${source}/sub/small`, random.bytes(30_000));
  writeFileSync(`${source}/new`, random.bytes(300_000));
}

const { VERSIONS_TEST_EVERY } = process.env;
const isByHand = VERSIONS_TEST_EVERY !== undefined;

/** `every`: so many calls from one kill to the next; where it begins is drawn at random. */
const cases: readonly {
  readonly name: string;
  readonly operation: CrashOperation;
  readonly snapshots: number;
  readonly every?: number;
}[] = [
  { name: 'the first backup', operation: 'backup', snapshots: 0 },
  { name: 'an incremental backup', operation: 'backup', snapshots: 1 },
  {
    name: 'a backup that makes a checkpoint',
    operation: 'checkpoint',
    snapshots: 3,
    every: everyOf(4),
  },
  { name: 'connect --take-over', operation: 'take-over', snapshots: 1 },
  { name: 'connect for reading', operation: 'connect', snapshots: 1 },
  { name: 'a restore', operation: 'restore', snapshots: 1 },
  { name: 'verify', operation: 'verify', snapshots: 1 },
  { name: 'heal', operation: 'heal', snapshots: 1, every: everyOf(4) },
  { name: 'mirror sync', operation: 'mirror-sync', snapshots: 1, every: everyOf(4) },
  { name: 'mirror add', operation: 'mirror-add', snapshots: 1, every: everyOf(4) },
  { name: 'catalog rebuild, from packs', operation: 'rebuild', snapshots: 1, every: everyOf(4) },
  { name: 'catalog copy', operation: 'copy', snapshots: 1, every: everyOf(4) },
];

/** By hand each call has its turn: `VERSIONS_TEST_EVERY=1`. */
function everyOf(every: number): number {
  return Number(VERSIONS_TEST_EVERY ?? every);
}

/** What somebody does whose operation was cut short: the same again. */
const isDoneAgain: ReadonlySet<CrashOperation> = new Set([
  'take-over',
  'connect',
  'heal',
  'mirror-sync',
  'mirror-add',
  'rebuild',
  'copy',
]);

describe.each(cases)('killed at every call of $name', ({ operation, snapshots, every = 1 }) => {
  let world: World;
  let calls = 0;

  beforeAll(async () => {
    const repository = await createTestRepository({ mirrors: 2, mirrorsMin: 2 });
    const source = repository.path('source');
    makeSource(source);
    const images = new Map<string, TreeImage>();
    for (let made = 0; made < snapshots; made++) {
      const context = { checkpointEntries: 4 };
      const { summary } = await repository.backup(source, { context });
      images.set(summary.snapshotId ?? '', treeImage(source));
      changeSource(source, made);
    }
    prepareFor(repository, operation);
    world = { repository, images };
    using probe = copyOf(world.repository);
    calls = (await run(orderOf(probe, operation, 0))) ?? 0;
  }, 60_000);

  afterAll(() => world.repository[Symbol.dispose]());

  it('nothing is lost', { timeout: isByHand ? 1_800_000 : 300_000 }, async () => {
    expect(calls).toBeGreaterThan(20);
    let next = 1 + Math.floor(Math.random() * every);
    const first = next;
    let kills = 0;
    const failures: string[] = [];
    const lane = async (): Promise<void> => {
      for (let killAt = next; killAt <= calls; killAt = next) {
        next += every;
        using copy = copyOf(world.repository);
        if ((await run(orderOf(copy, operation, killAt))) === undefined) kills += 1;
        try {
          if (isDoneAgain.has(operation)) await doAgain(copy, operation);
          if (operation === 'restore') await assertGoesOn(copy, world.images);
          await assertHolds(copy, operation, world.images);
        } catch (error) {
          failures.push(`killed at call ${killAt}: ${whatFailed(error)}`);
        }
      }
    };
    await Promise.all([lane(), lane()]);
    expect(failures).toEqual([]);
    // Threads make the number of calls vary a little.
    expect(kills).toBeGreaterThan((calls - first) / every - 5);
  });
});

async function doAgain(repository: TestRepository, operation: CrashOperation): Promise<void> {
  await run(orderOf(repository, operation, 0)).catch((error: unknown) => {
    // Killed behind its last step, it was done.
    const isDone = operation === 'connect' && String(error).includes('CATALOG_EXISTS');
    if (!isDone) throw error;
  });
}

async function assertHolds(
  repository: TestRepository,
  operation: CrashOperation,
  images: ReadonlyMap<string, TreeImage>,
): Promise<void> {
  const source = repository.path('source');
  if (operation !== 'connect') {
    const whole = asItIsNow(repository, operation);
    await assertSound(whole, { source, images });
    return;
  }
  // It may not write; it must read everything.
  await assertRestores(repository, { source, images });
  const { summary, problems } = await repository.verify('data');
  expect({ lost: summary.lost, findings: summary.findings, problems }).toEqual({
    lost: 0,
    findings: 0,
    problems: [],
  });
}

/** A restore that was killed goes on in the same target. */
async function assertGoesOn(
  repository: TestRepository,
  images: ReadonlyMap<string, TreeImage>,
): Promise<void> {
  const target = repository.path('target');
  const { problems } = await repository.restore(target);
  expect(problems).toEqual([]);
  const snapshot = await repository.latest();
  expect(treeImage(target + (snapshot.paths[0] ?? ''))).toEqual(images.get(snapshot.id));
  rmSync(target, { recursive: true });
}

function orderOf(
  { root, places }: TestRepository,
  operation: CrashOrder['operation'],
  killAt: number,
): CrashOrder {
  return { root, places, operation, source: `${root}/source`, killAt };
}

/** The message of an assertion alone does not tell which value was wrong. */
function whatFailed(error: unknown): string {
  const { actual } = error as { readonly actual?: unknown };
  return `${String(error)} ${actual === undefined ? '' : JSON.stringify(actual)}`;
}

let copies = 0;

/** A copy of everything, in a place of its own. */
function copyOf(repository: TestRepository): TestRepository {
  copies += 1;
  const root = `${repository.root}-${copies}`;
  cpSync(repository.root, root, {
    recursive: true,
    preserveTimestamps: true,
    verbatimSymlinks: true,
  });
  return repository.at(root);
}
