import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assertSound, type TreeImage } from '../support/assert-sound.ts';
import type { CrashOperation, CrashOrder } from '../support/crash-child.ts';
import { asItIsNow, prepareFor } from '../support/crash-world.ts';
import { cutPower, type PowerCut, powerLosses, readPowerLog } from '../support/power-loss.ts';
import type { PowerEvent, PowerOrder } from '../support/power-record.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';
import { treeImage } from '../support/tree-image.ts';

/**
 * The power goes while an operation runs: of what was not fsynced, files and names alike, nothing, all
 * or anything has reached the disk. The order in which `node:fs` was called is recorded once, and
 * looked at cut off at many places; by hand at all: `VERSIONS_TEST_EVERY=1`.
 */

const [child, recorder] = ['crash-child.ts', 'power-recorder.ts'].map((name) =>
  fileURLToPath(new URL(`../support/${name}`, import.meta.url)),
);
const { VERSIONS_TEST_SEED, VERSIONS_TEST_EVERY } = process.env;
const seed = VERSIONS_TEST_SEED ?? String(Date.now());
/** Cuts for each kind of loss. */
const cutsEach = 2;

interface Recorded {
  readonly before: TestRepository;
  readonly events: readonly PowerEvent[];
  readonly operation: CrashOperation;
  readonly source: string;
  readonly images: ReadonlyMap<string, TreeImage>;
}

/** Records an operation; with `withoutSync`, one that forgets every fsync. */
async function recordRun(
  operation: CrashOperation,
  options: { readonly snapshots: number; readonly withoutSync?: boolean },
): Promise<Recorded> {
  const before = await createTestRepository({ mirrors: 2, mirrorsMin: 2 });
  const source = before.path('source');
  const random = new SeededRandom('power');
  mkdirSync(`${source}/sub`, { recursive: true });
  writeFileSync(`${source}/large`, random.bytes(600_000));
  writeFileSync(`${source}/sub/small`, random.bytes(20_000));
  writeFileSync(`${source}/sub/inline`, 'inline');
  const images = new Map<string, TreeImage>();
  if (options.snapshots > 0) {
    const { summary } = await before.backup(source);
    images.set(summary.snapshotId ?? '', treeImage(source));
    writeFileSync(`${source}/sub/small`, random.bytes(30_000));
    writeFileSync(`${source}/new`, random.bytes(300_000));
  }
  prepareFor(before, operation);
  // It runs in a copy, so that what was there before stays as it was.
  const copy = before.at(copyOf(before.root, []));
  const log = `${before.root}.power`;
  const power: PowerOrder = {
    root: copy.root,
    log,
    databases: [
      'catalog.db',
      'catalog.db-journal',
      'cache/local-state.db',
      'cache/local-state.db-wal',
    ],
    withoutSync: options.withoutSync ?? false,
  };
  runChild(copy, { operation, source, power });
  copy[Symbol.dispose]();
  const events = readPowerLog(log);
  rmSync(log);
  return { before, operation, events, source, images };
}

function runChild(
  { root, places }: TestRepository,
  { power, ...what }: Pick<Recorded, 'operation' | 'source'> & { readonly power?: PowerOrder },
): void {
  const order: CrashOrder = { root, places, ...what, killAt: 0 };
  const preload = power === undefined ? [] : ['--import', recorder ?? ''];
  const args = [...preload, child ?? '', JSON.stringify(order)];
  const { status, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, VERSIONS_POWER_RECORD: JSON.stringify(power) },
  });
  if (status !== 0) throw new Error(`The child ended with ${status}: ${stderr}`);
}

let copies = 0;

function copyOf(root: string, events: readonly PowerEvent[], cut?: PowerCut): string {
  copies += 1;
  const copy = `${root}-${copies}`;
  const random = new SeededRandom(`${seed}/${cut?.after}/${cut?.loss}`);
  cutPower(root, copy, events, { after: 0, loss: 'nothing', ...cut, random });
  return copy;
}

/** What is wrong after the power was cut; undefined if nothing is. */
async function failureAfter(recorded: Recorded, cut: PowerCut): Promise<string | undefined> {
  const { before, events, operation, source, images } = recorded;
  using repository = before.at(copyOf(before.root, events, cut));
  try {
    if (operation !== 'backup') runChild(repository, { operation, source });
    await assertSound(asItIsNow(repository, operation), { source, images });
    return undefined;
  } catch (error) {
    return `cut after event ${cut.after} of ${events.length}, ${cut.loss} of the rest: ${String(error)}`;
  }
}

function drawCuts(events: number, count: number): readonly PowerCut[] {
  const random = new SeededRandom(seed);
  return powerLosses.flatMap((loss) =>
    Array.from({ length: count }, (_, at) => ({
      loss,
      after: VERSIONS_TEST_EVERY === undefined && at > 0 ? 1 + random.below(events) : events - at,
    })),
  );
}

describe.each([
  ['the first backup', 'backup', 0],
  ['an incremental backup', 'backup', 1],
  ['connect --take-over', 'take-over', 1],
  ['heal', 'heal', 1],
  ['mirror sync', 'mirror-sync', 1],
  ['mirror add', 'mirror-add', 1],
] as const)('the power goes in %s', (_name, operation, snapshots) => {
  it('and nothing is lost', { timeout: 3_600_000 }, async () => {
    process.stdout.write(`seed ${seed}\n`);
    const recorded = await recordRun(operation, { snapshots });
    using _before = recorded.before;
    const { events } = recorded;
    expect(events.filter(({ kind }) => kind.startsWith('sync')).length).toBeGreaterThan(3);
    const cuts = drawCuts(
      events.length,
      VERSIONS_TEST_EVERY === undefined ? cutsEach : events.length,
    );
    const failures: string[] = [];
    for (const cut of cuts) {
      const failure = await failureAfter(recorded, cut);
      if (failure !== undefined) failures.push(failure);
    }
    expect(failures).toEqual([]);
  });
});

it('a run that forgets every fsync is found out', { timeout: 120_000 }, async () => {
  const recorded = await recordRun('backup', { snapshots: 0, withoutSync: true });
  using _before = recorded.before;
  const { length } = recorded.events;
  for (const loss of ['nothing', 'names'] as const) {
    expect(await failureAfter(recorded, { after: length, loss })).toContain(
      `${length} of ${length}`,
    );
  }
});
