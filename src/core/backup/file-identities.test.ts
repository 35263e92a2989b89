import { describe, expect, it } from 'vitest';
import { byteStringFromText } from '../base/index.ts';
import { fileStatOf } from '../files/stat-conversion.ts';
import { recordedStats } from '../../../test/support/recorded-stats.ts';
import { linkKeyOf } from './file-identities.ts';
import { fingerprintBytes, writeFingerprint } from './fingerprint.ts';

type Name = keyof typeof recordedStats;

const keyOf = (name: Name, nlink = 2n): Uint8Array | undefined =>
  linkKeyOf(fileStatOf({ ...recordedStats[name], nlink }, byteStringFromText('/x'), 'win32'));

describe('linkKeyOf', () => {
  it('tells files with several names apart by device and number', () => {
    expect(keyOf('win32Empty')).toHaveLength(16);
    expect(keyOf('win32Empty')).not.toEqual(keyOf('win32TimesSet'));
    expect(keyOf('win32Empty', 1n)).toBeUndefined();
    expect(keyOf('win32Directory')).toBeUndefined();
  });

  it('takes no two files for one because a system gives both the number 0', () => {
    // On another drive, another file may have this very number.
    expect(keyOf('win32NoDevice')).toBeUndefined();
    expect(keyOf('win32NoNumbers')).toBeUndefined();
  });
});

describe('writeFingerprint', () => {
  it.each(Object.keys(recordedStats) as Name[])('takes the stats of %s, and any number', (name) => {
    for (const ino of [recordedStats[name].ino, -1n, 2n ** 63n, 2n ** 64n - 1n]) {
      const stat = fileStatOf({ ...recordedStats[name], ino }, byteStringFromText('/x'), 'win32');
      const target = Buffer.alloc(fingerprintBytes);
      writeFingerprint(stat, target, 0);
      expect(target.readBigUInt64LE(48)).toBe(BigInt.asUintN(64, ino));
    }
  });
});
