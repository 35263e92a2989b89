import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { exitErrorIn, Machine, type Outcome } from '../../cli/machine.ts';
import { seededBytes } from '../../support/seeded-random.ts';
import { SmallDisk, whyNoSmallDisk } from '../../support/small-disk.ts';
import { treeImage } from '../../support/tree-image.ts';
import { WatchedServer } from '../../support/watched-server.ts';
import { makeBucket, makeUsers, urlOf } from '../buckets.ts';
import { environmentOf, type Services, startServices } from '../services.ts';

/** What real servers are asked, and what comes of it when they fail: everything passes a watcher. */
const names = ['minio-1', 'versitygw', 'dynamodb'] as const;
const mebibytes = 40;
let services: Services;
let machine: Machine;
let minio: WatchedServer;
let gateway: WatchedServer;
let dynamo: WatchedServer;
let count = 0;
beforeAll(async () => {
  services = await startServices(names);
  [minio, gateway, dynamo] = await Promise.all([
    WatchedServer.start(services.get('minio-1').endpoint),
    WatchedServer.start(services.get('versitygw').endpoint),
    WatchedServer.start(services.get('dynamodb').endpoint),
  ]);
});
afterAll(async () => {
  for (const watched of [minio, gateway, dynamo]) await watched[Symbol.asyncDispose]();
  await services[Symbol.asyncDispose]();
});
beforeEach(async () => {
  machine = new Machine();
  machine.env = environmentOf(services);
  const files: Record<string, Buffer> = {};
  for (let number = 0; number < mebibytes; number += 1) {
    files[`data/${number % 5}/${number}`] = seededBytes(`watched ${number}`, 2 ** 20);
  }
  await machine.write(files);
});
afterEach(() => machine[Symbol.dispose]());

async function well(...args: readonly string[]): Promise<Outcome> {
  const outcome = await machine.run([...args, '--json']);
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  return outcome;
}

/** A repository in new buckets of the servers behind the watchers, with more flags. */
async function init(watched: readonly WatchedServer[], ...flags: readonly string[]): Promise<void> {
  count += 1;
  const bucket = `watched-${count}`;
  const mirrors: string[] = [];
  for (const one of watched) {
    await makeBucket(services.get(one === minio ? 'minio-1' : 'versitygw'), bucket);
    mirrors.push('--mirror', `m${mirrors.length}=${urlOf(one, bucket)}`);
  }
  await well('init', ...mirrors, ...flags);
}

async function expectWell(): Promise<void> {
  const { summary } = await well('verify', '--level', 'data');
  expect(summary).toMatchObject({ findings: 0, lost: 0 });
  await well('restore', 'latest', '-t', 'back', '--no-owner');
  const restored = join(machine.path('back'), machine.path('data'));
  expect(treeImage(restored)).toEqual(treeImage(machine.path('data')));
}

/** What a backup asked of each server: stored packs and entries apart from all requests. */
async function asked(watched: readonly WatchedServer[]) {
  for (const { requests } of [...watched, dynamo]) requests.length = 0;
  await well('backup', 'data');
  return watched.map(({ requests }) => {
    const puts = (folder: RegExp): number =>
      requests.filter(({ method, path }) => method === 'PUT' && folder.test(path)).length;
    const entries = puts(/\/journal\//);
    return { stored: puts(/\/(?:packs|payloads)\//) + entries, entries, all: requests.length };
  });
}

// The first backup of a day asks the table for events too: once more, if midnight came in between.
const options = { retry: 1 };
it(
  'a first backup asks each mirror for its packs, its journal and at most 20 requests more, an unchanged one for 20; the table for 5 and its entries',
  options,
  async () => {
    const endpoint = encodeURIComponent(dynamo.endpoint);
    const table = `dynamodb://watched-${count}?endpoint=${endpoint}&region=us-east-1`;
    await init([minio, gateway], '--catalog', table);
    for (const run of ['first', 'unchanged']) {
      const mirrors = await asked([minio, gateway]);
      for (const { stored, all } of mirrors) {
        expect(stored).toBeGreaterThan(0);
        expect(all).toBeLessThanOrEqual(run === 'first' ? stored + 20 : 20);
      }
      const [{ entries } = { entries: 0 }] = mirrors;
      expect(entries).toBeGreaterThan(0);
      expect(dynamo.requests.length).toBeLessThanOrEqual(5 + entries);
    }
    await expectWell();
  },
);

it('a storm of 503 and 500 before a real server is waited out, with nothing stored twice', async () => {
  await init([minio]);
  let seen = 0;
  // Of the first thirty requests, twenty are refused.
  minio.interfere = () => {
    seen += 1;
    if (seen > 30 || seen % 3 === 0) return undefined;
    return seen % 2 === 0
      ? { status: 503, code: 'SlowDown' }
      : { status: 500, code: 'InternalError' };
  };
  const outcome = await machine.run(['backup', 'data', '--json']);
  minio.interfere = () => undefined;
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  expect(seen).toBeGreaterThan(30);
  const { packBytes } = (await well('stats')).summary;
  expect(Number(packBytes)).toBeLessThan(mebibytes * 2 ** 20 * 1.05);
  await expectWell();
});

it('keys that run out in mid-run are asked for again, and are one clear error where there are no others', async () => {
  const [older, newer] = [
    { accessKeyId: 'older-key', secretAccessKey: 'older-secret' },
    { accessKeyId: 'newer-key', secretAccessKey: 'newer-secret' },
  ];
  const bucket = 'watched-keys';
  await makeBucket(services.get('versitygw'), bucket);
  const actions = ['s3:*'];
  await makeUsers(services.get('versitygw'), bucket, [
    { ...older, actions },
    { ...newer, actions },
  ]);
  const print = ({ accessKeyId, secretAccessKey }: typeof older): string =>
    JSON.stringify({ Version: 1, AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey });
  const [once, now, later] = ['asked', 'now.json', 'later.json'].map((name) => machine.path(name));
  await machine.write({ 'now.json': print(older), 'later.json': print(older) });
  // The first time the older ones, then what there is by then.
  const command = `if test -e '${once}'; then cat '${later}'; else touch '${once}'; cat '${now}'; fi`;
  const credentials = ['--credentials', `m=command:${command}`];
  await well('init', '--mirror', `m=${urlOf(gateway, bucket)}`, ...credentials);
  // From the second pack on, and for what bears the older keys.
  let packs = 0;
  gateway.interfere = ({ method, path, keyId }) => {
    if (method === 'PUT' && path.includes('/packs/')) packs += 1;
    if (packs < 2 || keyId !== older.accessKeyId) return undefined;
    return { status: 400, code: 'ExpiredToken' };
  };
  const outcome = await machine.run(['backup', 'data', '--json']);
  expect(outcome.code).toBe(22);
  expect(String(exitErrorIn(outcome)?.['message'])).toMatch(/have expired/);
  packs = 0;
  await machine.write({ 'later.json': print(newer) });
  rmSync(machine.path('asked'));
  gateway.requests.length = 0;
  const renewed = await machine.run(['backup', 'data', '--json']);
  expect(`${renewed.code} ${renewed.stderr}`).toMatch(/^0 /);
  const users = gateway.requests.map(({ keyId }) => keyId);
  expect(new Set(users)).toEqual(new Set([older.accessKeyId, newer.accessKeyId]));
  gateway.interfere = () => undefined;
  await expectWell();
});

const why = whyNoSmallDisk();
it.skipIf(why !== undefined)(
  `a real server whose disk is full is one clear error, and with more room all is well`,
  async () => {
    const server = services.get('versitygw');
    await server.stop();
    using disk = new SmallDisk(server.data, 24 * 2 ** 20);
    await server.start();
    await init([gateway]);
    const outcome = await machine.run(['backup', 'data', '--json']);
    expect(outcome.code).toBe(22);
    expect(String(exitErrorIn(outcome)?.['message'])).toMatch(/No space is left/);
    disk.grow(200 * 2 ** 20);
    await well('backup', 'data');
    await expectWell();
    await server.stop();
  },
);
