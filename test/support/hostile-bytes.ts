import * as fc from 'fast-check';
import { asBuffer } from '../../src/core/base/index.ts';
import { isVersionsError } from '../../src/core/errors/index.ts';

/** What `decode` gives, or undefined if it refused as a decoder may. Anything else it throws passes on. */
export function decodedOrRefused<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (isVersionsError(error, 'Corrupt', 'Unsupported')) return undefined;
    throw error;
  }
}

/**
 * What `encode` makes of the decoded value, or `bytes` if it was refused: equal to `bytes` if whatever
 * is accepted has one encoding only.
 */
export function encodedAgain<T>(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
): Buffer {
  const decoded = decodedOrRefused(() => decode(bytes));
  return Buffer.from(decoded === undefined ? bytes : encode(decoded));
}

/** The code with which `decode` refused, or undefined. */
export function refusalOf(decode: () => unknown): string | undefined {
  try {
    decode();
  } catch (error) {
    if (isVersionsError(error, 'Corrupt', 'Unsupported')) return error.code;
    throw error;
  }
  return undefined;
}

/** `bytes` with a few bytes changed, removed, doubled or cut off. */
export function mutationsOf(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const buffer = asBuffer(bytes);
  const place = fc.nat({ max: Math.max(0, buffer.length - 1) });
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(fc.constant('set' as const), place, fc.nat({ max: 255 })) },
    fc.tuple(fc.constant('remove' as const), place, fc.integer({ min: 1, max: 8 })),
    fc.tuple(fc.constant('double' as const), place, fc.integer({ min: 1, max: 8 })),
    fc.tuple(fc.constant('cut' as const), place, fc.constant(0)),
  );
  return fc.array(step, { minLength: 1, maxLength: 3 }).map((steps) => {
    let mutated = Buffer.from(buffer);
    for (const [what, at, value] of steps) {
      if (what === 'set' && at < mutated.length) mutated[at] = value;
      if (what === 'cut') mutated = mutated.subarray(0, at);
      if (what === 'remove') {
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + value)]);
      }
      if (what === 'double') {
        mutated = Buffer.concat([mutated.subarray(0, at + value), mutated.subarray(at)]);
      }
    }
    return mutated;
  });
}

/** Bytes of exactly this length. */
export function bytesOfLength(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

/** Ids in hexadecimal. */
export function hexes<T extends string>(length: 16 | 32): fc.Arbitrary<T> {
  return bytesOfLength(length).map((bytes) => asBuffer(bytes).toString('hex') as T);
}
