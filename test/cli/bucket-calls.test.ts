import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDynamo } from '../support/dynamo-server.ts';
import { S3Double } from '../support/s3-double/s3-double.ts';
import { seededBytes } from '../support/seeded-random.ts';
import { Machine } from './machine.ts';

let machine: Machine;
let doubles: readonly S3Double[];
beforeEach(async () => {
  machine = new Machine();
  doubles = [await S3Double.start(), await S3Double.start()];
  for (const double of doubles) double.bucket();
  machine.env = { KEYS_ACCESS_KEY_ID: 'double', KEYS_SECRET_ACCESS_KEY: 'double-secret' };
  const files: Record<string, Buffer> = {};
  for (let number = 0; number < 20; number += 1) {
    files[`data/${number % 3}/${number}`] = seededBytes(number, 3 * 2 ** 20);
  }
  await machine.write(files);
});

async function init(...flags: readonly string[]): Promise<void> {
  const mirrors = doubles.flatMap((double, index) => [
    '--mirror',
    `m${index}=${double.url()}`,
    '--credentials',
    `m${index}=env:KEYS`,
  ]);
  expect((await machine.run(['init', ...mirrors, ...flags])).code).toBe(0);
}
afterEach(async () => {
  machine[Symbol.dispose]();
  for (const double of doubles) await double[Symbol.asyncDispose]();
});

/** What a command asked of each mirror: the requests by method and first part of the key. */
async function requestsOf(...args: string[]): Promise<readonly string[][]> {
  for (const { requests } of doubles) requests.length = 0;
  const outcome = await machine.run(args);
  expect(outcome.stderr).not.toMatch(/error:/);
  expect(outcome.code).toBe(0);
  return doubles.map(({ requests }) =>
    requests.map(({ method, key, query }) =>
      key === '' ? `LIST ${query.get('prefix')}` : `${method} ${key.split('/')[0]}`,
    ),
  );
}

describe('requests to each mirror', () => {
  it('of a backup are its packs, its entries and at most 20 more; without changes at most 20', async () => {
    await init();
    for (const requests of await requestsOf('backup', 'data')) {
      const stored = requests.filter((request) => /^PUT (packs|journal|payloads)$/.test(request));
      expect(stored.length).toBeGreaterThan(5);
      expect(requests.length - stored.length).toBeLessThanOrEqual(20);
    }
    for (const requests of await requestsOf('backup', 'data')) {
      expect(requests.length).toBeLessThanOrEqual(20);
    }
  });
});

describe('requests to a catalog in DynamoDB', () => {
  // The first backup of a day asks for events too: once more, if midnight came in between.
  const options = { retry: 1 };
  it('of a backup are its entries and five more, with changes and without', options, async () => {
    await using server = await startDynamo();
    const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
    machine.env = { ...machine.env, ...keys };
    await init('--catalog', `${server.catalogUrl()}&region=us-east-1`);
    const [double] = doubles;
    const entries = (): number =>
      double
        ?.bucket()
        .list()
        .filter(([key]) => key.startsWith('journal/')).length ?? 0;
    for (const _run of ['first', 'unchanged', 'unchanged']) {
      const before = entries();
      server.requests.length = 0;
      const outcome = await machine.run(['backup', 'data']);
      expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
      expect(entries() - before).toBeGreaterThan(0);
      expect(server.requests.length).toBeLessThanOrEqual(5 + entries() - before);
    }
  });
});
