import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { open, openInto, seal, sealInto, SealingKey, sealTagBytes } from './index.ts';

const aad = Buffer.from('additional data');
const salt = randomBytes(32);
const key = SealingKey.derive(1, randomBytes(32), salt, 'test');
const suites = [
  ['encrypted', key],
  ['with a checksum', SealingKey.none],
] as const;
/** Around the size of what goes through the cipher at once. */
const sizes = [0, 1, 65_535, 65_536, 65_537, 200_000];

describe('opening into memory that is kept', () => {
  test.each(suites)('gives what `open` gives, %s', (_, sealingKey) => {
    const target = Buffer.alloc(300_000, 0xee);
    for (const size of sizes) {
      const plaintext = randomBytes(size);
      const sealed = seal(sealingKey, 3, aad, plaintext);
      const opened = openInto(sealingKey, 3, aad, sealed, target);
      expect(Buffer.from(opened).equals(plaintext)).toBe(true);
      expect(Buffer.from(open(sealingKey, 3, aad, sealed)).equals(plaintext)).toBe(true);
    }
  });

  test.each(suites)('refuses what was changed anywhere, %s', (_, sealingKey) => {
    const sealed = seal(sealingKey, 3, aad, randomBytes(200_000));
    const target = Buffer.alloc(sealed.byteLength);
    for (const at of [0, 65_535, 65_536, 199_999, 200_000, sealed.byteLength - 1]) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => openInto(sealingKey, 3, aad, changed, target)).toThrow('does not match its tag');
    }
    expect(() => openInto(sealingKey, 4, aad, sealed, target)).toThrow('does not match its tag');
    const short = sealed.subarray(0, sealTagBytes - 1);
    expect(() => openInto(sealingKey, 3, aad, short, target)).toThrow('does not match its tag');
  });

  test('refuses a target that is too small, before it writes', () => {
    const sealed = seal(key, 3, aad, randomBytes(100));
    const target = Buffer.alloc(99, 0xee);
    expect(() => openInto(key, 3, aad, sealed, target)).toThrow('too small');
    expect(target.every((byte) => byte === 0xee)).toBe(true);
  });
});

// Nothing else runs in this thread meanwhile, and a garbage collection could only make it less.
test('sealing and opening leave no memory behind for the garbage collection', () => {
  const plaintext = randomBytes(4 << 20);
  const target = Buffer.alloc(plaintext.byteLength + sealTagBytes);
  const opened = Buffer.alloc(plaintext.byteLength);
  const round = (position: number): void => {
    sealInto(key, position, aad, plaintext, target, 0);
    openInto(key, position, aad, target, opened);
  };
  const growths = Array.from({ length: 8 }, (_, position) => {
    const before = process.memoryUsage().arrayBuffers;
    round(position);
    return process.memoryUsage().arrayBuffers - before;
  });
  expect(Math.max(...growths)).toBeLessThan(1 << 20);
  expect(opened.equals(plaintext)).toBe(true);
});
