import { combinationsOf, majorityOf, stretchesOf } from './differences.ts';

/** An object in clear is a few hundred bytes; more ways than this are not tried. */
const triesMax = 65_536;
const clearBytesMax = 4096;
const clearBytesMin = 64;

/**
 * `config` or `mirror`, put together from damaged copies: they carry their hash inside, so that any
 * way to put them together, and any single bit, can be tried. Undefined if none is accepted.
 */
export function mergeClear(
  copies: readonly Uint8Array[],
  accept: (bytes: Uint8Array) => boolean,
): Uint8Array | undefined {
  for (const copy of copies) {
    const found = beginningOf(copy, accept);
    if (found !== undefined) return found;
  }
  for (const size of new Set(copies.map(({ byteLength }) => byteLength))) {
    const majority = majorityOf(copies, size);
    if (majority !== undefined && accept(majority)) return majority;
    for (const gap of [64, 8, 1]) {
      const stretches = stretchesOf(copies, size, gap);
      if (stretches === undefined || combinationsOf(stretches) > triesMax) break;
      const choices = stretches.map((stretch) => stretch.choices);
      const found = combine(choices, [], accept);
      if (found !== undefined) return found;
    }
  }
  for (const copy of copies) {
    const found = flipEach(copy, accept);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Garbage behind an object that is whole, or another that was cut off. */
function beginningOf(
  copy: Uint8Array,
  accept: (bytes: Uint8Array) => boolean,
): Uint8Array | undefined {
  for (let end = Math.min(copy.byteLength, clearBytesMax); end >= clearBytesMin; end--) {
    const bytes = copy.subarray(0, end);
    if (accept(bytes)) return bytes.slice();
  }
  return undefined;
}

function combine(
  choices: readonly (readonly Uint8Array[])[],
  chosen: readonly Uint8Array[],
  accept: (bytes: Uint8Array) => boolean,
): Uint8Array | undefined {
  const next = choices[chosen.length];
  if (next === undefined) {
    const bytes = Buffer.concat(chosen);
    return accept(bytes) ? bytes : undefined;
  }
  for (const choice of next) {
    const found = combine(choices, [...chosen, choice], accept);
    if (found !== undefined) return found;
  }
  return undefined;
}

function flipEach(
  copy: Uint8Array,
  accept: (bytes: Uint8Array) => boolean,
): Uint8Array | undefined {
  const bytes = Buffer.from(copy);
  if (bytes.length * 8 > triesMax) return undefined;
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = bit >>> 3;
    const own = bytes[at] ?? 0;
    bytes[at] = own ^ (1 << (bit & 7));
    if (accept(bytes)) return bytes;
    bytes[at] = own;
  }
  return undefined;
}
