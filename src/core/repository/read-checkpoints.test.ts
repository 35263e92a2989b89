import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  cheapContext,
  createTestRepository,
  type TestRepository,
  testSecret,
} from '../../../test/support/test-repository.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { objectHashOf } from '../format/index.ts';
import { openStore, RecordingStore } from '../store/index.ts';
import { connectRepository } from './connect-repository.ts';
import { writeCheckpointIfDue } from './write-checkpoint.ts';

const every = 16;
const entries = 90;
let world: TestRepository;
let copies = 0;

beforeAll(async () => {
  world = await createTestRepository({ mirrors: 2, context: { checkpointEntries: every } });
  const source = world.path('source');
  writeFileSync(source, 'something');
  await world.backup(source);
  await world.use(false, async (opened, context) => {
    while ((opened.state.tip?.number ?? 0) < entries - 2) {
      await opened.log.append(() => [{ type: 'settings', mirrorsMin: 1 }]);
      await writeCheckpointIfDue(opened, context);
    }
  });
  writeFileSync(source, 'something else');
  await world.backup(source, { context: { checkpointEntries: 1000 } });
});
afterAll(() => world[Symbol.dispose]());

interface Connected {
  readonly entries: number;
  readonly snapshots: number;
  readonly problems: readonly string[];
  readonly calls: readonly string[];
  readonly hashes: readonly string[];
}

/** Takes the repository up on a new machine, once something was done to the mirrors. */
async function connect(damage: (mirror: string) => void = () => {}): Promise<Connected> {
  copies += 1;
  const root = world.path(`copy-${copies}`);
  mkdirSync(root);
  for (const number of [1, 2]) {
    cpSync(world.mirror(number), join(root, `m${number}`), { recursive: true });
    damage(join(root, `m${number}`));
  }
  const copy = world.at(root);
  const monitor = new CollectingMonitor();
  const calls: string[] = [];
  const context = {
    ...cheapContext,
    monitor,
    doors: {
      openStore: async (...given: Parameters<typeof openStore>) =>
        new RecordingStore(await openStore(...given), ({ method, key }) => {
          calls.push(`${method} ${key}`);
        }),
    },
  };
  const { places } = copy;
  const connected = await connectRepository(places, { secret: testSecret }, context);
  const { summary: hashes } = await copy.use(true, async ({ log }) => {
    const found: string[] = [];
    for await (const { hash } of log.rows(0)) found.push(hash);
    return found;
  });
  const problems = monitor.problems.map(({ code }) => code);
  return { entries: connected.entries, snapshots: connected.snapshots, problems, calls, hashes };
}

const filesIn = (mirror: string, part: string): string[] =>
  readdirSync(join(mirror, part), { recursive: true, encoding: 'utf8' })
    .filter((name) => /[0-9a-f]{64}$/.test(name))
    .map((name) => join(mirror, part, name))
    .toSorted();
const gets = (calls: readonly string[], part: string): number =>
  calls.filter((call) => call.startsWith(`get ${part}`)).length;

function flip(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

async function allHashes(): Promise<readonly string[]> {
  const { summary } = await world.use(true, async ({ log }) => {
    const found: string[] = [];
    for await (const { hash } of log.rows(0)) found.push(hash);
    return found;
  });
  return summary;
}

describe('a machine that takes up a repository', () => {
  it('reads runs instead of the entries that they hold', async () => {
    const { calls, problems, hashes, ...counts } = await connect();
    expect(counts).toEqual({ entries, snapshots: 2 });
    expect(problems).toEqual([]);
    expect(hashes).toEqual(await allHashes());
    // Those behind the checkpoint, and some before, as sixteen are read at once.
    expect(gets(calls, 'journal/')).toBeLessThan(every + 34);
    expect(gets(calls, 'checkpoints/')).toBeLessThanOrEqual(5);
  });

  it('reads the entries where checkpoints are gone or damaged, and says so', async () => {
    const gone = await connect((mirror) => rmSync(`${mirror}/checkpoints`, { recursive: true }));
    expect(gone).toMatchObject({ entries, snapshots: 2, hashes: await allHashes() });
    expect(new Set(gone.problems)).toEqual(new Set(['CHECKPOINT_DAMAGED']));
    const damaged = await connect((mirror) => filesIn(mirror, 'checkpoints').forEach(flip));
    expect(damaged).toMatchObject({ entries, snapshots: 2, hashes: await allHashes() });
    expect(new Set(damaged.problems)).toEqual(new Set(['CHECKPOINT_DAMAGED']));
  });

  it('takes a run from the mirror that has it whole', async () => {
    const { problems, hashes } = await connect((mirror) => {
      if (mirror.endsWith('m1')) filesIn(mirror, 'checkpoints').forEach(flip);
    });
    expect([problems, hashes]).toEqual([[], await allHashes()]);
  });

  it.each<[string, (mirror: string) => void]>([
    ['is missing everywhere', (mirror) => rmSync(filesIn(mirror, 'journal')[20] ?? '')],
    ['is damaged everywhere', (mirror) => flip(filesIn(mirror, 'journal')[20] ?? '')],
    [
      'and most others are missing everywhere',
      (mirror) =>
        filesIn(mirror, 'journal')
          .slice(0, 70)
          .forEach((path) => rmSync(path)),
    ],
  ])('sees no gap where an entry %s', async (_what, damage) => {
    const { problems, ...found } = await connect(damage);
    expect(found).toMatchObject({ entries, snapshots: 2, hashes: await allHashes() });
    expect(problems).toEqual([]);
  });

  it('has what the last checkpoint covers where no mirror has a journal', async () => {
    const { problems, hashes, snapshots } = await connect((mirror) =>
      rmSync(`${mirror}/journal`, { recursive: true }),
    );
    const all = await allHashes();
    expect(hashes).toEqual(all.slice(0, hashes.length));
    expect(hashes.length).toBeGreaterThan(all.length - every - 4);
    expect(snapshots).toBe(1);
    expect(problems).toEqual([]);
  });

  it('is not held up by what somebody without the keys put among the checkpoints', async () => {
    const { problems, hashes } = await connect((mirror) => {
      rmSync(`${mirror}/journal`, { recursive: true });
      const [first = ''] = filesIn(mirror, 'checkpoints');
      const forged = readFileSync(first);
      // A checkpoint that covers far more than there is, under a name that fits.
      forged[64] = 1;
      forged.writeBigUInt64LE(1n, 68);
      forged.writeBigUInt64LE(1_000_000n, 76);
      const name = objectHashOf(forged);
      writeFileSync(`${mirror}/checkpoints/${name}`, forged);
    });
    expect(hashes.length).toBeGreaterThan(70);
    expect(problems).toEqual(['CHECKPOINT_DAMAGED']);
  });
});
