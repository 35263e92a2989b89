import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
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
import { SubscribeCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCatalog } from '../../src/core/index.ts';
import { Emulator, type Ran, root } from './emulator.ts';

const program = process.env['VERSIONS_MINISTACK'] ?? '';
const certificate = {
  cert: process.env['NODE_EXTRA_CA_CERTS'] ?? '',
  key: process.env['VERSIONS_MINISTACK_KEY'] ?? '',
};
const buckets = { one: 'versions-home-one-000000000000', two: 'versions-home-two-000000000000' };
const prefixes = { one: '', two: 'a/part/' };
type Name = keyof typeof buckets;
const names: readonly Name[] = ['one', 'two'];

let aws: Emulator;
let s3: S3Client;
let queues: SQSClient;
beforeAll(async () => {
  aws = await Emulator.start(program, certificate);
  Object.assign(process.env, aws.env, { PATH: process.env['PATH'] });
  const { endpoint, region } = aws;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  queues = new SQSClient({ endpoint, region, credentials });
});
afterAll(async () => {
  await aws[Symbol.asyncDispose]();
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
      env: { VERSIONS_DEPLOYMENT: `${root}test/deployed/deployment.ts` },
    }),
  );
const catalogUrl = (): string =>
  `dynamodb://versions-home?region=${aws.region}&endpoint=${aws.endpoint}`;
const asClient = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_PROFILE: 'versions-home' };
/** The program, with the rights of the client's role and no others. */
const versions = (...args: string[]): Promise<Ran> =>
  aws.run(process.execPath, [`${root}bin/versions.js`, ...args], {
    env: asClient,
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
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 150; tries += 1) {
    if (await isSo()) return;
    await sleep(2000);
  }
  throw new Error(`It did not come so far that ${what}:\n${aws.log.slice(-6000)}`);
}

const fromTopics = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: '*',
    },
  ],
});
const packs: string[] = [];
const before = new Map<string, Buffer>();
let notices: string;

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
        '',
      ].join('\n'),
    );
    const { QueueUrl = '' } = await queues.send(
      new CreateQueueCommand({ QueueName: 'notices', Attributes: { Policy: fromTopics } }),
    );
    notices = QueueUrl;
    const wanted = { QueueUrl, AttributeNames: ['QueueArn' as const] };
    const { Attributes } = await queues.send(new GetQueueAttributesCommand(wanted));
    const { endpoint, region } = aws;
    const topics = new SNSClient({
      endpoint,
      region,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    await topics.send(
      new SubscribeCommand({
        TopicArn: `arn:aws:sns:${region}:000000000000:versions-home`,
        Protocol: 'sqs',
        Endpoint: Attributes?.QueueArn,
      }),
    );
    topics.destroy();
    expect(readFileSync(aws.path('outputs.json'), 'utf8')).toContain('Repository');
  });

  it('makes a repository there with the rights of the client, and saves', async () => {
    await mkdir(aws.path('data'));
    for (let number = 0; number < 3; number += 1) {
      await writeFile(aws.path('data', `file ${number}`), randomBytes(20_000_000));
    }
    await well(versions('init', '--from-cdk-outputs', 'outputs.json'));
    await well(versions('backup', 'data'));
    expect((await keysOf('one')).toSorted()).toEqual((await keysOf('two')).toSorted());
    packs.push(...(await keysOf('one')).filter((key) => key.startsWith('packs/')));
    expect(packs.length).toBeGreaterThan(3);
    for (const key of packs) before.set(key, (await get('one', key)) ?? Buffer.alloc(0));
  });

  it('gives the client no right to delete', async () => {
    const script = `
      import { DeleteObjectCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
      const client = new S3Client({ forcePathStyle: true });
      const at = { Bucket: '${buckets.one}', Key: '${packs[0]}' };
      await client.send(new GetObjectCommand(at));
      await client.send(new DeleteObjectCommand(at)).catch(({ name }) => console.log(name));
    `;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await well(aws.run(process.execPath, args, { cwd: root, env: asClient }));
    expect(stdout.trim()).toBe('AccessDenied');
  });

  it('reads everything without being told to', async () => {
    await using catalog = await openCatalog(catalogUrl());
    expect(packs.length).toBeGreaterThan(3);
    await until('every copy was read', async () => {
      let read = 0;
      for await (const { object, lastVerified } of catalog.ledger.copies({ state: 'stored' })) {
        if (object.startsWith('packs/') && lastVerified !== undefined) read += 1;
      }
      return read === names.length * packs.length;
    });
  });

  it('heals by schedule what is damaged and what is gone, and tells of what is lost', async () => {
    const [damaged = '', gone = '', lost = ''] = packs;
    const bytes = Buffer.from(before.get(damaged) ?? '');
    bytes.fill(0, 1000, 90_000);
    await destroy('one', damaged);
    const key = prefixes.one + damaged;
    await s3.send(new PutObjectCommand({ Bucket: buckets.one, Key: key, Body: bytes }));
    await destroy('two', gone);
    for (const name of names) await destroy(name, lost);
    // As if a month had passed: all of them are due.
    await using catalog = await openCatalog(catalogUrl());
    const due: Parameters<typeof catalog.ledger.setDue>[0][number][] = [];
    for await (const { object, mirror } of catalog.ledger.copies()) {
      due.push({ object, mirror, nextDue: Date.now() });
    }
    expect(due.length).toBeGreaterThanOrEqual(2 * packs.length);
    await catalog.ledger.setDue(due);
    await until('two copies are whole again', async () => {
      const one = await get('one', damaged);
      const two = await get('two', gone);
      return before.get(damaged)?.equals(one ?? Buffer.alloc(0)) === true && two !== undefined;
    });
    expect(await get('two', gone)).toEqual(before.get(gone));
    expect((await keysOf('one')).filter((each) => each.startsWith('quarantine/'))).toHaveLength(1);
    for (const each of packs.slice(3)) {
      for (const name of names) expect(await get(name, each)).toEqual(before.get(each));
    }
    const events = await catalog.ledger.events(100);
    expect(events.map(({ kind, object }) => `${kind} ${object}`)).toEqual(
      expect.arrayContaining([`healed ${damaged}`, `healed ${gone}`]),
    );
    let told = '';
    await until('somebody was told', async () => {
      const wanted = { QueueUrl: notices, MaxNumberOfMessages: 10 };
      const { Messages = [] } = await queues.send(new ReceiveMessageCommand(wanted));
      told += Messages.map(({ Body }) => Body).join('\n');
      return told.includes('no good copy');
    });
    expect(told).toContain(lost);
    // No function was refused anything.
    expect(aws.log).not.toMatch(/AccessDenied|not authorized/);
  });

  it('tells the story in versions status', async () => {
    const { stdout, code } = await versions('status', '--json');
    const lines = stdout.trim().split('\n');
    const summary = JSON.parse(lines.at(-1) ?? '{}') as { packsByCopies: number[] };
    expect([code, summary.packsByCopies]).toEqual([21, [1, 0, packs.length - 1]]);
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

  it('goes away again, and leaves what is stored', async () => {
    await cdk('destroy', '--force', 'versions-home-alarms', 'versions-home-verification');
    expect((await keysOf('one')).length).toBeGreaterThan(packs.length);
    await well(versions('snapshots'));
  });
});
