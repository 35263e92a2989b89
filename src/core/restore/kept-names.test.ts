import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { byteStringOf, type ByteString } from '../base/index.ts';
import { KeptNames } from './kept-names.ts';

const name = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => byteStringOf(bytes.map((byte) => (byte === 0x2f || byte === 0 ? 1 : byte))));

it('has what was added and nothing else, whatever the names', () => {
  fc.assert(
    fc.property(fc.array(name), fc.array(name), (added, others) => {
      const kept = new KeptNames();
      const wanted = new Set(added);
      for (const each of [...wanted].toSorted(ascending)) kept.add(each);
      const asked = [...new Set([...added, ...others])].toSorted(ascending);
      expect(asked.filter((each) => kept.has(each))).toEqual(
        asked.filter((each) => wanted.has(each)),
      );
    }),
  );
});

it('holds as many as a directory may have', () => {
  const kept = new KeptNames();
  for (let number = 0; number < 200_000; number++) kept.add(nameOf(number));
  for (let number = 0; number < 200_000; number += 777) expect(kept.has(nameOf(number))).toBe(true);
  expect(kept.has(nameOf(999_999))).toBe(false);
});

function nameOf(number: number): ByteString {
  return byteStringOf(Buffer.from(`file-${String(number).padStart(7, '0')}`));
}

function ascending(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
