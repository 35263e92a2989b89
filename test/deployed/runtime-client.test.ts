import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Deployment } from '../../cdk/deployment-type.ts';
import {
  type Catalog,
  decodeMarker,
  encodeWork,
  type LedgerCopy,
  openCatalog,
} from '../../src/core/index.ts';
import { Machine } from '../cli/machine.ts';
import { clientOf, makeBucket } from '../services/buckets.ts';
import { installRuntimeClient } from '../services/programs.ts';
import { credentials, type Service } from '../services/service.ts';
import { environmentOf, type Services, startServices } from '../services/services.ts';
import { damageOrder } from '../support/damage-order.ts';
import { seededBytes } from '../support/seeded-random.ts';
import { SlowProxy } from '../support/slow-proxy.ts';
import { treeImage } from '../support/tree-image.ts';
import { Emulator } from './emulator.ts';
import { deployment as deployed } from './deployment.ts';
import type { Invoked, LambdaProcess } from './lambda-process.ts';
import { listenTo } from './notice-queue.ts';
import { RuntimeWorld } from './runtime-world.ts';

/**
 * The bundles of a synthesised deployment under the runtime client of AWS: mirrors on MinIO and
 * versitygw, the catalog in DynamoDB Local; queues, topic and secrets in an emulator of AWS. One
 * story, told in order.
 */
const bucket = 'watched';
type Name = 'minio' | 'gateway';
let services: Services;
let proxy: SlowProxy;
let aws: Emulator;
let world: RuntimeWorld;
let machine: Machine;
let minio: S3Client;
let catalog: Catalog;
let told: () => Promise<string>;
/** Every object that both mirrors hold. */
let objects: readonly string[];
const whole = new Map<string, Buffer>();
const ids = new Map<Name, ReturnType<typeof decodeMarker>>();

beforeAll(async () => {
  const client = await installRuntimeClient();
  [services, aws] = await Promise.all([
    startServices(['minio-1', 'versitygw', 'dynamodb']),
    Emulator.start(process.env['VERSIONS_MINISTACK'] ?? '', {
      cert: process.env['NODE_EXTRA_CA_CERTS'] ?? '',
      key: process.env['VERSIONS_MINISTACK_KEY'] ?? '',
    }),
  ]);
  Object.assign(process.env, environmentOf(services));
  proxy = await SlowProxy.start(services.get('minio-1').endpoint);
  const urls = {
    minio: `s3://${bucket}?region=us-east-1&endpoint=${encodeURIComponent(proxy.endpoint)}&lock-mode=governance&lock-days=1`,
    gateway: `s3://${bucket}/a/part?region=us-east-1&endpoint=${encodeURIComponent(gateway().endpoint)}`,
  };
  await makeBucket(services.get('minio-1'), bucket, { lock: true });
  await makeBucket(gateway(), bucket);
  minio = clientOf(services.get('minio-1'));
  machine = new Machine();
  machine.env = environmentOf(services);
  for (let number = 0; number < 6; number += 1) {
    await machine.write({ [`data/${number}`]: seededBytes(`file ${number}`, 15 * 2 ** 20) });
  }
  const { endpoint } = services.get('dynamodb');
  const table = `dynamodb://versions-home?region=eu-central-1&endpoint=${encodeURIComponent(endpoint)}`;
  const mirrors = Object.entries(urls).flatMap(([name, url]) => ['--mirror', `${name}=${url}`]);
  await well('init', 'home', ...mirrors, '--catalog', table);
  await well('backup', 'data');
  catalog = await openCatalog(table);
  const deployment: Deployment = {
    ...deployed,
    mirrors: Object.entries(urls).map(([name, url]) => ({
      kind: 'other',
      name,
      url: url.replace('lock-days=1', 'lock-days=40'),
      price: 'b2',
    })),
  };
  world = await RuntimeWorld.make(aws, deployment, {
    client,
    env: { AWS_ENDPOINT_URL_DYNAMODB: endpoint },
    secret: JSON.stringify(credentials),
  });
  told = await listenTo(`arn:aws:sns:${aws.region}:000000000000:versions-home`, aws, world.queues);
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await catalog[Symbol.asyncDispose]();
  minio.destroy();
  machine[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
  await aws[Symbol.asyncDispose]();
  await services[Symbol.asyncDispose]();
});

const gateway = (): Service => services.get('versitygw');
/** The gateway keeps objects as plain files. */
const fileOf = (key: string): string => join(gateway().data, bucket, 'a/part', key);
const flip = (key: string): void => {
  const bytes = Buffer.from(whole.get(key) ?? '');
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(fileOf(key), bytes);
};
async function well(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await machine.run(args);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  return stdout;
}
async function copies(name: Name): Promise<readonly LedgerCopy[]> {
  const found: LedgerCopy[] = [];
  const mirror = ids.get(name)?.mirror;
  for await (const copy of catalog.ledger.copies({ mirror })) found.push(copy);
  return found;
}
async function healedOf(object: string): Promise<number> {
  const events = await catalog.ledger.events(1000);
  return events.filter((event) => event.kind === 'healed' && event.object === object).length;
}
const packs = (): readonly string[] =>
  damageOrder(
    objects.filter((key) => key.startsWith('packs/')),
    (key) => whole.get(key)?.length ?? 0,
  );
function workFor(name: Name, keys: readonly string[]): string {
  const { repository, mirror } = ids.get(name) ?? {};
  if (repository === undefined || mirror === undefined) throw new Error(`${name} has no marker`);
  return encodeWork({ repository, mirror, copies: keys.map((object) => ({ object, bytes: 0 })) });
}
const plan = async (): Promise<Invoked> => {
  const planner = await world.lambda('planner');
  return planner.invoke({}, 60_000);
};
const healed = (lambda: LambdaProcess): number =>
  lambda.lines('healed').reduce((sum, { healed: count }) => sum + Number(count), 0);

it('planner and verifiers read every copy once, and ask nobody to heal', async () => {
  const root = `${fileOf('')}/`;
  objects = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .toSorted();
  for (const key of objects) whole.set(key, readFileSync(fileOf(key)));
  await catalog.ledger.setLife(packs().slice(0, 1), 'condemned');
  const planned = await plan();
  expect(planned).toMatchObject({ answer: { repository: true } });
  for (const name of ['minio', 'gateway'] as const) {
    const verifier = await world.lambda(`verifier-${name}`);
    const worked = await world.drain(`verify-${name}`, verifier);
    expect(worked.length).toBeGreaterThan(0);
    expect(worked.flatMap(({ failed }) => failed)).toEqual([]);
    expect(await world.receive(`heal-${name}`)).toEqual([]);
  }
  const seen = await catalog.ledger.copiesOf('mirror');
  expect(seen.map(({ lastVerified }) => typeof lastVerified)).toEqual(['number', 'number']);
  ids.set('gateway', decodeMarker(whole.get('mirror') ?? Buffer.alloc(0)));
  const [first, second] = seen.map(({ mirror }) => mirror);
  const gatewayMarker = ids.get('gateway');
  if (gatewayMarker === undefined || first === undefined || second === undefined) throw new Error();
  const other = first === gatewayMarker.mirror ? second : first;
  ids.set('minio', { ...gatewayMarker, mirror: other });
  for (const name of ['minio', 'gateway'] as const) {
    const known = await copies(name);
    expect(known.map(({ object }) => object)).toEqual(objects);
    for (const { state, lastVerified } of known) {
      expect([state, typeof lastVerified]).toEqual(['stored', 'number']);
    }
  }
  expect(packs().length).toBeGreaterThan(4);
  // Nothing is due any more.
  expect(await plan()).toMatchObject({ answer: { plan: { copies: 0 } } });
});

it('a verifier locks anew what is good, and lets go what is condemned', async () => {
  const day = 86_400_000;
  const daysLeft = async (Key: string): Promise<number> => {
    const answer = await minio.send(new GetObjectRetentionCommand({ Bucket: bucket, Key }));
    return ((answer.Retention?.RetainUntilDate?.getTime() ?? 0) - Date.now()) / day;
  };
  const [condemned = '', ...kept] = packs();
  // As the backup locked it.
  expect(Math.round(await daysLeft(condemned))).toBe(1);
  for (const key of kept) expect(Math.round(await daysLeft(key))).toBe(40);
  const earlier = new PutObjectRetentionCommand({
    Bucket: bucket,
    Key: kept[0],
    Retention: { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + day) },
  });
  await expect(minio.send(earlier)).rejects.toThrow(/WORM|lock|denied/i);
  await catalog.ledger.setLife([condemned], 'live');
  const log = (await world.lambda('verifier-minio')).log;
  expect(log).toContain('LocksExtended');
});

it('a poisonous message fails alone, and ends where an alarm sees it', async () => {
  const poison = ['no work at all', '{"version":99}'];
  const [pack = ''] = packs();
  for (const body of [...poison, workFor('gateway', [pack])])
    await world.send('verify-gateway', body);
  const verifier = await world.lambda('verifier-gateway');
  const first = await world.work('verify-gateway', verifier, { batch: 10 });
  expect(first?.records).toHaveLength(3);
  expect(first?.failed.toSorted()).toEqual(poison.toSorted());
  await world.work('verify-gateway', verifier, { batch: 10 });
  const third = await world.work('verify-gateway', verifier, { batch: 10 });
  expect(third?.records.map(({ attributes }) => attributes.ApproximateReceiveCount)).toEqual([
    '3',
    '3',
  ]);
  expect(await world.work('verify-gateway', verifier, { batch: 10 })).toBeUndefined();
  const dead = await world.receive('verify-gateway-dead');
  expect(dead.map(({ Body = '' }) => Body).toSorted()).toEqual(poison.toSorted());
  const codes = verifier.lines('problem').map(({ code }) => code);
  expect(new Set(codes)).toEqual(new Set(['WORK_INVALID', 'WORK_TOO_NEW']));
});

it('a verifier that runs out of time puts the rest back as new work', async () => {
  const keys = [...objects, ...objects].slice(0, 20);
  const before = Date.now();
  await world.send('verify-minio', workFor('minio', keys));
  // Two at once and one read each are twelve seconds for all of them, however fast the machine is: a
  // function that has ten cannot do it at once. What locks them is not slowed down: that is some
  // requests before the first.
  proxy.isDelayed = (sent) => sent.toString('latin1', 0, 1024).includes('x-id=GetObject ');
  proxy.delayMs = Math.ceil(24_000 / new Set(keys).size);
  const verifier = await world.lambda('verifier-minio');
  let [runs, putBack] = [0, 0];
  for (; runs < 30; runs += 1) {
    const worked = await world.work('verify-minio', verifier, { timeoutMs: 10_000 });
    if (worked === undefined) break;
    const isNew = worked.records[0]?.attributes.ApproximateReceiveCount === '1';
    if (runs > 0 && isNew) putBack += 1;
  }
  proxy.delayMs = 0;
  expect(runs).toBeGreaterThan(1);
  expect(putBack).toBeGreaterThan(0);
  const read = (await copies('minio')).filter(({ lastVerified = 0 }) => lastVerified >= before);
  expect(read.map(({ object }) => object)).toEqual([...new Set(keys)].toSorted());
  expect(await world.receive('verify-minio-dead')).toEqual([]);
});

it('work stays in the queue while a mirror hangs, and when a function is killed at it', async () => {
  const [pack = ''] = packs();
  const before = Date.now();
  await world.send('verify-gateway', workFor('gateway', [pack]));
  const verifier = await world.lambda('verifier-gateway');
  gateway().signal('SIGSTOP');
  const hung = await world.work('verify-gateway', verifier, { timeoutMs: 4000 });
  expect(hung?.failed).toHaveLength(1);
  const { begun } = verifier;
  const killing = world.work('verify-gateway', verifier);
  while (verifier.begun === begun) await sleep(10);
  verifier.kill();
  const killed = await killing;
  expect([killed?.invoked.outcome, killed?.failed.length]).toEqual(['ended', 1]);
  gateway().signal('SIGCONT');
  const done = await world.work('verify-gateway', verifier);
  expect([done?.invoked.outcome, done?.failed]).toEqual(['answered', []]);
  const own = (await copies('gateway')).find(({ object }) => object === pack);
  expect(own?.state).toBe('stored');
  expect(own?.lastVerified).toBeGreaterThanOrEqual(before);
});

it('heals each copy once, though two healers race and a message comes three times', async () => {
  const bad = packs().slice(0, 5);
  const [gone = '', ...flipped] = bad;
  rmSync(fileOf(gone));
  for (const key of flipped) flip(key);
  await world.send('verify-gateway', workFor('gateway', bad));
  await world.drain('verify-gateway', await world.lambda('verifier-gateway'));
  const [asked] = await world.receive('heal-gateway');
  for (let times = 0; times < 2; times += 1) await world.send('heal-gateway', asked?.Body ?? '');
  const healers = await Promise.all(
    [1, 2].map((instance) => world.lambda('healer-gateway', { instance })),
  );
  const raced = await Promise.all(healers.map((healer) => world.work('heal-gateway', healer)));
  for (const worked of raced) {
    expect([worked?.invoked.outcome, worked?.failed]).toEqual(['answered', []]);
  }
  expect(healers.reduce((sum, healer) => sum + healed(healer), 0)).toBe(bad.length);
  await world.send('heal-gateway', asked?.Body ?? '');
  await world.drain('heal-gateway', await world.lambda('healer-gateway'));
  for (const key of bad) {
    expect(readFileSync(fileOf(key)).equals(whole.get(key) ?? Buffer.alloc(0))).toBe(true);
    expect(await healedOf(key)).toBe(1);
  }
});

it('pays what a mirror is owed, from the other one', async () => {
  const [, , pack = ''] = packs();
  const { mirror } = ids.get('minio') ?? {};
  if (mirror === undefined) throw new Error('No marker');
  await minio.send(new DeleteObjectCommand({ Bucket: bucket, Key: pack }));
  await catalog.ledger.setState(pack, mirror, 'debt', Date.now());
  expect(await plan()).toMatchObject({ answer: { debts: 1 } });
  const worked = await world.drain('heal-minio', await world.lambda('healer-minio'));
  expect(worked.flatMap(({ failed }) => failed)).toEqual([]);
  const events = await catalog.ledger.events(1);
  expect(events).toMatchObject([{ kind: 'paid', object: pack, by: 'healer of minio' }]);
});

it('tells people of what is lost and of a silent machine, once', async () => {
  const [lost = ''] = packs();
  rmSync(fileOf(lost));
  // The owner of the server may: every version, so that none is left to bring it back from.
  const { Versions = [] } = await minio.send(
    new ListObjectVersionsCommand({ Bucket: bucket, Prefix: lost }),
  );
  for (const { VersionId } of Versions) {
    const at = { Bucket: bucket, Key: lost, VersionId };
    await minio.send(new DeleteObjectCommand({ ...at, BypassGovernanceRetention: true }));
  }
  await world.send('heal-gateway', workFor('gateway', [lost]));
  await world.drain('heal-gateway', await world.lambda('healer-gateway'));
  const settings = JSON.parse(world.settings('reporter')) as object;
  // A promise of a second, which the backup above has broken by now.
  const impatient = JSON.stringify({ ...settings, silentAfterHours: 1 / 3600 });
  const reporter = await world.lambda('reporter', { env: { VERSIONS_SETTINGS: impatient } });
  const first = await reporter.invoke({ count: true }, 60_000);
  expect(first).toMatchObject({ outcome: 'answered', answer: { repository: true } });
  const { sent } = (first as { answer: { sent: readonly string[] } }).answer;
  expect(sent).toEqual([
    'Versions home: 1 objects have no good copy',
    'Versions home: 1 clients are silent',
  ]);
  let heard = '';
  for (let tries = 0; tries < 100 && !heard.includes('have saved before'); tries += 1) {
    if (tries > 0) await sleep(100);
    heard = await told();
  }
  expect(heard).toContain(lost);
  expect(heard).toContain('have saved before');
  expect(await reporter.invoke({ count: false }, 60_000)).toMatchObject({ answer: { sent: [] } });
  // Somebody had a copy: one mirror gets it back by hand, the other by the healer.
  writeFileSync(fileOf(lost), whole.get(lost) ?? '');
  await world.send('heal-minio', workFor('minio', [lost]));
  const back = await world.drain('heal-minio', await world.lambda('healer-minio'));
  expect(back.flatMap(({ failed }) => failed)).toEqual([]);
});

it('a function that was told nonsense says so before it takes an event', async () => {
  const env = { VERSIONS_SETTINGS: '{}' };
  const planner = await world.lambda('planner', { instance: 2, env });
  const { outcome, answer } = (await planner.invoke({}, 30_000)) as Record<string, unknown>;
  expect(outcome).toBe('failed');
  expect(JSON.stringify(answer)).toContain('VERSIONS_SETTINGS');
});

it('everything comes back, byte for byte, and both mirrors are whole', async () => {
  expect(await well('verify', '--level', 'data', '--json')).toContain('"findings":0');
  await well('restore', 'latest', '-t', 'back', '--no-owner');
  const restored = join(machine.path('back'), machine.path('data'));
  expect(treeImage(restored)).toEqual(treeImage(machine.path('data')));
});
