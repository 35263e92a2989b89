import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeEntryObject, defaultPrices, openCatalog, promiseOf } from '../../src/core/index.ts';
import { type DynamoServer, startDynamo } from '../support/dynamo-server.ts';
import { S3Double } from '../support/s3-double/s3-double.ts';
import { exitErrorIn, Machine, type Outcome } from '../cli/machine.ts';

let machine: Machine;
let store: S3Double;
let table: DynamoServer;
beforeEach(async () => {
  machine = new Machine();
  store = await S3Double.start({ account: { accessKeyId: 'ID', secretAccessKey: 'hidden' } });
  for (const name of ['near', 'far']) store.bucket(name);
  table = await startDynamo();
  machine.env = {
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ACCESS_KEY_ID: 'ID',
    AWS_SECRET_ACCESS_KEY: 'hidden',
    FAR_ACCESS_KEY_ID: 'ID',
    FAR_SECRET_ACCESS_KEY: 'hidden',
  };
  await machine.write({ 'data/a.txt': 'some\n'.repeat(5000) });
});
afterEach(async () => {
  machine[Symbol.dispose]();
  await store[Symbol.asyncDispose]();
  await table[Symbol.asyncDispose]();
});

const run = (...args: string[]): Promise<Outcome> => machine.run(args);
async function well(...args: string[]): Promise<Outcome> {
  const outcome = await run(...args);
  expect([outcome.code, outcome.stderr]).toEqual([0, expect.not.stringContaining('error')]);
  return outcome;
}
const repository = (name = 'photos'): object => ({
  name,
  catalog: `${table.catalogUrl()}&region=eu-central-1`,
  mirrors: ['near', 'far'].map((bucket) => ({ name: bucket, url: store.url(bucket) })),
});
/** As `cdk deploy --outputs-file` writes it: other stacks beside, the value a text. */
const outputsOf = (...repositories: readonly object[]): string =>
  JSON.stringify({
    'some-other-stack': { Thing: 'x' },
    ...Object.fromEntries(
      repositories.map((each, at) => [
        `versions-${at}-data`,
        { ClientRole: 'arn:aws:iam::1:role/x', Repository: JSON.stringify(each) },
      ]),
    ),
  });
const codeOf = (outcome: Outcome): unknown => exitErrorIn(outcome)?.['code'];

describe('--from-cdk-outputs', () => {
  it('makes a repository in a deployment, and takes it up on another machine', async () => {
    await machine.write({ 'out.json': outputsOf(repository()) });
    await well(
      'init',
      '--from-cdk-outputs',
      'out.json',
      '--mirror',
      'disk=disk',
      '--credentials',
      'far=env:FAR',
    );
    const config = readFileSync(machine.path('home/.config/versions/config.toml'), 'utf8');
    expect(config).toContain('photos');
    expect(config).toContain('env:FAR');
    expect(config).toContain('dynamodb://');
    await well('backup', 'data');
    for (const name of ['near', 'far']) {
      expect(
        store
          .bucket(name)
          .list()
          .some(([key]) => key.startsWith('packs/')),
      ).toBe(true);
    }
    const key = machine.path('home/.config/versions/photos.key');
    await machine.write({ 'other/': '' });
    const elsewhere = { env: { HOME: machine.path('other') } };
    const flags = ['--from-cdk-outputs', 'out.json', '--key-file', key, '--mirror', 'disk=disk'];
    const connected = await machine.run(['connect', ...flags], elsewhere);
    expect([connected.code, connected.stderr]).toEqual([0, expect.anything()]);
    const restored = await machine.run(['restore', 'latest', '-t', 'back'], elsewhere);
    expect(restored.code).toBe(0);
    expect(readFileSync(machine.path('back', machine.path('data/a.txt')), 'utf8')).toHaveLength(
      25_000,
    );
  });

  it('tells those who watch how often this machine means to save, and takes it back', async () => {
    const url = `${table.catalogUrl()}&region=eu-central-1`;
    await machine.write({ 'out.json': outputsOf({ ...repository(), catalog: url }) });
    await well('init', '--from-cdk-outputs', 'out.json');
    const promises = async (): Promise<unknown[]> => {
      await using catalog = await openCatalog(url);
      const writers = new Set<string>();
      for await (const { bytes } of catalog.read(0)) writers.add(decodeEntryObject(bytes).writer);
      return await Promise.all([...writers].map((writer) => promiseOf(catalog, writer)));
    };
    await well('backup', 'data');
    expect(await promises()).toEqual([undefined]);
    await well('backup', 'data', '--every', '36h');
    expect(await promises()).toEqual([36 * 3_600_000]);
    for (const wrong of ['0h', '32d', 'daily']) {
      const refused = await run('backup', 'data', '--every', wrong);
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--every')]);
    }
    expect(await promises()).toEqual([36 * 3_600_000]);
    await well('backup', 'data');
    expect(await promises()).toEqual([undefined]);
  });

  it('asks which deployment is meant if there are several', async () => {
    await machine.write({ 'out.json': outputsOf(repository('one'), repository('two')) });
    const outcome = await run('init', '--from-cdk-outputs', 'out.json', '--json');
    expect([outcome.code, codeOf(outcome)]).toEqual([2, 'CDK_OUTPUTS_INVALID']);
    await well('init', 'two', '--from-cdk-outputs', 'out.json');
  });

  it.each([
    ['nothing', undefined],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['other stacks', outputsOf()],
    ['an output that is no JSON', '{"a":{"Repository":"{"}}'],
    ['an output without mirrors', '{"a":{"Repository":"{\\"name\\":\\"a\\"}"}}'],
  ])('is refused, and makes nothing, for %s', async (_what, text) => {
    if (text !== undefined) await machine.write({ 'out.json': text });
    const outcome = await run('init', '--from-cdk-outputs', 'out.json', '--json');
    expect([outcome.code, codeOf(outcome)]).toEqual([2, 'CDK_OUTPUTS_INVALID']);
    expect(store.bucket('near').list()).toEqual([]);
  });

  it('takes no mirror that is no bucket', async () => {
    const strange = { ...repository(), mirrors: [{ name: 'etc', url: '/etc' }] };
    await machine.write({ 'out.json': outputsOf(strange) });
    expect((await run('init', '--from-cdk-outputs', 'out.json')).code).toBe(2);
  });
});

describe('versions cost', () => {
  it('adds up what mirrors, functions and catalog cost', async () => {
    await machine.write({ 'out.json': outputsOf(repository()) });
    await well('init', '--from-cdk-outputs', 'out.json', '--mirror', 'disk=disk');
    await well('backup', 'data');
    const dear = { ...defaultPrices.stores['b2'], storagePerTbMonth: 1e9 };
    const prices = { ...defaultPrices, asOf: '2031-01', stores: { ...defaultPrices.stores, dear } };
    await machine.write({ 'prices.json': JSON.stringify(prices) });
    const { summary, documents } = await well(
      'cost',
      '--prices',
      'prices.json',
      '--price',
      'near=dear',
      '--json',
    );
    const { packs, packBytes } = (await well('stats', '--json')).summary;
    expect(summary).toMatchObject({ objects: packs, bytes: packBytes });
    // Snapshots do not count the packs of their own trees.
    expect(Number(summary['newBytes'])).toBeGreaterThan(0);
    expect(Number(summary['newBytes'])).toBeLessThanOrEqual(Number(packBytes));
    expect(summary['asOf']).toBe('2031-01');
    expect(Number(summary['catalog'])).toBeGreaterThan(0);
    const near = documents.find(({ name }) => name === 'near');
    expect(near).toMatchObject({ price: 'dear' });
    expect(near?.['storage']).toBeCloseTo((Number(packBytes) / 1e12) * 1e9, 6);
    expect(documents.find(({ name }) => name === 'disk')).toMatchObject({
      price: 'own',
      perMonth: 0,
      restore: 0,
    });
    const text = (await well('cost', '--prices', 'prices.json', '--price', 'near=dear')).stdout;
    expect(text).toMatch(/near +dear +\d/);
    expect(text).toMatch(/functions|catalog/);
  });

  it('prints a price table that it takes back, and refuses what is none', async () => {
    const child = machine.start(['cost', '--print-prices']);
    const parts: Buffer[] = [];
    child.stdout?.on('data', (part: Buffer) => parts.push(part));
    await once(child, 'close');
    const stdout = Buffer.concat(parts).toString();
    expect(JSON.parse(stdout)).toEqual(defaultPrices);
    await well('init', '--mirror', 'here=here');
    await machine.write({ 'prices.json': stdout, 'broken.json': stdout.replace('23', '"23"') });
    const costs = (await well('cost', '--prices', 'prices.json', '--json')).summary;
    expect(costs).toMatchObject({ objects: 0, perMonth: 0, workers: 0, catalog: 0 });
    const broken = await run('cost', '--prices', 'broken.json', '--json');
    expect([broken.code, codeOf(broken)]).toEqual([2, 'PRICES_INVALID']);
    const unknown = await run('cost', '--price', 'here=gold', '--json');
    expect([unknown.code, codeOf(unknown)]).toEqual([2, 'PRICE_UNKNOWN']);
    for (const flag of ['there=own', '=own', 'own'])
      expect((await run('cost', '--price', flag)).code).toBe(2);
    expect((await run('cost', '--prices', 'missing.json')).code).toBe(2);
  });
});
