import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { exitErrorIn, Machine } from '../../cli/machine.ts';
import { freePort } from '../../support/free-port.ts';
import { S3Double } from '../../support/s3-double/s3-double.ts';
import { shiftedClock } from '../../support/shifted-clock.ts';
import { makeBucket, urlOf } from '../buckets.ts';
import { environmentOf, type Services, startServices } from '../services.ts';

/** What cannot get better is told within seconds, and is not tried again and again. */
let services: Services;
let machine: Machine;
beforeAll(async () => {
  services = await startServices(['minio-1', 'versitygw']);
  for (const name of servers) await makeBucket(services.get(name), 'bucket');
});
afterAll(() => services[Symbol.asyncDispose]());
beforeEach(() => {
  machine = new Machine();
  machine.env = environmentOf(services);
});
afterEach(() => machine[Symbol.dispose]());

const servers = ['minio-1', 'versitygw'] as const;
/** The program takes one second of these by itself. */
const msMax = 5000;
/** A busy machine may make it late once, or twice; what is retried in vain is late each time. */
const triesMax = 4;

interface Refusal {
  readonly end: string;
  readonly ms: number;
}

/** How the command ends, and the shortest time in which it did. */
async function refusalOf(url: string): Promise<Refusal> {
  let refusal = await refuse(url);
  for (let tries = 1; tries < triesMax && refusal.ms >= msMax; tries += 1) {
    refusal = await refuse(url);
  }
  return refusal;
}

async function refuse(url: string): Promise<Refusal> {
  const start = Date.now();
  const outcome = await machine.run(['init', '--mirror', `m=${url}`, '--json']);
  const ms = Date.now() - start;
  const error = exitErrorIn(outcome);
  expect(error?.['hint']).toMatch(/versions (?:doctor|config)|run the command again/);
  return { end: `${outcome.code} ${String(error?.['code'])}`, ms };
}

describe.each(servers)('%s', (name) => {
  const at = (bucket: string): string => urlOf(services.get(name), bucket);

  it.each([
    ['a bucket that is not there', () => at('nobucket'), {}, '22 STORE_ABSENT'],
    ['a name that no bucket has', () => at('No_Bucket'), {}, '2 STORE_REFUSES_SETTING'],
    [
      'another region',
      () => at('bucket').replace('region=us-east-1', 'region=eu-west-9'),
      {},
      '2 STORE_REGION_WRONG',
    ],
    [
      'a wrong key',
      () => at('bucket'),
      { AWS_ACCESS_KEY_ID: 'wrong' },
      '12 STORE_CREDENTIALS_REFUSED',
    ],
    [
      'a wrong signature',
      () => at('bucket'),
      { AWS_SECRET_ACCESS_KEY: 'wrong' },
      '12 STORE_CREDENTIALS_REFUSED',
    ],
    [
      'TLS where there is none',
      () => at('bucket').replace('http%3A', 'https%3A'),
      {},
      '12 STORE_TLS_REFUSED',
    ],
  ])('%s', async (_what, url, env: Record<string, string>, expected) => {
    machine.env = { ...machine.env, ...env };
    const { end, ms } = await refusalOf(url());
    expect(end).toBe(expected);
    expect(ms).toBeLessThan(msMax);
  });

  it('a clock eight hours on is no refusal: the provider says what time it is', async () => {
    await machine.write({ 'data/a': 'a'.repeat(1000) });
    const shift = shiftedClock(machine.path('clock.mjs'), { hours: 8 });
    machine.env = { ...machine.env, ...shift };
    const run = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await machine.run(args);
      return `${code} ${stderr}`;
    };
    expect(await run('init', '--mirror', `m=${urlOf(services.get(name), 'bucket/later')}`)).toMatch(
      /^0 /,
    );
    expect(await run('backup', 'data')).toMatch(/^0 /);
    expect(await run('verify', '--level', 'data')).toMatch(/^0 /);
  });
});

describe('an address', () => {
  const elsewhere = (endpoint: string): string =>
    `s3://bucket?endpoint=${encodeURIComponent(endpoint)}&region=us-east-1`;

  it.each([
    ['where nobody listens', async () => `http://127.0.0.1:${await freePort()}`],
    ['that has no name', async () => 'http://nowhere.invalid'],
  ])('%s', async (_what, endpoint) => {
    const { end, ms } = await refusalOf(elsewhere(await endpoint()));
    expect(end).toBe('22 STORE_UNREACHABLE');
    expect(ms).toBeLessThan(msMax);
  });

  it('where something else speaks', async () => {
    const other = createServer((socket) => {
      socket.on('data', () => socket.end('SSH-2.0-other\r\n')).on('error', () => {});
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { end, ms } = await refusalOf(elsewhere(`http://127.0.0.1:${port}`));
    other.close();
    expect(end).toBe('22 STORE_UNREACHABLE');
    expect(ms).toBeLessThan(msMax);
  });
});

it('a provider that goes on refusing the time, though it was corrected', async () => {
  await using double = await S3Double.start();
  double.bucket();
  double.on('any', /(?:)/, { status: 403, code: 'RequestTimeTooSkewed' }).always();
  const { accessKeyId, secretAccessKey } = double.account;
  machine.env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const { end, ms } = await refusalOf(double.url());
  expect(end).toBe('22 STORE_CLOCK_SKEW');
  expect(ms).toBeLessThan(msMax);
});
