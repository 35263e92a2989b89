import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCatalog } from '../../src/core/index.ts';
import { resolveTemplate } from '../support/cloud-template.ts';
import { damageOrder } from '../support/damage-order.ts';
import { isAllowed, rightsOf } from '../support/policy-evaluator.ts';
import { requestsOf, type RecordedCall } from '../support/recorded-call.ts';
import { Emulator, type Ran, root } from './emulator.ts';
import { FarBucket } from './far-bucket.ts';
import { listenTo } from './notice-queue.ts';

const program = process.env['VERSIONS_MINISTACK'] ?? '';
const certificate = {
  cert: process.env['NODE_EXTRA_CA_CERTS'] ?? '',
  key: process.env['VERSIONS_MINISTACK_KEY'] ?? '',
};
const buckets = { one: 'versions-home-one-000000000000', two: 'versions-home-two-000000000000' };
const prefixes = { one: '', two: 'a/part/' };
/** Schedules fire every minute; a machine that does much else takes some of these. */
const waitMsMax = 400_000;
type Name = keyof typeof buckets;
const names: readonly Name[] = ['one', 'two'];

let aws: Emulator;
let s3: S3Client;
let queues: SQSClient;
let far: FarBucket;
beforeAll(async () => {
  far = await FarBucket.start();
  aws = await Emulator.start(program, certificate);
  Object.assign(process.env, aws.env, { PATH: process.env['PATH'] });
  const { endpoint, region, credentials } = aws;
  s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  queues = new SQSClient({ endpoint, region, credentials });
});
afterAll(async () => {
  await aws[Symbol.asyncDispose]();
  await far[Symbol.asyncDispose]();
});

async function well(ran: Promise<Ran>): Promise<Ran> {
  const { code, stdout, stderr } = await ran;
  expect([code, code === 0 ? '' : `${stdout}\n${stderr}`.slice(-5000)]).toEqual([0, '']);
  return { code, stdout, stderr };
}
const cdk = (...args: string[]): Promise<Ran> =>
  well(
    aws.run('cdk', ['--no-notices', '--output', aws.path('cdk.out'), ...args], {
      cwd: `${root}cdk`,
      env: {
        VERSIONS_DEPLOYMENT: `${root}test/deployed/deployment.ts`,
        VERSIONS_TEST_FAR: far.url,
      },
    }),
  );
const catalogUrl = (): string =>
  `dynamodb://versions-home?region=${aws.region}&endpoint=${aws.endpoint}`;
const asClient = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_PROFILE: 'versions-home' };
/** The program, with the rights of the client's role and no others. */
const versions = (...args: string[]): Promise<Ran> =>
  aws.run(process.execPath, [`${root}bin/versions.js`, ...args], {
    env: { ...asClient, ...aws.recorded('client') },
  });

async function get(name: Name, key: string): Promise<Buffer | undefined> {
  try {
    const input = { Bucket: buckets[name], Key: prefixes[name] + key };
    const { Body } = await s3.send(new GetObjectCommand(input));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  } catch {
    return undefined;
  }
}
async function keysOf(name: Name): Promise<string[]> {
  const input = { Bucket: buckets[name], Prefix: prefixes[name] };
  const { Contents = [] } = await s3.send(new ListObjectsV2Command(input));
  return Contents.map(({ Key = '' }) => Key.slice(prefixes[name].length));
}
/** Every version: so that nothing is left to bring it back from. */
async function destroy(name: Name, key: string): Promise<void> {
  const at = { Bucket: buckets[name], Prefix: prefixes[name] + key };
  const { Versions = [] } = await s3.send(new ListObjectVersionsCommand(at));
  for (const { Key, VersionId } of Versions) {
    await s3.send(new DeleteObjectCommand({ Bucket: buckets[name], Key, VersionId }));
  }
}
/** Other bytes, and no version of the right ones. */
async function replace(name: Name, key: string, bytes: Uint8Array): Promise<void> {
  await destroy(name, key);
  const at = { Bucket: buckets[name], Key: prefixes[name] + key };
  await s3.send(new PutObjectCommand({ ...at, Body: bytes }));
}
/** The middle half is damaged: also the smallest object has one. */
function spoiled(whole: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.from(whole);
  const middle = bytes.subarray(bytes.length >> 2, (3 * bytes.length) >> 2);
  for (const [at, byte] of middle.entries()) middle[at] = byte ^ 0xff;
  return bytes;
}
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + waitMsMax; Date.now() < deadline; await sleep(2000)) {
    if (await isSo()) return;
  }
  throw new Error(`It did not come so far that ${what}:\n${aws.log.slice(-6000)}`);
}

const packs: string[] = [];
const before = new Map<string, Buffer>();
let told: () => Promise<string>;

describe('docs/deploy.md', () => {
  it('deploys in two commands', async () => {
    await cdk('bootstrap', `aws://000000000000/${aws.region}`);
    await cdk('deploy', '--all', '--require-approval', 'never', '-O', aws.path('outputs.json'));
    await mkdir(aws.path('home/.aws'));
    await writeFile(
      aws.path('home/.aws/config'),
      [
        '[profile versions-home]',
        'role_arn = arn:aws:iam::000000000000:role/versions-home-client',
        'source_profile = account',
        `region = ${aws.region}`,
        '[profile account]',
        'aws_access_key_id = test',
        'aws_secret_access_key = test',
        ...far.profile('far'),
        '',
      ].join('\n'),
    );
    const topic = `arn:aws:sns:${aws.region}:000000000000:versions-home`;
    told = await listenTo(topic, aws, queues);
    const { endpoint, region, credentials } = aws;
    const secrets = new SecretsManagerClient({ endpoint, region, credentials });
    for (const role of ['reader', 'healer'] as const) {
      const SecretId = `versions/home/far/${role}`;
      const SecretString = JSON.stringify(far[role]);
      await secrets.send(new PutSecretValueCommand({ SecretId, SecretString }));
    }
    secrets.destroy();
    expect(readFileSync(aws.path('outputs.json'), 'utf8')).toContain('Repository');
  });

  it('makes a repository there with the rights of the client, and saves', async () => {
    await mkdir(aws.path('data'));
    for (let number = 0; number < 3; number += 1) {
      await writeFile(aws.path('data', `file ${number}`), randomBytes(20_000_000));
    }
    const credentials = ['--credentials', 'far=profile:far'];
    await well(versions('init', '--from-cdk-outputs', 'outputs.json', ...credentials));
    await well(versions('backup', 'data'));
    expect((await keysOf('one')).toSorted()).toEqual((await keysOf('two')).toSorted());
    const stored = (await keysOf('one')).filter((key) => key.startsWith('packs/'));
    for (const key of stored) before.set(key, (await get('one', key)) ?? Buffer.alloc(0));
    packs.push(...damageOrder(stored, (key) => before.get(key)?.length ?? 0));
    expect(packs.length).toBeGreaterThan(3);
    for (const key of packs) expect(far.read(key)).toEqual(before.get(key));
  });

  it('lets the client destroy nothing, whatever it tries', async () => {
    const script = `
      import * as sdk from '@aws-sdk/client-s3';
      const client = new sdk.S3Client({ forcePathStyle: true });
      const Bucket = '${buckets.one}';
      const at = { Bucket, Key: '${packs[3]}' };
      const { Versions: [{ VersionId }] } =
        await client.send(new sdk.ListObjectVersionsCommand({ Bucket, Prefix: at.Key }));
      const until = { Mode: 'GOVERNANCE', RetainUntilDate: new Date() };
      const rules = [{ ID: 'all', Status: 'Enabled', Filter: {}, Expiration: { Days: 1 } }];
      for (const command of [
        new sdk.DeleteObjectCommand(at),
        new sdk.DeleteObjectCommand({ ...at, VersionId }),
        new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: at.Key, VersionId }] } }),
        new sdk.PutObjectRetentionCommand({ ...at, BypassGovernanceRetention: true, Retention: until }),
        new sdk.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } }),
        new sdk.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: rules } }),
        new sdk.DeleteBucketPolicyCommand({ Bucket }),
        new sdk.PutObjectCommand({ ...at, Key: 'quarantine/' + at.Key, Body: 'x' }),
      ]) {
        const { name } = await client.send(command).then(
          ({ Errors }) => ({ name: Errors?.[0]?.Code ?? 'done' }), (error) => error);
        console.log(command.constructor.name, name);
      }
      await client.send(new sdk.PutObjectCommand({ ...at, Body: 'Pay me' }));
      const { Body } = await client.send(new sdk.GetObjectCommand({ ...at, VersionId }));
      console.log((await Body.transformToByteArray()).length);
    `;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await well(aws.run(process.execPath, args, { cwd: root, env: asClient }));
    const lines = stdout.trim().split('\n');
    // What it wrote over lies below, and comes back in the next step.
    expect(lines.pop()).toBe(String(before.get(packs[3] ?? '')?.length));
    expect(lines).toHaveLength(8);
    for (const line of lines) expect(line).toMatch(/Command AccessDenied$/);
    for (const role of ['reader', 'healer'] as const) {
      const { put, remove } = await far.attempts(far[role], packs[3] ?? '');
      expect([role, put, remove]).toEqual([
        role,
        role === 'healer' ? 'done' : 'AccessDenied',
        'AccessDenied',
      ]);
    }
  });

  it('reads everything without being told to', async () => {
    await using catalog = await openCatalog(catalogUrl());
    expect(packs.length).toBeGreaterThan(3);
    await until('every copy was read', async () => {
      let read = 0;
      for await (const { object, lastVerified } of catalog.ledger.copies({ state: 'stored' })) {
        if (object.startsWith('packs/') && lastVerified !== undefined) read += 1;
      }
      return read === (names.length + 1) * packs.length;
    });
  });

  it('heals by schedule what is damaged and what is gone, and tells of what is lost', async () => {
    const [damaged = '', gone = '', lost = '', overwritten = ''] = packs;
    const bytes = spoiled(before.get(damaged));
    await replace('one', damaged, bytes);
    await destroy('two', gone);
    const entry = (await keysOf('two')).find((key) => key.startsWith('journal/')) ?? '';
    const entryBytes = (await get('two', entry)) ?? Buffer.alloc(0);
    await replace('two', entry, spoiled(entryBytes));
    for (const name of names) await destroy(name, lost);
    far.remove(lost);
    far.remove(damaged);
    far.replace(gone, bytes.subarray(0, bytes.length >> 1));
    // As if a month had passed: all of them are due.
    await using catalog = await openCatalog(catalogUrl());
    const due: Parameters<typeof catalog.ledger.setDue>[0][number][] = [];
    for await (const { object, mirror } of catalog.ledger.copies()) {
      due.push({ object, mirror, nextDue: Date.now() });
    }
    expect(due.length).toBeGreaterThanOrEqual(3 * packs.length);
    await catalog.ledger.setDue(due);
    // An event is written after the bytes: it is what comes last.
    const wanted = [
      `healed ${damaged} healer of one`,
      `healed ${gone} healer of two`,
      `healed ${entry} healer of two`,
      `healed ${damaged} healer of far`,
      `healed ${gone} healer of far`,
      `healed ${overwritten} healer of one`,
    ];
    await until('everything is healed', async () => {
      const events = await catalog.ledger.events(1000);
      const seen = new Set(events.map(({ kind, object, by }) => `${kind} ${object} ${by}`));
      return wanted.every((each) => seen.has(each));
    });
    await until('all know that no copy is left', async () => {
      const copies = await catalog.ledger.copiesOf(lost);
      return copies.length === 3 && copies.every(({ state }) => state === 'absent');
    });
    expect(await get('two', entry)).toEqual(entryBytes);
    const aside = (await keysOf('one')).filter((each) => each.startsWith('quarantine/'));
    const asideOf = [damaged, overwritten].map((key) => aside.filter((each) => each.includes(key)));
    for (const each of asideOf) expect(each).not.toEqual([]);
    expect(asideOf.flat().toSorted()).toEqual(aside.toSorted());
    for (const each of packs.filter((key) => key !== lost)) {
      for (const name of names) expect(await get(name, each)).toEqual(before.get(each));
      expect(far.read(each)).toEqual(before.get(each));
    }
    await until('somebody was told', async () => (await told()).includes('no good copy'));
    expect(await told()).toContain(lost);
    // No function was refused anything.
    expect(aws.log).not.toMatch(/AccessDenied|not authorized/);
  });

  it('tells the story in versions status', async () => {
    const { stdout, code } = await versions('status', '--json');
    const lines = stdout.trim().split('\n');
    const summary = JSON.parse(lines.at(-1) ?? '{}') as {
      packsByCopies: number[];
      events: Record<string, number>;
    };
    expect(summary.events['healed']).toBeGreaterThanOrEqual(5);
    expect(summary.events['lost']).toBeGreaterThanOrEqual(1);
    const page = (await versions('status')).stdout;
    expect(page).toMatch(/events of the last 30 days: .*\d+ healed/);
    expect(page).toContain('healer of far: Copied from ');
    expect([code, summary.packsByCopies]).toEqual([21, [1, 0, 0, packs.length - 1]]);
    // Somebody had a copy after all.
    const [lost = ''] = packs.slice(2);
    const at = { Bucket: buckets.one, Key: prefixes.one + lost };
    await s3.send(new PutObjectCommand({ ...at, Body: before.get(lost) ?? '' }));
    await well(versions('restore', 'latest', '-t', 'back'));
    for (let number = 0; number < 3; number += 1) {
      const path = aws.path('data', `file ${number}`);
      expect(readFileSync(aws.path('back') + path).equals(readFileSync(path))).toBe(true);
    }
  });

  it('made no call that its policies do not allow, partitions and attributes of the table included', () => {
    const place = { account: '000000000000', region: aws.region, queues: aws.endpoint };
    const resources = readdirSync(aws.path('cdk.out'))
      .filter((name) => name.endsWith('.template.json'))
      .flatMap((name) =>
        resolveTemplate(
          JSON.parse(readFileSync(aws.path('cdk.out', name), 'utf8')) as Record<string, unknown>,
          place,
        ),
      );
    const roleOf = new Map(
      resources.flatMap(({ type, properties }) => {
        const { FunctionName: name, Role: role } = properties;
        const own = String(role).split('/').at(-1) ?? '';
        return type === 'AWS::Lambda::Function' ? [[String(name), own] as const] : [];
      }),
    ).set('client', 'versions-home-client');
    const { host } = new URL(aws.endpoint);
    const seen = new Map<string, number>();
    const refused = new Set<string>();
    for (const line of readFileSync(aws.calls, 'utf8').trim().split('\n')) {
      const call = JSON.parse(line) as RecordedCall;
      const role = roleOf.get(call.who);
      if (call.at !== host || role === undefined) continue;
      const rights = rightsOf(role, resources);
      for (const request of requestsOf(call, place)) {
        const what = `${call.who} ${request.action}`;
        seen.set(what, (seen.get(what) ?? 0) + 1);
        // `init` tries out what it may do there, and may not: that is what it wants to know.
        if (request.resource.includes('/quarantine/probe-')) continue;
        if (!isAllowed(rights, request)) refused.add(`${what} ${JSON.stringify(request)}`);
      }
    }
    expect([...refused]).toEqual([]);
    const callers = new Set([...seen.keys()].map((what) => what.split(' ')[0] ?? ''));
    expect([...callers].toSorted()).toEqual([...roleOf.keys()].toSorted());
    for (const what of [
      'client s3:PutObject',
      'client dynamodb:PutItem',
      'versions-home-planner sqs:SendMessage',
      'versions-home-verifier-one dynamodb:UpdateItem',
      'versions-home-verifier-far secretsmanager:GetSecretValue',
      'versions-home-healer-two s3:PutObject',
      'versions-home-reporter sns:Publish',
    ])
      expect([...seen.keys()]).toContain(what);
  });

  it('goes away again, and leaves what is stored', async () => {
    await cdk('destroy', '--force', 'versions-home-alarms', 'versions-home-verification');
    expect((await keysOf('one')).length).toBeGreaterThan(packs.length);
    await well(versions('snapshots'));
  });
});
