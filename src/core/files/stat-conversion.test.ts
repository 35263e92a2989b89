import { describe, expect, it } from 'vitest';
import { byteStringFromText } from '../base/index.ts';
import { recordedStats } from '../../../test/support/recorded-stats.ts';
import { granuleNanosOf, isRacy, sameState } from './change-detection.ts';
import { hasIdentity, isSparse } from './file-stat.ts';
import { fileStatOf, type SystemStats } from './stat-conversion.ts';

const path = byteStringFromText('/x');
const onMac = (stats: SystemStats): ReturnType<typeof fileStatOf> =>
  fileStatOf(stats, path, 'darwin');
const onWindows = (stats: SystemStats): ReturnType<typeof fileStatOf> =>
  fileStatOf(stats, path, 'win32');
const { darwinFile, win32Directory, win32Empty, win32NoDevice, win32NoNumbers, win32TimesSet } =
  recordedStats;

describe('stats of macOS', () => {
  it('are taken as they are', () => {
    expect(onMac(darwinFile)).toEqual({
      kind: 'file',
      size: 4,
      mode: 0o644,
      mtimeSeconds: 1746100376,
      mtimeNanos: 348006798,
      ctimeSeconds: 1746100376,
      ctimeNanos: 348006798,
      birthtimeSeconds: 1746100376,
      birthtimeNanos: 347969298,
      uid: 502,
      gid: 20,
      dev: 16777230n,
      ino: 420425691n,
      linkCount: 1,
      rdevMajor: 0,
      rdevMinor: 0,
      allocatedBytes: 4096,
    });
  });

  it('have device numbers of their own form, and kinds that Linux has not', () => {
    const disk = { ...darwinFile, mode: 0o060640n, rdev: 0x01000004n };
    expect(onMac(disk)).toMatchObject({ kind: 'block-device', rdevMajor: 1, rdevMinor: 4 });
    const whiteout = { ...darwinFile, mode: 0o160000n };
    expect(() => onMac(whiteout)).toThrow(expect.objectContaining({ code: 'SOURCE_KIND_UNKNOWN' }));
  });

  it('have no birth time where the volume keeps none', () => {
    for (const birthtimeNs of [0n, -1_000_000_000n])
      expect(onMac({ ...darwinFile, birthtimeNs }).birthtimeSeconds).toBeUndefined();
  });
});

describe('stats of Windows', () => {
  it('give the owner alone what "read-only" says', () => {
    expect(onWindows(win32Empty)).toMatchObject({ kind: 'file', mode: 0o600, uid: 0, gid: 0 });
    expect(onWindows({ ...win32Empty, mode: 0o100444n }).mode).toBe(0o400);
    expect(onWindows(win32Directory)).toMatchObject({ kind: 'directory', mode: 0o700 });
    expect(onWindows({ ...win32Directory, mode: 0o40444n }).mode).toBe(0o500);
    expect(onWindows({ ...win32Empty, mode: 0o120666n })).toMatchObject({ kind: 'symlink' });
  });

  it('keep times to 100 ns, and from before 1970', () => {
    expect(onWindows(win32Empty)).toMatchObject({
      mtimeSeconds: 1582209885,
      mtimeNanos: 466684900,
      birthtimeNanos: 299117000,
    });
    // The beginning of time there, which stands for "none".
    const never = { ...win32Empty, ctimeNs: -11644473600000000000n, birthtimeNs: -1n };
    expect(onWindows(never)).toMatchObject({
      ctimeSeconds: -11644473600,
      ctimeNanos: 0,
      birthtimeSeconds: undefined,
    });
  });

  it('take no numbers for signed ones', () => {
    expect(onWindows(win32Directory).dev).toBe(2n ** 64n - 1630166251n);
    expect(onWindows({ ...win32Empty, ino: -2n }).ino).toBe(2n ** 64n - 2n);
  });

  it('count every byte where blocks are not counted, and tiny files without any', () => {
    expect(isSparse(onWindows({ ...win32Empty, size: 9000n, blocks: undefined }))).toBe(false);
    expect(isSparse(onWindows(win32NoDevice))).toBe(false);
    expect(isSparse(onWindows({ ...win32Empty, size: 1n << 33n, blocks: 8n }))).toBe(true);
  });

  it('say which file it is only if they have both numbers', () => {
    expect(hasIdentity(onWindows(win32Empty))).toBe(true);
    expect(hasIdentity(onWindows(win32NoDevice))).toBe(false);
    expect(hasIdentity(onWindows(win32NoNumbers))).toBe(false);
  });

  it('are those of one state by path and by handle, which have different devices', () => {
    const byHandle = onWindows({ ...win32NoDevice, dev: 742408122n });
    expect(sameState(onWindows(win32NoDevice), byHandle)).toBe(true);
  });
});

describe('what a system tells of a change', () => {
  const apfs = onMac(darwinFile);
  const ntfs = onWindows(win32Empty);
  const hfs = onMac({
    ...darwinFile,
    mtimeNs: 1746100376000000000n,
    ctimeNs: 1746100377000000000n,
  });
  // FAT has no time of change: Node shows 1601.
  const fat = onWindows({
    ...win32NoDevice,
    mtimeNs: 1582482954000000000n,
    ctimeNs: -11644473600000000000n,
  });
  const exfat = onWindows({
    ...win32NoDevice,
    mtimeNs: 1582482953970000000n,
    ctimeNs: 1582482953970000000n,
  });

  it.each([
    ['APFS', apfs, 'darwin', 10_000_000],
    ['HFS+', hfs, 'darwin', 2_000_000_000],
    ['NTFS', ntfs, 'win32', 20_000_000],
    ['NTFS with times that were set', onWindows(win32TimesSet), 'win32', 20_000_000],
    ['FAT', fat, 'win32', 2_000_000_000],
    ['exFAT', exfat, 'win32', 2_000_000_000],
    ['a server without numbers', onWindows(win32NoNumbers), 'win32', 2_000_000_000],
  ] as const)('on %s is as fine as its granule', (_name, stat, system, granule) => {
    expect(granuleNanosOf(stat, system)).toBe(granule);
  });

  it.each([
    ['APFS', apfs, 'darwin', 10_000_000],
    ['NTFS', ntfs, 'win32', 20_000_000],
    ['FAT', fat, 'win32', 2_000_000_000],
  ] as const)('on %s is not trusted for one granule', (_name, stat, system, granule) => {
    const after = (nanos: number): { seconds: number; nanos: number } => {
      const all = stat.mtimeNanos + nanos;
      return { seconds: stat.mtimeSeconds + Math.floor(all / 1e9), nanos: all % 1e9 };
    };
    const racy = (nanos: number): boolean =>
      isRacy(stat, after(nanos), granuleNanosOf(stat, system));
    expect(racy(0)).toBe(true);
    expect(racy(granule - 1)).toBe(true);
    expect(racy(granule)).toBe(false);
  });

  it('shows in the smallest step of its times', () => {
    const later = { ...win32Empty, mtimeNs: win32Empty.mtimeNs + 100n };
    expect(sameState(ntfs, onWindows(later))).toBe(false);
    expect(sameState(apfs, onMac({ ...darwinFile, ctimeNs: darwinFile.ctimeNs + 1n }))).toBe(false);
  });
});
