import { isVersionsError } from '../errors/index.ts';
import {
  checkPieceTable,
  decodePackTrailer,
  type PackTrailer,
  pieceBytes,
  pieceHashBytes,
  trailerBytes,
} from '../format/index.ts';
import { combinationsOf, majorityOf, stretchesOf } from './differences.ts';

/** The end of a pack: piece table and trailer, proved by the hash in the trailer. */
export interface PieceTable {
  /** Bytes of the whole pack. */
  readonly size: number;
  /** Where the piece table begins, and with it `end`. */
  readonly offset: number;
  /** Piece table and trailer. */
  readonly end: Uint8Array;
}

/** More ways to put a piece table together than this are not tried: each costs a hash of it. */
const combinationsMax = 4096;

/**
 * The piece table of a pack of `size` bytes, from any copy that has it whole, or put together from
 * several that are damaged in different places of it.
 */
export function findPieceTable(
  copies: readonly Uint8Array[],
  size: number,
): PieceTable | undefined {
  const reaching = copies.filter((copy) => copy.byteLength >= size);
  for (const copy of reaching) {
    const table = tableOf(copy, size);
    if (table !== undefined) return table;
  }
  const majority = majorityOf(reaching, size);
  if (majority === undefined) return combineTables(reaching, size);
  return tableOf(majority, size) ?? combineTables([majority, ...reaching], size);
}

function tableOf(copy: Uint8Array, size: number): PieceTable | undefined {
  const trailer = trailerOf(copy, size);
  return trailer && tableIn(copy.subarray(trailer.pieceTableOffset, size), trailer, size);
}

function combineTables(copies: readonly Uint8Array[], size: number): PieceTable | undefined {
  if (copies.length < 2) return undefined;
  // The trailer says where the table begins: at least one must be readable, be it wrong elsewhere.
  for (const copy of copies) {
    const trailer = trailerOf(copy, size);
    if (trailer === undefined) continue;
    const { pieceTableOffset: offset } = trailer;
    const ends = copies.map((other) => other.subarray(offset, size));
    for (const gap of [512, pieceHashBytes, 1]) {
      const stretches = stretchesOf(ends, size - offset, gap);
      if (stretches === undefined || combinationsOf(stretches) > combinationsMax) break;
      for (const end of combinations(stretches.map(({ choices }) => choices))) {
        const table = tableIn(end, trailer, size);
        if (table !== undefined) return table;
      }
    }
  }
  return undefined;
}

function* combinations(
  choices: readonly (readonly Uint8Array[])[],
  chosen: readonly Uint8Array[] = [],
): Generator<Uint8Array> {
  const next = choices[chosen.length];
  if (next === undefined) yield Buffer.concat(chosen);
  else for (const choice of next) yield* combinations(choices, [...chosen, choice]);
}

function tableIn(end: Uint8Array, trailer: PackTrailer, size: number): PieceTable | undefined {
  const begin = end.byteLength - trailerBytes;
  const ownTrailer = end.subarray(begin);
  const offset = trailer.pieceTableOffset;
  if (begin !== Math.ceil(offset / pieceBytes) * pieceHashBytes) return undefined;
  const isWhole =
    trailerIn(ownTrailer, size)?.pieceTableOffset === offset &&
    checkPieceTable(end.subarray(0, begin), ownTrailer);
  return isWhole ? { size, offset, end } : undefined;
}

function trailerOf(copy: Uint8Array, size: number): PackTrailer | undefined {
  return size < trailerBytes
    ? undefined
    : trailerIn(copy.subarray(size - trailerBytes, size), size);
}

function trailerIn(bytes: Uint8Array, size: number): PackTrailer | undefined {
  try {
    return decodePackTrailer(bytes, size);
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'Unsupported')) throw error;
    return undefined;
  }
}

/** Lengths that a pack may have had, judged by the ends of trailers that lie in a copy. */
export function sizesByTrailers(copy: Uint8Array): readonly number[] {
  const sizes: number[] = [];
  const buffer = Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength);
  let at = buffer.length;
  // Garbage behind a pack may hold the mark too, but hardly often.
  for (let seen = 0; seen < 16 && at > 0; seen++) {
    at = buffer.lastIndexOf(trailerMark, at - 1);
    if (at < 0) break;
    const size = at + trailerMark.length;
    if (trailerOf(copy, size) !== undefined) sizes.push(size);
  }
  return sizes;
}

/** Does a pack end where these bytes do, but for one bit? What was cut off does not. */
export function mayEndAPack(bytes: Uint8Array): boolean {
  const end = bytes.subarray(Math.max(0, bytes.byteLength - trailerMark.length));
  const wrong = trailerMark.map((byte, at) => byte ^ (end[at] ?? 0)).filter((bits) => bits !== 0);
  return (
    wrong.length === 0 || (wrong.length === 1 && ((wrong[0] ?? 0) & ((wrong[0] ?? 0) - 1)) === 0)
  );
}

const trailerMark = Buffer.from('VERSPACK', 'latin1');
