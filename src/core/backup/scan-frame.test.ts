import { describe, expect, it } from 'vitest';
import { bytes } from '../../../test/fidelity/temporary-directory.ts';
import { isZero, toHex, type ByteString } from '../base/index.ts';
import type { FileStat } from '../files/index.ts';
import {
  fingerprintBytes,
  isSameFile,
  staleFingerprintOf,
  statesOfFingerprint,
  writeFingerprint,
} from './fingerprint.ts';
import type { ItemState } from './item-pages.ts';
import type { DirectoryState } from './local-state.ts';
import { priorityOf } from './priority.ts';
import { noHash, ScanFrame } from './scan-frame.ts';

const base: FileStat = {
  kind: 'file',
  mode: 0o644,
  size: 1000,
  mtimeSeconds: 1_700_000_000,
  mtimeNanos: 1,
  ctimeSeconds: 1_700_000_001,
  ctimeNanos: 2,
  birthtimeSeconds: 1_600_000_000,
  birthtimeNanos: 0,
  uid: 1000,
  gid: 1001,
  ino: 12_345n,
  dev: 7n,
  linkCount: 1,
  rdevMajor: 0,
  rdevMinor: 0,
  allocatedBytes: 4096,
};

const fingerprintOf = (stat: FileStat): string => {
  const target = Buffer.alloc(fingerprintBytes + 10, 0x99);
  writeFingerprint(stat, target, 5);
  expect(target[4]).toBe(0x99);
  expect(target[5 + fingerprintBytes]).toBe(0x99);
  return toHex(target.subarray(5, 5 + fingerprintBytes));
};

describe('fingerprint', () => {
  it.each<readonly [string, Partial<FileStat>]>([
    ['kind', { kind: 'fifo' }],
    ['mode', { mode: 0o4755 }],
    ['size', { size: 1001 }],
    ['size of many bytes', { size: 2 ** 45 + 1 }],
    ['time of modification', { mtimeSeconds: 1_700_000_001 }],
    ['time before 1970', { mtimeSeconds: -5 }],
    ['nanoseconds', { mtimeNanos: 999_999_999 }],
    ['time of change', { ctimeSeconds: 1_700_000_002 }],
    ['nanoseconds of change', { ctimeNanos: 3 }],
    ['owner', { uid: 4_294_967_294 }],
    ['group', { gid: 0 }],
    ['inode', { ino: 2n ** 63n + 1n }],
    ['number of links', { linkCount: 2 }],
  ])('differs in the %s', (_, change) => {
    expect(fingerprintOf({ ...base, ...change })).not.toBe(fingerprintOf(base));
  });

  it('does not know the device, nor the size of a directory', () => {
    expect(fingerprintOf({ ...base, dev: 8n })).toBe(fingerprintOf(base));
    const folder: FileStat = { ...base, kind: 'directory' };
    expect(fingerprintOf({ ...folder, size: 5 })).toBe(fingerprintOf(folder));
  });

  it('gives a worker what it compares after reading', () => {
    const target = Buffer.alloc(fingerprintBytes);
    writeFingerprint(base, target, 0);
    const states = new Float64Array(8);
    statesOfFingerprint(target, states, 1);
    expect([...states]).toEqual([0, 1000, 1_700_000_000, 1, 1_700_000_001, 2, 12_345, 0]);
  });
});

describe('the fingerprint of a file that must be looked at again', () => {
  const bytesOf = (stat: FileStat): Uint8Array => {
    const target = Buffer.alloc(fingerprintBytes);
    writeFingerprint(stat, target, 0);
    return target;
  };

  it('equals none, and is still that of the same file', () => {
    const plain = bytesOf(base);
    const stale = staleFingerprintOf(plain);
    expect(toHex(stale)).not.toBe(toHex(plain));
    expect(isSameFile(stale, plain)).toBe(base.birthtimeSeconds !== undefined);
    expect(isSameFile(plain, bytesOf({ ...base, ino: 1n }))).toBe(false);
    expect(isSameFile(plain, bytesOf({ ...base, birthtimeNanos: 77 }))).toBe(false);
  });

  it('goes by size and mtime where there is no birth time', () => {
    const unborn = { ...base, birthtimeSeconds: undefined, birthtimeNanos: undefined };
    const plain = bytesOf(unborn);
    expect(isSameFile(plain, bytesOf({ ...unborn, ctimeSeconds: 9 }))).toBe(true);
    expect(isSameFile(plain, bytesOf({ ...unborn, size: 9 }))).toBe(false);
    expect(isSameFile(plain, bytesOf({ ...unborn, mtimeNanos: 9 }))).toBe(false);
    expect(isSameFile(staleFingerprintOf(plain), plain)).toBe(false);
  });
});

describe('priority', () => {
  const now = { seconds: 1_800_000_000, nanos: 0 };
  const mebibyte = 1024 * 1024;
  const at = (directory: string, change: Partial<FileStat>): number =>
    priorityOf(bytes(directory), { ...base, ...change }, now);

  it('puts what changed lately first, then users, the small before the large, then the rest', () => {
    const lately = { mtimeSeconds: now.seconds - 3600 };
    expect(at('/usr', lately)).toBe(0);
    expect(at('/usr', { ...lately, size: 65 * mebibyte })).toBe(3);
    expect(at('/home/someone', { size: 10 })).toBe(1);
    expect(at('/home/someone', { size: 2 * mebibyte })).toBe(2);
    expect(at('/usr/share', { size: 10 })).toBe(3);
    // Times in the future are not lately.
    expect(at('/usr', { mtimeSeconds: now.seconds + 3600 })).toBe(3);
    expect(at('/homes', {})).toBe(3);
    expect(at('/root', {})).toBe(1);
  });
});

describe('ScanFrame', () => {
  function frameOf(known?: DirectoryState, items: readonly ItemState[] = []): ScanFrame {
    return new ScanFrame(bytes('/d'), undefined, known, items[Symbol.iterator]());
  }

  function hashOf(
    entries: readonly (readonly [string, Partial<FileStat>, boolean?])[],
  ): Uint8Array {
    const frame = frameOf();
    for (const [name, change, racy = false] of entries)
      frame.add(bytes(name), { ...base, ...change }, racy);
    return frame.finishHash();
  }

  it('has one hash for one content, and another for any other', () => {
    const hashes = [
      hashOf([]),
      hashOf([['a', {}]]),
      hashOf([['b', {}]]),
      hashOf([['a', { mode: 0o600 }]]),
      hashOf([
        ['a', {}],
        ['b', {}],
      ]),
      hashOf([['ab', {}]]),
    ].map((hash) => toHex(hash));
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(
      toHex(
        hashOf([
          ['a', {}],
          ['b', {}],
        ]),
      ),
    ).toBe(hashes[4]);
  });

  it('has none if anything in it was too late to be sure of', () => {
    expect(
      isZero(
        hashOf([
          ['a', {}],
          ['b', {}, true],
        ]),
      ),
    ).toBe(true);
    const uncertain = frameOf();
    uncertain.add(bytes('a'), base, false);
    uncertain.uncertain = true;
    expect(isZero(uncertain.finishHash())).toBe(true);
  });

  it('is the same only as what has the same hash, and never without one', () => {
    const hash = hashOf([['a', {}]]);
    const frame = frameOf({ hash, tree: hash });
    expect(frame.isSame(hash)).toBe(true);
    expect(frame.isSame(hashOf([['b', {}]]))).toBe(false);
    expect(frameOf({ hash: noHash, tree: hash }).isSame(noHash)).toBe(false);
    expect(frameOf().isSame(hash)).toBe(false);
  });

  it('gives the fingerprint of every entry back, however many there are', () => {
    const frame = frameOf();
    const places = Array.from({ length: 1000 }, (_, number) =>
      frame.add(bytes(`${'n'.repeat(number % 90)}${number}`), { ...base, size: number }, false),
    );
    for (const [number, at] of places.entries())
      expect(toHex(frame.fingerprint(at))).toBe(fingerprintOf({ ...base, size: number }));
  });

  it('is wide beyond a limit, and decided item by item from then on', () => {
    const frame = frameOf();
    for (let number = 0; number < 16_384; number++) frame.add(bytes(`${number}`), base, false);
    expect(frame.isWide).toBe(false);
    frame.add(bytes('one more'), base, false);
    expect(frame.isWide).toBe(true);
    frame.release();
    frame.inOrder = true;
    expect(isZero(frame.finishHash())).toBe(true);
  });

  it('finds known items by ascending name, and passes over what is gone', () => {
    const item = (name: string): ItemState => ({
      name: bytes(name),
      fingerprint: new Uint8Array(fingerprintBytes),
      entry: Buffer.from(name),
    });
    const frame = frameOf(
      undefined,
      ['b', 'd', 'e', 'z'].map((name) => item(name)),
    );
    const found = ['a', 'b', 'c', 'e', 'f', 'z', 'zz'].map(
      (name): ByteString | undefined => frame.knownItem(bytes(name))?.name,
    );
    expect(found).toEqual([undefined, 'b', undefined, 'e', undefined, 'z', undefined]);
  });
});
