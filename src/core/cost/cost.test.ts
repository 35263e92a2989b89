import { describe, expect, it } from 'vitest';
import { type CostInput, costedMirror, estimateCost, readCost } from './estimate.ts';
import { parsePrices } from './parse-prices.ts';
import { defaultPrices, priceNameOf } from './price-table.ts';

const input: CostInput = {
  objects: 62_500,
  bytes: 1e12,
  newObjects: 2000,
  newBytes: 32e9,
  mirrors: [
    { name: 'aws', price: 's3-standard', nearWorkers: true },
    { name: 'b2', price: 'b2', nearWorkers: false },
    { name: 'r2', price: 'r2', nearWorkers: false },
  ],
  verifyEveryDays: 30,
  inCloud: true,
};

describe('an estimate', () => {
  const estimate = estimateCost(input, defaultPrices);
  const of = (name: string) => estimate.mirrors.find((mirror) => mirror.name === name);

  it('adds up what each mirror costs', () => {
    expect(of('aws')).toMatchObject({ storage: 23, requests: 0.01 });
    expect(of('aws')?.verification).toBeCloseTo(0.025, 6);
    // 100 GB of 1,000 are free.
    expect(of('aws')?.restore).toBeCloseTo(900 * 0.09 + 0.025, 6);
    expect(of('b2')?.storage).toBe(6);
    expect(of('b2')?.restore).toBeCloseTo(0.025, 6);
    expect(of('r2')?.verification).toBeCloseTo(0.0225, 6);
    const sum = estimate.mirrors.reduce((total, { perMonth }) => total + perMonth, 0);
    expect(estimate.perMonth).toBeCloseTo(sum + estimate.workers + estimate.catalog, 9);
    expect(estimate.restore.mirror).toBe('r2');
  });

  it('counts the seconds of the functions', () => {
    // 3 TB at 75 MB/s and one gigabyte.
    const seconds = 3e12 / 75e6;
    expect(estimate.workers).toBeGreaterThan(seconds * 0.0000133334);
    expect(estimate.workers).toBeLessThan(1.05 * seconds * 0.0000133334);
  });

  it('has no cloud to pay where there is none, and no verification that nobody wants', () => {
    const plain = estimateCost({ ...input, inCloud: false, verifyEveryDays: 0 }, defaultPrices);
    expect(plain.workers + plain.catalog).toBe(0);
    expect(plain.mirrors.map(({ verification }) => verification)).toEqual([0, 0, 0]);
  });

  it('takes egress beyond what is free: B2 read more than three times a month', () => {
    const often = estimateCost({ ...input, verifyEveryDays: 6 }, defaultPrices);
    const b2 = often.mirrors.find(({ name }) => name === 'b2');
    // Five times read, three times free: 2,000 GB at a cent.
    expect(b2?.verification).toBeCloseTo(20 + 5 * 62.5 * 0.0004, 6);
  });

  it('charges the minimum', () => {
    const mirrors = [{ name: 'w', price: 'wasabi', nearWorkers: false }];
    const small = estimateCost({ ...input, bytes: 1e9, mirrors }, defaultPrices);
    expect(small.mirrors[0]?.storage).toBe(7.99);
  });

  it('refuses prices that it does not know', () => {
    const mirrors = [{ name: 'x', price: 'constructor', nearWorkers: false }];
    expect(() => estimateCost({ ...input, mirrors }, defaultPrices)).toThrow(
      expect.objectContaining({ code: 'PRICE_UNKNOWN' }) as Error,
    );
  });

  it('tells the planner what a read costs', () => {
    const near = readCost('s3-standard', true, defaultPrices);
    const far = readCost('s3-standard', false, defaultPrices);
    expect(far.dollarsPerGib - near.dollarsPerGib).toBeCloseTo(0.09 * 1.073741824, 9);
    expect(readCost('s3-glacier-ir', true, defaultPrices).dollarsPerGib).toBeGreaterThan(0.03);
  });
});

describe('the price of a mirror', () => {
  it.each([
    ['/mnt/nas', 'own'],
    ['s3://bucket?region=eu-central-1', 's3-standard'],
    ['s3://bucket/p?region=x&storage-class=glacier_ir', 's3-glacier-ir'],
    ['s3://bucket?region=x&endpoint=https://s3.us-west-004.backblazeb2.com', 'b2'],
    ['s3://bucket?endpoint=https://abc.r2.cloudflarestorage.com', 'r2'],
    ['s3://bucket?endpoint=https://s3.eu-central-1.wasabisys.com', 'wasabi'],
    ['s3://bucket?endpoint=https://notbackblazeb2.com', 'own'],
    ['s3://bucket?endpoint=http://127.0.0.1:9000', 'own'],
  ])('of %s is %s', (url, name) => {
    expect(priceNameOf(url)).toBe(name);
  });

  it('knows what is near', () => {
    const mirror = { name: 'm', url: 's3://bucket?region=eu-central-1' };
    expect(costedMirror(mirror, 'eu-central-1').nearWorkers).toBe(true);
    expect(costedMirror(mirror, 'us-east-1').nearWorkers).toBe(false);
    expect(costedMirror({ ...mirror, price: 'b2' }, 'eu-central-1').nearWorkers).toBe(false);
  });
});

describe('an edited price table', () => {
  const text = JSON.stringify(defaultPrices);
  it('is read back as it was printed, also with more in it', () => {
    expect(parsePrices(text)).toEqual(defaultPrices);
    const more = {
      ...defaultPrices,
      stores: { ...defaultPrices.stores, mine: defaultPrices.stores['b2'] },
    };
    expect(parsePrices(JSON.stringify(more)).stores['mine']?.storagePerTbMonth).toBe(6);
  });

  it.each([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['no date', text.replace('"asOf"', '"as"')],
    ['a price below zero', text.replace('23', '-23')],
    ['a price that is text', text.replace('23', '"23"')],
    ['a typing error', text.replace('storagePerTbMonth', 'storagePerTBMonth')],
    ['no stores', JSON.stringify({ ...defaultPrices, stores: {} })],
    ['a missing price', text.replace('"tableGbMonth":0.25', '"x":1')],
  ])('is refused with a mistake: %s', (_what, broken) => {
    expect(() => parsePrices(broken)).toThrow(
      expect.objectContaining({ code: 'PRICES_INVALID' }) as Error,
    );
  });
});
