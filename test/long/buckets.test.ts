import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { S3Double } from '../support/s3-double/s3-double.ts';
import { exitErrorIn, Machine, type Outcome } from '../cli/machine.ts';

const accounts = [
  { accessKeyId: 'FIRSTID', secretAccessKey: 'first-hidden' },
  { accessKeyId: 'SECONDID', secretAccessKey: 'second-hidden' },
] as const;

let machine: Machine;
let first: S3Double;
let second: S3Double;
const said: string[] = [];
beforeEach(async () => {
  machine = new Machine();
  first = await S3Double.start({ account: accounts[0] });
  second = await S3Double.start({ account: accounts[1] });
  first.bucket();
  second.bucket();
  said.length = 0;
  machine.env = {
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: machine.path('profiles'),
    AWS_EC2_METADATA_DISABLED: 'true',
    ONE_ACCESS_KEY_ID: accounts[0].accessKeyId,
    ONE_SECRET_ACCESS_KEY: accounts[0].secretAccessKey,
  };
  const [, { accessKeyId, secretAccessKey }] = accounts;
  const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  await machine.write({
    'data/a.txt': 'first\n'.repeat(1000),
    'data/b/c.txt': 'second\n'.repeat(1000),
    'second-keys': keys,
    'second-keys.json': JSON.stringify({
      Version: 1,
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
    }),
    profiles: `[two]\n${keys}`,
  });
});
afterEach(async () => {
  machine[Symbol.dispose]();
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

async function run(...args: string[]): Promise<Outcome> {
  const outcome = await machine.run(args);
  said.push(outcome.stdout, outcome.stderr);
  return outcome;
}

async function well(...args: string[]): Promise<Outcome> {
  const outcome = await run(...args);
  expect(outcome.stderr + outcome.stdout).not.toMatch(/error:/);
  expect(outcome.code).toBe(0);
  return outcome;
}

const init = (...credentials: string[]): Promise<Outcome> =>
  run(
    'init',
    '--mirror',
    `one=${first.url()}`,
    '--mirror',
    `two=${second.url('bucket')}`,
    ...credentials.flatMap((source) => ['--credentials', source]),
  );
const codeOf = (outcome: Outcome): unknown => exitErrorIn(outcome)?.['code'];
const restored = (target: string): string =>
  readFileSync(machine.path(target, machine.path('data/b/c.txt')), 'utf8');

describe('mirrors in buckets', () => {
  it('are made, filled, verified and read with credentials of their own', async () => {
    const source = 'two=command:cat "$HOME/../second-keys.json"';
    expect((await init('one=env:ONE', source)).code).toBe(0);
    await well('backup', 'data');
    expect((await well('verify', '--level', 'data', '--json')).summary).toMatchObject({
      findings: 0,
      lost: 0,
    });
    await well('restore', 'latest', '-t', 'back');
    expect(restored('back')).toBe('second\n'.repeat(1000));
    await well('config', 'show', '--origin');
    await well('mirror', 'list', '--json');
    await well('status');
    const all = said.join('');
    for (const { secretAccessKey } of accounts) expect(all).not.toContain(secretAccessKey);
    expect(all).not.toContain('SECONDID');
  });

  it('are healed from one another, with a key and without', async () => {
    await init('one=env:ONE', 'two=profile:two');
    await well('backup', 'data');
    for (const flags of [[], ['--keyless', '--level', 'data', '--heal']]) {
      const bucket = second.bucket();
      const [pack] = bucket.list().find(([key]) => key.startsWith('packs/')) ?? [''];
      bucket.delete(pack, undefined, 0);
      expect(bucket.get(pack)).toBeUndefined();
      await well(...(flags.length === 0 ? ['heal'] : ['verify', ...flags]));
      expect(bucket.get(pack)).toBeDefined();
    }
    expect((await well('verify', '--level', 'data', '--json')).summary).toMatchObject({
      findings: 0,
    });
  });

  it('are added, renamed and given other credentials', async () => {
    await well('init', '--mirror', 'here=here');
    await well('backup', 'data');
    const added = await well(
      'mirror',
      'add',
      'two',
      second.url(),
      '--credentials',
      'two=profile:two',
    );
    expect(added.stdout).toMatch(/copied to two, 0 found there, 0 left/);
    await well('mirror', 'set', 'two', '--name', 'far', '--credentials', 'two=file:second-keys');
    const config = readFileSync(machine.path('home/.config/versions/config.toml'), 'utf8');
    expect(config).toContain(`credentials = "file:${machine.path('second-keys')}"`);
    expect(config).not.toContain('profile:two');
    expect((await run('mirror', 'set', 'far', '--credentials', 'far=env:NONE')).code).toBe(22);
    expect((await run('mirror', 'set', 'far', '--credentials', 'other=env:ONE')).code).toBe(2);
    await well('backup', 'data');
    await well('mirror', 'remove', 'far');
  });

  it('are read without any configuration, and taken up again', async () => {
    await init('one=env:ONE', 'two=profile:two');
    await well('backup', 'data');
    const key = machine.path('home/.config/versions/default.key');
    await machine.write({ 'the.key': readFileSync(key) });
    machine.env = { ...machine.env, AWS_PROFILE: 'two', HOME: machine.path('elsewhere') };
    await well('restore', 'latest', '-r', second.url(), '--key-file', 'the.key', '-t', 'back');
    expect(restored('back')).toBe('second\n'.repeat(1000));
    const connected = await well(
      'connect',
      '--mirror',
      `two=${second.url()}`,
      '--credentials',
      'two=profile:two',
      '--key-file',
      'the.key',
      '--json',
    );
    expect(connected.summary).toMatchObject({ snapshots: 1 });
  });
});

describe('doctor', () => {
  it('tries out each place, keeps what it finds, and says what has changed', async () => {
    first.on('GET', /x-1$/, { flipAt: 5 }).times(1);
    const made = await init('one=env:ONE', 'two=profile:two');
    expect(made.code).toBe(0);
    expect(made.stderr).toMatch(/mirror one, read: not so/);
    const compared = await well('doctor', '--mirror', 'one');
    expect(compared.stdout).toMatch(/read +ok +gives what was written \(before: not so/);
    const before = second.bucket().list().length;
    const found = await well('doctor');
    expect(found.stdout).toContain('2 mirrors tried out, 0 bad answers, 0 absent');
    expect(found.stdout.match(/conditional-put +ok +atomic/g)).toHaveLength(2);
    expect(second.bucket().list()).toHaveLength(before);
    second.on('GET', /quarantine/, { flipAt: 5 }).times(1);
    second.on('PUT', /once$/, { status: 501, code: 'NotImplemented' });
    const again = await run('doctor', '--mirror', 'two', '--json');
    expect(again.code).toBe(20);
    expect(again.summary).toMatchObject({ mirrors: 1, bad: 1, absent: [], kept: true });
    expect(again.documents[0]?.['answers']).toEqual(
      expect.arrayContaining([
        {
          question: 'read',
          state: 'bad',
          answer: 'not so: gives what was written',
          before: 'gives what was written',
        },
        expect.objectContaining({
          question: 'conditional-put',
          state: 'lacking',
          answer: 'refused',
        }),
      ]),
    );
  });

  it('writes nothing into a place that does not show the mirror', async () => {
    await init('one=env:ONE', 'two=profile:two');
    second.requests.length = 0;
    second.bucket().delete('mirror', undefined, 0);
    const { length } = second.bucket().list();
    const { code, summary } = await run('doctor', '--json');
    expect(code).toBe(20);
    expect(summary).toMatchObject({ absent: ['two'] });
    expect(second.bucket().list()).toHaveLength(length);
    expect(
      second.requests.filter(({ method, key }) => method === 'PUT' && /probe/.test(key)),
    ).toEqual([]);
  });
});

describe('a bucket that cannot be used is one clear error, at once', () => {
  it.each([
    ['is not there', (): string => first.url('nobucket'), 'STORE_ABSENT', 22],
    [
      'is in another region',
      (): string => first.url('bucket').replace('us-east-1', 'eu-west-9'),
      'STORE_REGION_WRONG',
      2,
    ],
    ['has a name that none can have', (): string => 's3://no_/x', 'STORE_URL_INVALID', 2],
  ] as const)('that %s', async (_, url, code, exitCode) => {
    const begun = Date.now();
    const outcome = await run(
      'init',
      '--mirror',
      `a=${url()}`,
      '--credentials',
      'a=env:ONE',
      '--json',
    );
    expect(codeOf(outcome)).toBe(code);
    expect(outcome.code).toBe(exitCode);
    expect(Date.now() - begun).toBeLessThan(30_000);
  });

  it.each([
    ['a wrong secret', { ONE_SECRET_ACCESS_KEY: 'wrong' }, 'STORE_CREDENTIALS_REFUSED'],
    ['a wrong key', { ONE_ACCESS_KEY_ID: 'WRONG' }, 'STORE_CREDENTIALS_REFUSED'],
    ['no credentials', { ONE_ACCESS_KEY_ID: '' }, 'STORE_CREDENTIALS_MISSING'],
  ])('with %s', async (_, env, code) => {
    machine.env = { ...machine.env, ...env };
    const outcome = await run(
      'init',
      '--mirror',
      `a=${first.url()}`,
      '--credentials',
      'a=env:ONE',
      '--json',
    );
    expect(codeOf(outcome)).toBe(code);
    expect(outcome.code).toBe(12);
  });

  it('with a password in its URL, which is not repeated', async () => {
    const url = first.url().replace('s3://', 's3://KEYID:very-hidden@');
    const tries = [
      ['init', '--mirror', `a=${url}`],
      ['init', '--mirror', url],
      ['snapshots', '-r', url],
    ];
    for (const args of tries) expect((await run(...args)).code).toBe(2);
    await machine.write({
      'home/.config/versions/config.toml': `[repositories.a.mirrors.a]\nurl = "${url}"\n`,
    });
    expect((await run('config', 'show')).code).toBe(2);
    expect(said.join('')).not.toContain('very-hidden');
  });
});
