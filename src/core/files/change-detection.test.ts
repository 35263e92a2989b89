import { describe, expect, it } from 'vitest';
import { granuleNanosOf, isRacy, sameState } from './change-detection.ts';
import type { FileStat } from './file-stat.ts';

const stat: FileStat = {
  kind: 'file',
  size: 10,
  mode: 0o644,
  mtimeSeconds: 1000,
  mtimeNanos: 123_456_789,
  ctimeSeconds: 1000,
  ctimeNanos: 123_456_789,
  birthtimeSeconds: undefined,
  birthtimeNanos: undefined,
  uid: 1,
  gid: 2,
  dev: 3n,
  ino: 2n ** 63n,
  linkCount: 1,
  rdevMajor: 0,
  rdevMinor: 0,
  allocatedBytes: 4096,
};

describe('sameState', () => {
  it.each([
    { kind: 'fifo' },
    { size: 11 },
    { mode: 0o4644 },
    { mtimeSeconds: 1001 },
    { mtimeNanos: 123_456_790 },
    { ctimeSeconds: 999 },
    { ctimeNanos: 0 },
    { ino: 2n ** 63n + 1n },
  ] as const)('differs by %o', (change) => {
    expect(sameState(stat, { ...stat, ...change })).toBe(false);
  });

  it('does not heed what changes from boot to boot', () => {
    expect(sameState(stat, { ...stat, dev: 9n, linkCount: 2, uid: 5 })).toBe(true);
  });
});

describe('isRacy', () => {
  it.each([
    ['long before the scan', 990, 123_456_789, false],
    ['exactly one granule before', 999, 990_000_000, false],
    ['a nanosecond less than a granule before', 999, 990_000_001, true],
    ['when it starts', 1000, 1, true],
    ['in the future', 5000, 1, true],
    ['before 1970', -5, 1, false],
  ])('%s', (_when, seconds, nanos, racy) => {
    const start = { seconds: 1000, nanos: 0 };
    const old = { ...stat, mtimeSeconds: 1, ctimeSeconds: 1 };
    expect(isRacy({ ...old, mtimeSeconds: seconds, mtimeNanos: nanos }, start, 10_000_000)).toBe(
      racy,
    );
    expect(isRacy({ ...old, ctimeSeconds: seconds, ctimeNanos: nanos }, start, 10_000_000)).toBe(
      racy,
    );
  });

  it('takes a coarse granule where the stamps show no nanoseconds', () => {
    const coarse = { ...stat, mtimeNanos: 0, ctimeNanos: 0 };
    expect(granuleNanosOf(coarse)).toBe(2_000_000_000);
    expect(isRacy(coarse, { seconds: 1001, nanos: 999_999_999 })).toBe(true);
    expect(isRacy(coarse, { seconds: 1002, nanos: 0 })).toBe(false);
    expect(isRacy(stat, { seconds: 1001, nanos: 999_999_999 })).toBe(false);
  });
});
