import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type JsonLine, Machine, type Outcome, outcomeOf } from '../../cli/machine.ts';
import { damageOrder } from '../../support/damage-order.ts';
import { seededBytes } from '../../support/seeded-random.ts';
import { SlowProxy } from '../../support/slow-proxy.ts';
import { treeImage } from '../../support/tree-image.ts';
import { makeBucket, urlOf } from '../buckets.ts';
import type { Service } from '../service.ts';
import { environmentOf, type Services, startServices } from '../services.ts';

/**
 * One story, told in order: three buckets on three servers, a catalog in DynamoDB, and what happens
 * to them. Each step builds on those before.
 */
const bucket = 'story';
const table = 'story';

let services: Services;
/** Before the first server. */
let proxy: SlowProxy;
let home: Machine;
let elsewhere: Machine;
beforeAll(async () => {
  services = await startServices(['minio-1', 'minio-2', 'versitygw', 'dynamodb']);
  for (const name of ['minio-1', 'minio-2', 'versitygw'] as const) {
    await makeBucket(services.get(name), bucket);
  }
  proxy = await SlowProxy.start(services.get('minio-1').endpoint);
  const env = {
    ...environmentOf(services),
    VERSIONS_PASSWORD: 'correct horse',
    VERSIONS_HOST: 'here',
  };
  [home, elsewhere] = [new Machine(), new Machine()];
  home.env = env;
  elsewhere.env = env;
  const files: Record<string, Buffer | string> = {};
  for (let number = 0; number < 120; number += 1) {
    files[`data/large/${number % 7}/${number}.bin`] = seededBytes(`large ${number}`, 2 ** 20);
  }
  for (let number = 0; number < 400; number += 1) {
    const text = `${number} `.repeat(1 + ((number * 37) % 4000));
    files[`data/small/${number % 23}/${number}.txt`] = text;
  }
  await home.write(files);
  chmodSync(home.path('data/small/1'), 0o700);
});
afterAll(async () => {
  home[Symbol.dispose]();
  elsewhere[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await services[Symbol.asyncDispose]();
});

const mirrors = (): string[] =>
  (['minio-1', 'minio-2', 'versitygw'] as const).flatMap((name) => [
    '--mirror',
    `${name}=${urlOf(name === 'minio-1' ? proxy : services.get(name), `${bucket}/below/this`)}`,
  ]);
const catalog = (): string =>
  `dynamodb://${table}?endpoint=${encodeURIComponent(services.get('dynamodb').endpoint)}&region=us-east-1`;

async function run(code: number, ...args: string[]): Promise<Outcome> {
  const outcome = await home.run(args);
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(new RegExp(`^${code} `));
  return outcome;
}

const findings = ({ documents }: Outcome): JsonLine[] =>
  documents.filter(({ type }) => type === 'finding');

async function expectRestored(machine: Machine, ...flags: string[]): Promise<void> {
  const target = machine.path('back');
  const outcome = await machine.run(['restore', 'latest', '-t', target, '--no-owner', ...flags]);
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  const [saved, restored] = [home.path('data'), join(target, home.path('data'))];
  expect(treeImage(restored)).toEqual(treeImage(saved));
  rmSync(target, { recursive: true });
}

/** Files of a server that keeps objects as plain files, in the order in which they are damaged. */
function packFiles(service: Service): readonly string[] {
  const root = join(service.data, bucket, 'below/this/packs');
  if (!existsSync(root)) return [];
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return damageOrder(files, (file) => statSync(file).size);
}

it('a repository is made on three servers, with its catalog in DynamoDB', async () => {
  const made = await run(0, 'init', 'home', ...mirrors(), '--catalog', catalog(), '--json');
  expect(made.summary['mirrors']).toHaveLength(3);
});

it('a server that is killed in mid-run stops no backup, and what it lacks is a debt', async () => {
  const held = proxy.holdAfter(30 * 2 ** 20);
  const ended = outcomeOf(home.start(['backup', 'data', '--json']));
  await held;
  await services.get('minio-1').kill();
  proxy.release();
  const outcome = await ended;
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^3 /);
  expect(outcome.summary).toMatchObject({ mirrorsBehind: ['minio-1'] });
  expect(Number(outcome.summary['debts'])).toBeGreaterThan(0);
});

it('is paid when the server is back, and then nothing is uploaded any more', async () => {
  await services.get('minio-1').start();
  const synced = await run(0, 'mirror', 'sync', '--json');
  expect(synced.summary).toMatchObject({ left: 0, absent: [] });
  expect(Number(synced.summary['objects'])).toBeGreaterThan(0);
  const again = await run(0, 'mirror', 'sync', '--json');
  expect(again.summary).toMatchObject({ objects: 0 });
  const unchanged = await run(0, 'backup', 'data', '--json');
  expect(unchanged.summary).toMatchObject({ filesNew: 0, filesChanged: 0 });
  const verified = await run(0, 'verify', '--level', 'data', '--json');
  expect(verified.summary).toMatchObject({ findings: 0, lost: 0 });
  await expectRestored(home);
});

it('a server that freezes for a while is waited for', async () => {
  await home.write({ 'data/frozen.bin': seededBytes('frozen', 5 * 2 ** 20) });
  const minio = services.get('minio-2');
  minio.signal('SIGSTOP');
  setTimeout(() => minio.signal('SIGCONT'), 8000);
  const outcome = await run(0, 'backup', 'data', '--json');
  expect(outcome.summary).toMatchObject({ filesNew: 1 });
  expect(outcome.summary['mirrorsBehind'] ?? []).toEqual([]);
});

it('damage behind the back of a server is found, named, and healed from the others', async () => {
  const versitygw = services.get('versitygw');
  const [flipped = '', cut = '', gone = '', ...others] = packFiles(versitygw);
  expect(others.length).toBeGreaterThan(3);
  const bytes = readFileSync(flipped);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(flipped, bytes);
  writeFileSync(cut, readFileSync(cut).subarray(0, -100));
  rmSync(gone);
  const verified = await run(20, 'verify', '--level', 'data', '--json');
  const found = findings(verified);
  expect(found.map(({ kind, mirror }) => `${String(kind)} ${String(mirror)}`).toSorted()).toEqual([
    'corrupt versitygw',
    'missing versitygw',
    'truncated versitygw',
  ]);
  await expectRestored(home);
  const healed = await run(0, 'heal', '--json');
  expect(healed.summary).toMatchObject({ mended: 3, left: 0, lost: 0 });
  expect((await run(0, 'verify', '--level', 'data', '--json')).summary).toMatchObject({
    findings: 0,
  });
  expect(readFileSync(flipped).length).toBe(bytes.length);
});

it('whole servers may be gone: one bucket and the password bring everything back', async () => {
  const [, , , , ...one] = mirrors();
  const connected = await elsewhere.run(['connect', 'again', ...one, '--json']);
  expect(`${connected.code} ${connected.stderr}`).toMatch(/^0 /);
  expect(connected.summary).toMatchObject({ snapshots: 3 });
  await expectRestored(elsewhere);
  const place = urlOf(services.get('minio-1'), `${bucket}/below/this`);
  await expectRestored(elsewhere, '-r', place);
});

it('the table of the catalog may be gone: it is made anew from the buckets', async () => {
  const { endpoint } = services.get('dynamodb');
  const region = 'us-east-1';
  const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = home.env;
  const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
  const client = new DynamoDBClient({ endpoint, region, credentials });
  await client.send(new DeleteTableCommand({ TableName: table }));
  client.destroy();
  const refused = await home.run(['backup', 'data']);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/^error: .*\nhint: .*versions /);
  await run(0, 'connect', 'home', '--take-over');
  await home.write({ 'data/after.txt': 'after\n' });
  await run(0, 'backup', 'data');
  await expectRestored(home);
  expect((await run(0, 'snapshots', '--json')).summary).toMatchObject({ snapshots: 4 });
});
