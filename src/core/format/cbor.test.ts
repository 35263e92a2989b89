import { decode as cborgDecode, encode as cborgEncode, rfc8949EncodeOptions } from 'cborg';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CborValue } from './cbor-reader.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { decodedOrRefused, mutationsOf, refusalOf } from '../../../test/support/hostile-bytes.ts';

const { values } = fc.letrec<{ values: unknown }>((tie) => ({
  values: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 300 }),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('values'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('values'), { maxKeys: 5, noNullPrototype: true }),
    fc
      .uniqueArray(fc.tuple(fc.maxSafeInteger(), tie('values')), {
        minLength: 1,
        maxLength: 5,
        selector: ([key]) => key,
      })
      .map((pairs) => new Map(pairs)),
  ),
}));

describe('CBOR', () => {
  test('is read as it was written, and as another library reads it', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encodeCbor(value);
        const decoded = decodeCbor(bytes);
        expect(cborgEncode(decoded, rfc8949EncodeOptions)).toEqual(bytes);
        expect(plain(decoded)).toEqual(plain(value));
      }),
    );
  });

  test('is refused unless it is deterministic', () => {
    fc.assert(
      fc.property(
        values.chain((value) => mutationsOf(encodeCbor(value))),
        (bytes) => {
          const decoded = decodedOrRefused(() => decodeCbor(bytes));
          if (decoded === undefined) return;
          expect(Buffer.from(cborgEncode(decoded, rfc8949EncodeOptions))).toEqual(bytes);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('accepts whatever the other library accepts and writes alike', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const ours = decodedOrRefused(() => decodeCbor(bytes));
        expect(ours !== undefined).toBe(isOurKindOfCbor(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['nothing', ''],
    ['two values', '0000'],
    ['an integer that is too long', '1800'],
    ['an integer in four bytes that fits two', '1a0000ffff'],
    ['an integer beyond 2^53 - 1', '1b0020000000000000'],
    ['a negative integer beyond -(2^53 - 1)', '3b001fffffffffffff'],
    ['a float', 'f90000'],
    ['null', 'f6'],
    ['undefined', 'f7'],
    ['a simple value in two bytes', 'f814'],
    ['a tag', 'c000'],
    ['an indefinite array', '9fff'],
    ['an indefinite map', 'bfff'],
    ['indefinite bytes', '5f4100ff'],
    ['indefinite text', '7f6100ff'],
    ['a break', 'ff'],
    ['keys out of order', 'a2616200616100'],
    ['a key twice', 'a2616100616100'],
    ['text and integer keys', 'a20000616100'],
    ['a key that is bytes', 'a1410000'],
    ['text that is not UTF-8', '61ff'],
    ['text with half a surrogate pair', '63eda080'],
    ['bytes that are cut off', '42ff'],
    ['an array of more items than bytes', '9a7fffffff00'],
    ['a map of more pairs than bytes', 'ba7fffffff00'],
    ['bytes of 2^53 - 1', '5b001fffffffffffff'],
  ])('refuses %s', (_, hex) => {
    expect(refusalOf(() => decodeCbor(Buffer.from(hex, 'hex')))).toBe('CBOR_INVALID');
  });

  test('sorts keys by their bytes, lengths included', () => {
    expect(Buffer.from(encodeCbor({ aa: 1, b: 2 })).toString('hex')).toBe('a261620262616101');
  });

  test('refuses deep nesting without running out of stack', () => {
    const deep = Buffer.concat([Buffer.alloc(1_000_000, 0x81), Buffer.of(0)]);
    expect(refusalOf(() => decodeCbor(deep))).toBe('CBOR_INVALID');
  });

  test('keeps a byte order mark and the name __proto__', () => {
    const value = { ['__proto__']: '\ufeffx', constructor: 1 };
    const decoded = decodeCbor(encodeCbor(value)) as Record<string, unknown>;
    expect(Object.entries(decoded)).toEqual([
      ['__proto__', '\ufeffx'],
      ['constructor', 1],
    ]);
  });

  test.each([1.5, Number.NaN, 2 ** 53, null])('does not write %s', (value) => {
    expect(() => encodeCbor({ value })).toThrow('deterministic CBOR');
  });
});

/** The other library with all of its strictness, and a second encoding to compare. */
function isOurKindOfCbor(bytes: Uint8Array): boolean {
  try {
    const value: unknown = cborgDecode(bytes, {
      strict: true,
      useMaps: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    });
    const again = Buffer.from(cborgEncode(value, rfc8949EncodeOptions));
    return again.equals(bytes) && !hasForeignTypes(value) && !hasFloatHeads(value, bytes);
  } catch {
    return false;
  }
}

function hasForeignTypes(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value === 'number') return !Number.isSafeInteger(value);
  if (Array.isArray(value)) return value.some((item) => hasForeignTypes(item));
  if (value instanceof Map) {
    const keys = [...value.keys()] as unknown[];
    const kinds = new Set(keys.map((key) => typeof key));
    const keysFit = kinds.size <= 1 && !kinds.has('boolean') && !kinds.has('object');
    return !keysFit || [...keys, ...value.values()].some((item) => hasForeignTypes(item));
  }
  return false;
}

/** Integers that came as floats were written as integers again, so they differ already. */
function hasFloatHeads(value: unknown, bytes: Uint8Array): boolean {
  return bytes[0] === 0xf9 && typeof value === 'number';
}

/** Without the difference between kinds of byte arrays and of empty maps. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map((item) => plain(item));
  if (value instanceof Map) {
    const pairs = [...(value as Map<number, CborValue>)].sort(([a], [b]) => a - b);
    return pairs.map(([key, item]) => [key, plain(item)]);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, plain(item)]);
  }
  return typeof value === 'string' ? Buffer.from(value).toString('utf8') : value;
}
