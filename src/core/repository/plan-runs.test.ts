import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ObjectHash } from '../base/index.ts';
import type { CheckpointPart } from '../format/index.ts';
import { planRuns, type PlannedRun } from './plan-runs.ts';

const mebibyte = 1024 * 1024;

/** What a planned run is to later checkpoints. */
function asKnown({ first, last, bytes }: PlannedRun): CheckpointPart {
  const name = '0'.repeat(64) as ObjectHash;
  return { name, first, last, bytes, salt: new Uint8Array(32), epoch: 1 };
}

/** Makes checkpoints of so many entries each; the runs of the last, and all bytes that were written. */
function grow(spans: readonly number[], entryBytes: number, every: number) {
  let known: readonly CheckpointPart[] = [];
  let number = 0;
  let written = 0;
  let runsMost = 0;
  for (const span of spans) {
    const added = Array.from({ length: span }, () => ({ number: ++number, bytes: entryBytes }));
    const runs = planRuns(known, added, every);
    for (const run of runs) if (run.known === undefined) written += run.bytes;
    known = runs.map((run) => run.known ?? asKnown(run));
    runsMost = Math.max(runsMost, known.length);
  }
  return { known, written, runsMost, entries: number };
}

describe('planRuns', () => {
  it('covers every entry once, in order, whatever was there before', () => {
    const spans = fc.array(fc.integer({ min: 4, max: 40 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 3 * mebibyte }), (given, entryBytes) => {
        const { known, entries } = grow(given, entryBytes, 4);
        let next = 1;
        for (const { first, last, bytes } of known) {
          expect([first, bytes]).toEqual([next, (last - first + 1) * entryBytes]);
          expect(bytes).toBeLessThanOrEqual(32 * mebibyte);
          next = last + 1;
        }
        expect(next - 1).toBe(entries);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps the runs few and writes each entry only as often as the journal grew fourfold', () => {
    const { runsMost, written, entries } = grow(Array<number>(400).fill(256), 700, 256);
    expect(entries).toBe(102_400);
    // 32 MiB are 46,000 entries: five levels of at most three, and the full ones.
    expect(runsMost).toBeLessThanOrEqual(14);
    expect(written / (entries * 700)).toBeLessThan(5);
  });

  it('puts four of one size together, and leaves a larger one before them alone', () => {
    const ranges = (spans: readonly number[]): readonly string[] =>
      grow(spans, 700, 4).known.map(({ first, last }) => `${first}-${last}`);
    expect(ranges([4, 4, 4])).toEqual(['1-4', '5-8', '9-12']);
    expect(ranges([4, 4, 4, 4])).toEqual(['1-16']);
    expect(ranges([4, 4, 4, 4, 4, 4])).toEqual(['1-16', '17-20', '21-24']);
    expect(ranges([4, 5, 6, 4, 4, 4, 4, 4])).toEqual(['1-19', '20-35']);
    expect(ranges(Array<number>(16).fill(4))).toEqual(['1-64']);
  });

  it('divides what is too much for one run', () => {
    const added = [1, 2, 3, 4].map((number) => ({ number, bytes: 12 * mebibyte }));
    expect(planRuns([], added, 1).map(({ first, last }) => [first, last])).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
});
