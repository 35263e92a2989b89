import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitErrorIn, Machine, type Outcome, outcomeOf } from '../../cli/machine.ts';
import { S3Double } from '../../support/s3-double/s3-double.ts';
import { seededBytes } from '../../support/seeded-random.ts';
import { treeImage } from '../../support/tree-image.ts';

/** What goes wrong with buckets while the program runs, and what comes of it. */
let machine: Machine;
let one: S3Double;
let two: S3Double;
beforeEach(async () => {
  machine = new Machine();
  one = await S3Double.start();
  two = await S3Double.start({ bytesMax: 60 * 2 ** 20 });
  one.bucket();
  two.bucket();
  machine.env = {
    KEYS_ACCESS_KEY_ID: 'double',
    KEYS_SECRET_ACCESS_KEY: 'double-secret',
    VERSIONS_HOST: 'here',
  };
});
afterEach(async () => {
  machine[Symbol.dispose]();
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
});

async function init(...doubles: readonly S3Double[]): Promise<void> {
  const mirrors = doubles.flatMap((double, index) => [
    '--mirror',
    `m${index}=${double.url()}`,
    '--credentials',
    `m${index}=env:KEYS`,
  ]);
  expect((await machine.run(['init', ...mirrors])).code).toBe(0);
}

const write = async (mebibytes: number, seed = 'a'): Promise<void> => {
  const files: Record<string, Buffer> = {};
  for (let number = 0; number < mebibytes; number += 1) {
    files[`data/${number % 5}/${seed}${number}`] = seededBytes(`${seed}${number}`, 2 ** 20);
  }
  await machine.write(files);
};

/** A backup, and what happens once the first pack is on its way. */
async function backup(inMidRun?: () => Promise<void> | void): Promise<Outcome> {
  const ended = outcomeOf(machine.start(['backup', 'data', '--json']));
  if (inMidRun) {
    const began = Date.now();
    const isSending = (): boolean =>
      [one, two].some(({ requests }) => requests.some(({ key }) => key.startsWith('packs/')));
    while (!isSending() && Date.now() - began < 60_000) await sleep(5);
    await inMidRun();
  }
  return ended;
}

/** The exit code, a space, and what the command said of things that went wrong. */
function endOf({ code, stderr, documents }: Outcome): string {
  const said = documents
    .filter(({ type }) => type !== 'summary')
    .map((line) => JSON.stringify(line));
  return `${code} ${stderr} ${said.join(' ')}`;
}

/** Everything is there, whole, stored under its name once, and comes back. */
async function expectWell(...doubles: readonly S3Double[]): Promise<void> {
  const verified = await machine.run(['verify', '--level', 'data', '--json']);
  expect(endOf(verified)).toMatch(/^0 /);
  expect(verified.summary).toMatchObject({ findings: 0, lost: 0 });
  const outcome = await machine.run(['restore', 'latest', '-t', 'back', '--no-owner']);
  expect(endOf(outcome)).toMatch(/^0 /);
  const restored = join(machine.path('back'), machine.path('data'));
  expect(treeImage(restored)).toEqual(treeImage(machine.path('data')));
  rmSync(machine.path('back'), { recursive: true });
  const [first = [], ...others] = doubles.map((double) =>
    double
      .bucket()
      .list()
      .map(([key]) => key),
  );
  for (const keys of others) expect(keys).toEqual(first);
}

const packPuts = ({ requests }: S3Double): string[] =>
  requests
    .filter(({ method, key }) => method === 'PUT' && key.startsWith('packs/'))
    .map(({ key }) => key);

describe('a backup goes on through', () => {
  it('a storm of 503 and 500', async () => {
    await init(one, two);
    await write(40);
    one.on('any', /(?:)/, { status: 503, code: 'SlowDown' }).after(12).times(30);
    one.on('PUT', /(?:)/, { status: 500, code: 'InternalError' }).times(5);
    expect(endOf(await backup())).toMatch(/^0 /);
    await expectWell(one, two);
  });

  it('an outage of half a minute of its only mirror, with nothing stored twice', async () => {
    await init(one);
    await write(60);
    const outcome = await backup(async () => {
      one.isDown = true;
      one.resetConnections();
      await sleep(30_000);
      one.isDown = false;
    });
    expect(endOf(outcome)).toMatch(/^0 /);
    const answered = new Set(packPuts(one));
    expect(
      one
        .bucket()
        .list()
        .filter(([key]) => key.startsWith('packs/')),
    ).toHaveLength(answered.size);
    await expectWell(one);
  });

  it('every connection reset, and the clock eight hours on: a laptop closed and opened', async () => {
    await init(one, two);
    await write(40);
    const outcome = await backup(() => {
      for (const double of [one, two]) {
        double.skewMs = -8 * 3_600_000;
        double.resetConnections();
      }
    });
    expect(endOf(outcome)).toMatch(/^0 /);
    for (const double of [one, two]) double.skewMs = 0;
    await expectWell(one, two);
  });

  it('answers that are lost after the work was done', async () => {
    await init(one, two);
    await write(30);
    one.on('PUT', /^packs/, { losesAnswer: true }).times(2);
    one.on('PUT', /^journal/, { losesAnswer: true }).times(1);
    expect(endOf(await backup())).toMatch(/^0 /);
    await expectWell(one, two);
  });

  it('credentials that run out, when new ones can be had', async () => {
    await init(one);
    await write(30);
    one
      .on('PUT', /^packs/, { status: 400, code: 'ExpiredToken' })
      .after(1)
      .times(1);
    expect(endOf(await backup())).toMatch(/^0 /);
    await expectWell(one);
  });
});

describe('a backup ends with one clear error, and loses nothing, when', () => {
  it.each([
    ['credentials run out for good', { status: 400, code: 'ExpiredToken' }, /have expired/],
    [
      'the right to write is taken away',
      { status: 403, code: 'AccessDenied' },
      /No permission to write/,
    ],
    ['the bucket is deleted', { status: 404, code: 'NoSuchBucket' }, /There is no bucket/],
    ['the bucket is full', { status: 507, code: 'XMinioStorageFull' }, /No space is left/],
  ] as const)('%s', async (_, fault, message) => {
    await init(one);
    await write(30);
    one.on('PUT', /(?:)/, fault).after(2).always();
    const began = Date.now();
    const outcome = await backup();
    expect([12, 22]).toContain(outcome.code);
    expect(String(exitErrorIn(outcome)?.['message'])).toMatch(message);
    expect(Date.now() - began).toBeLessThan(60_000);
    one.heal();
    const before = packPuts(one).length;
    expect(endOf(await backup())).toMatch(/^0 /);
    expect(packPuts(one).length - before).toBeLessThanOrEqual(5);
    await expectWell(one);
  });
});

describe('a backup to two mirrors ends well but for a debt, when one', () => {
  it('is full', async () => {
    await init(one, two);
    await write(80);
    const outcome = await backup();
    expect(endOf(outcome)).toMatch(/^3 /);
    expect(outcome.summary).toMatchObject({ mirrorsBehind: ['m1'] });
    expect(outcome.stdout + outcome.stderr).toMatch(/No space is left/);
    const status = await machine.run(['status', '--json']);
    expect(status.code).toBe(20);
  });

  it('has no bucket any more', async () => {
    await init(one, two);
    await write(20);
    two.on('any', /(?:)/, { status: 404, code: 'NoSuchBucket' }).always();
    const began = Date.now();
    const outcome = await backup();
    expect(endOf(outcome)).toMatch(/^3 /);
    expect(outcome.stdout + outcome.stderr).toMatch(/There is no bucket/);
    expect(Date.now() - began).toBeLessThan(60_000);
    two.heal();
    expect(endOf(await machine.run(['mirror', 'sync']))).toMatch(/^0 /);
    await expectWell(one, two);
  });
});
