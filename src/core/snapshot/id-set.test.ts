import { expect, it } from 'vitest';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import type { ChunkId } from '../base/index.ts';
import { IdSet } from './id-set.ts';

const all = seededBytes('ids', 50_000 * 32);
const idAt = (number: number): ChunkId => all.subarray(number * 32, number * 32 + 32);

it('knows what it took in, while it grows, and nothing else', () => {
  const set = new IdSet(100_000);
  for (let number = 0; number < 25_000; number++) expect(set.add(idAt(number))).toBe(true);
  for (let number = 0; number < 25_000; number++) expect(set.add(idAt(number))).toBe(false);
  for (let number = 25_000; number < 50_000; number++) expect(set.add(idAt(number))).toBe(true);
  expect(set.count).toBe(50_000);
});

it('tells ids apart that begin alike and would go into one place', () => {
  const set = new IdSet(100);
  const alike = Array.from({ length: 50 }, (_, number) => {
    const id = Buffer.alloc(32, 0);
    id.writeUInt32LE(1023, 0);
    id[15] = number;
    return id;
  });
  for (const id of alike) expect(set.add(id)).toBe(true);
  for (const id of alike) expect(set.add(id)).toBe(false);
});

it('takes in no more than its limit, and what it did not take in counts as new', () => {
  const set = new IdSet(1000);
  for (let number = 0; number < 3000; number++) expect(set.add(idAt(number))).toBe(true);
  expect(set.count).toBe(1000);
  expect(set.add(idAt(999))).toBe(false);
  expect(set.add(idAt(2000))).toBe(true);
});
