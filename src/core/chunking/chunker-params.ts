import { assert } from '../errors/index.ts';

/** Sizes of chunks in bytes, and the masks that lead to them. */
export interface ChunkerParams {
  readonly min: number;
  readonly avg: number;
  readonly max: number;
  /** Up to `avg`: two bits more than log2(avg), so that small chunks are rare. */
  readonly maskSmall: number;
  /** Beyond `avg`: two bits less, so that large chunks are rare. */
  readonly maskLarge: number;
}

/** The parameters for an average size, a power of two from 4 KiB to 4 MiB. */
export function chunkerParamsOf(avg: number): ChunkerParams {
  const bits = Math.log2(avg);
  assert(
    Number.isInteger(bits) && bits >= 12 && bits <= 22,
    'The average size is not a power of two from 4 KiB to 4 MiB',
  );
  return {
    min: avg / 4,
    avg,
    max: avg * 4,
    maskSmall: upperBits(bits + 2),
    maskLarge: upperBits(bits - 2),
  };
}

/** A mask of the upper `count` bits of 32, as a signed integer, which is what `&` works with. */
function upperBits(count: number): number {
  return -1 << (32 - count);
}
