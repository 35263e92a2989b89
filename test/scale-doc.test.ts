import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultPrices, estimateCost } from '../src/core/index.ts';

const page = readFileSync(new URL('../docs/scale.md', import.meta.url), 'utf8');
const mebibyte = 1024 ** 2;
const sizes = [
  { bytes: 1e12, pack: 16 * mebibyte },
  { bytes: 1e14, pack: 64 * mebibyte },
  { bytes: 1e16, pack: 64 * mebibyte },
] as const;
const mixes = {
  'S3 Standard + B2': ['s3-standard', 'b2'],
  'B2 + R2 + Wasabi': ['b2', 'r2', 'wasabi'],
  'three times S3 Standard': ['s3-standard', 's3-standard', 's3-standard'],
  'S3 Glacier Instant Retrieval + B2 + R2': ['s3-glacier-ir', 'b2', 'r2'],
  'S3 Standard alone': ['s3-standard'],
} as const;

/** The cells of the row that begins so, each as the numbers in it. */
function row(head: string): readonly (readonly number[])[] {
  const line = page.split('\n').find((each) => each.replaceAll('*', '').startsWith(`| ${head}`));
  const [, , ...cells] = (line ?? '').split('|').slice(0, -1);
  return cells.map((cell) =>
    [...cell.replaceAll(',', '').matchAll(/\d+(?:\.\d+)?/g)].map(([number]) => Number(number)),
  );
}

function estimate(size: number, mix: keyof typeof mixes, days: number) {
  const { bytes, pack } = sizes[size] ?? sizes[0];
  const objects = bytes / pack;
  return estimateCost(
    {
      objects,
      bytes,
      newObjects: objects * 0.03,
      newBytes: bytes * 0.03,
      mirrors: mixes[mix].map((price, at) => ({
        name: String(at),
        price,
        nearWorkers: price.startsWith('s3'),
      })),
      verifyEveryDays: days,
      inCloud: true,
    },
    defaultPrices,
  );
}

/** As near as two digits, or a dollar, tell. */
const expectNear = (written: number | undefined, computed: number): void => {
  expect(Math.abs((written ?? Number.NaN) - computed)).toBeLessThan(
    Math.max(computed < 1 ? 0.006 : 0.51, computed * 0.001),
  );
};

describe('docs/scale.md', () => {
  it.each(Object.keys(mixes).slice(0, 4) as (keyof typeof mixes)[])(
    'says of %s what versions cost computes',
    (mix) => {
      const cells = row(`together, ${mix}`);
      expect(cells).toHaveLength(3);
      for (const [size, [monthly, rarely]] of cells.entries()) {
        expectNear(monthly, estimate(size, mix, 30).perMonth);
        expectNear(rarely, estimate(size, mix, 90).perMonth);
      }
    },
  );

  it('says what storage, functions, the table and a restore cost', () => {
    expect(row('storage')).toHaveLength(sizes.length);
    for (const size of sizes.keys()) {
      const [often, rare] = [30, 90].map((days) => estimate(size, 'S3 Standard + B2', days));
      const cell = (head: string): readonly number[] => row(head)[size] ?? [];
      const sum = (what: 'storage' | 'verification'): number =>
        often?.mirrors.reduce((total, mirror) => total + mirror[what], 0) ?? 0;
      expectNear(cell('storage')[0], sum('storage'));
      expectNear(cell('reading that')[0], sum('verification'));
      expectNear(cell('functions and queues')[0], often?.workers ?? 0);
      expectNear(cell('functions and queues')[1], rare?.workers ?? 0);
      expectNear(cell('table')[0], often?.catalog ?? 0);
      expectNear(cell('table')[1], rare?.catalog ?? 0);
      expectNear(cell('one full restore, from B2')[0], often?.restore.dollars ?? 0);
      expectNear(
        cell('one full restore, S3 Standard alone')[0],
        estimate(size, 'S3 Standard alone', 30).restore.dollars,
      );
    }
  });

  it('divides rightly: copies, bytes and messages an hour, functions at work', () => {
    const hours = 30 * 24;
    const units = [1e9, 1e9, 1e12];
    for (const [size, { bytes, pack }] of sizes.entries()) {
      const copies = (2 * bytes) / pack / hours;
      expectNear(row('copies read an hour')[size]?.[0], copies);
      const perHour = (2 * bytes) / hours / (units[size] ?? 1);
      expect(Math.abs((row('bytes an hour')[size]?.[0] ?? 0) / perHour - 1)).toBeLessThan(0.01);
      const inMessage = Math.min(20, 1024 ** 3 / pack);
      expectNear(row('messages an hour')[size]?.at(-1), Math.ceil(copies / inMessage));
      const busy = bytes / 75e6 / (hours * 3600);
      const written = row('functions busy')[size]?.[0] ?? Number.NaN;
      expect(Math.abs(written - busy)).toBeLessThan(Math.max(0.006, busy * 0.05));
    }
  });
});
