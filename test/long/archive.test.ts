import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { S3Double } from '../support/s3-double/s3-double.ts';
import { seededBytes } from '../support/seeded-random.ts';
import { treeImage } from '../support/tree-image.ts';
import { Machine, type Outcome } from '../cli/machine.ts';

/** Data packs that a rule of the bucket moved to where they cannot be read at once. */
let machine: Machine;
let one: S3Double;
let two: S3Double;
beforeEach(async () => {
  machine = new Machine();
  one = await S3Double.start();
  two = await S3Double.start();
  machine.env = { AWS_ACCESS_KEY_ID: 'double', AWS_SECRET_ACCESS_KEY: 'double-secret' };
  const files: Record<string, Buffer | string> = { 'data/small.txt': 'inline\n' };
  for (let number = 0; number < 6; number += 1) {
    files[`data/${number % 2}/${number}`] = seededBytes(number, 2 ** 20);
  }
  await machine.write(files);
});
afterEach(async () => {
  machine[Symbol.dispose]();
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
});

async function run(code: number, ...args: string[]): Promise<Outcome> {
  const outcome = await machine.run(args);
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(new RegExp(`^${code} `));
  return outcome;
}

/** Backs the tree up and archives the data packs of the bucket; their keys. */
async function archived(...doubles: readonly S3Double[]): Promise<readonly string[]> {
  const mirrors = doubles.flatMap((double, index) => {
    double.bucket();
    return ['--mirror', `m${index}=${double.url()}`];
  });
  await run(0, 'init', ...mirrors);
  await run(0, 'backup', 'data');
  const bucket = one.bucket();
  const isData = new Set(
    bucket.list().flatMap(([key, { bytes }]) => {
      const isPack = key.startsWith('packs/') && bytes?.subarray(0, 8).toString() === 'VERSIONS';
      return isPack && bytes[9] === 1 ? [key] : [];
    }),
  );
  expect(isData.size).toBeGreaterThan(0);
  return bucket.archive(new RegExp(`^(?:${[...isData].join('|')})$`));
}

const restore = (code: number, ...flags: string[]): Promise<Outcome> =>
  run(code, 'restore', 'latest', '-t', 'back', '--no-owner', '--json', ...flags);
const expectRestored = (): void =>
  expect(treeImage(join(machine.path('back'), machine.path('data')))).toEqual(
    treeImage(machine.path('data')),
  );
const findings = ({ documents }: Outcome): string[] =>
  documents.flatMap(({ type, kind, object }) =>
    type === 'finding' ? [`${String(kind)} ${String(object)}`] : [],
  );

describe('packs in an archive', () => {
  it('are named by verify, which calls nothing damaged, lost or suspect', async () => {
    const keys = await archived(one);
    const verified = await run(0, 'verify', '--level', 'data', '--json');
    expect(findings(verified).toSorted()).toEqual(keys.map((key) => `archived ${key}`).toSorted());
    expect(verified.summary).toMatchObject({ lost: 0 });
    const healed = await run(0, 'heal', '--level', 'data', '--json');
    expect(healed.summary).toMatchObject({ mended: 0, left: 0, lost: 0 });
    const keyless = await run(0, 'verify', '--keyless', '--level', 'data', '--json', one.url());
    expect(keyless.summary).toMatchObject({ lost: 0 });
    const status = await run(0, 'status');
    expect(status.stdout).not.toMatch(/versions heal/);
  });

  it('are asked for by restore, which goes on with the rest and says when to come again', async () => {
    const keys = await archived(one);
    const refused = await restore(3);
    expect(refused.stdout + refused.stderr).toMatch(/CONTENT_ARCHIVED.*\(packs\/[0-9a-f]{2}\//);
    expect(refused.stdout + refused.stderr).not.toMatch(/CONTENT_LOST/);
    expect(refused.summary).toMatchObject({ packsArchived: keys.length, packsAsked: 0 });
    expect(one.requests.some(({ query }) => query.has('restore'))).toBe(false);
    for (const _attempt of ['asked', 'pending']) {
      const asked = await restore(3, '--thaw');
      expect(asked.summary).toMatchObject({ packsAsked: keys.length, filesRestored: 0 });
    }
    one.bucket().finishThaws();
    const done = await restore(0, '--thaw');
    expect(done.summary).toMatchObject({ packsArchived: 0, problems: 0 });
    expectRestored();
    expect((await restore(0)).summary).toMatchObject({ packsArchived: 0 });
  });

  it('are asked for all, on a machine that does not know what is in them', async () => {
    const keys = await archived(one);
    const key = machine.path('home/.config/versions/default.key');
    const elsewhere = ['-r', one.url(), '--key-file', key];
    machine.env = { ...machine.env, HOME: machine.path('elsewhere') };
    const verified = await run(0, 'verify', '--json', ...elsewhere);
    expect(verified.summary).toMatchObject({ lost: 0 });
    const asked = await restore(3, '--thaw', ...elsewhere);
    expect(asked.summary).toMatchObject({ packsArchived: keys.length, packsAsked: keys.length });
    one.bucket().finishThaws();
    await restore(0, ...elsewhere);
    expectRestored();
  });

  it('are read from another mirror, and are a source of healing again once thawed', async () => {
    const keys = await archived(one, two);
    await restore(0);
    expectRestored();
    const [gone = ''] = keys;
    two.bucket().delete(gone, undefined, 0);
    const healed = await run(20, 'heal', '--json');
    expect(healed.summary).toMatchObject({ mended: 0, left: 1, lost: 0 });
    expect(healed.stdout + healed.stderr).toMatch(/COPY_UNREADABLE.*archive/);
    await run(3, 'restore', 'latest', '-t', 'other', '--no-owner', '--thaw');
    one.bucket().finishThaws();
    expect((await run(0, 'heal', '--json')).summary).toMatchObject({ mended: 1, left: 0 });
    expect(two.bucket().get(gone)).toBeDefined();
  });

  it('stop a backup of a machine that cannot know what is stored already', async () => {
    const [first = ''] = await archived(one);
    const key = machine.path('home/.config/versions/default.key');
    machine.env = { ...machine.env, HOME: machine.path('elsewhere') };
    await run(0, 'connect', '--mirror', `m=${one.url()}`, '--key-file', key, '--take-over');
    const refused = await run(22, 'backup', 'data');
    expect(refused.stderr).toMatch(new RegExp(`${first.slice(0, 10)}.* archive`));
    expect(refused.stderr).toMatch(/hint: .*--thaw/);
  });
});
