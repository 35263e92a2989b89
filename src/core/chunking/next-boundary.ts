import { endianness } from 'node:os';
import { assert } from '../errors/index.ts';
import type { ChunkerParams } from './chunker-params.ts';

/**
 * Where the chunk that begins at `start` ends. `end` is the end of the file, or at least `max` bytes
 * of it are there: without that the answer could depend on how much was read, so the caller must
 * see to it. More than `start` if `end` is.
 */
// oxlint-disable-next-line max-params -- called for every chunk; no object is made for its arguments
export function nextBoundary(
  bytes: Uint8Array,
  start: number,
  end: number,
  params: ChunkerParams,
  gear: Uint32Array,
): number {
  const { min, avg, max, maskSmall, maskLarge } = params;
  assert(start >= 0 && start <= end && end <= bytes.length, 'The range is not within the bytes');
  assert(gear.length === 256, 'A gear table has 256 numbers');
  if (end - start <= min) return end;
  const limit = Math.min(end, start + max);
  const middle = Math.min(limit, start + avg);
  const scan: Scan = { bytes, hashedFrom: start + min, gear };
  const early = findEnd(scan, start + min, middle, maskSmall);
  if (early >= 0) return early;
  const late = findEnd(scan, middle, limit, maskLarge);
  return late >= 0 ? late : limit;
}

interface Scan {
  readonly bytes: Uint8Array;
  /** Where the rolling hash began at zero. */
  readonly hashedFrom: number;
  readonly gear: Uint32Array;
}

/** Each step shifts one bit out, so that no more bytes than this matter to the hash. */
const hashWindowBytes = 32;
const readsWords = endianness() === 'LE';

/** The first boundary after a byte from `from` to `to` − 1, or −1. */
function findEnd(scan: Scan, from: number, to: number, mask: number): number {
  const { bytes } = scan;
  const misaligned = (bytes.byteOffset + from) & 3;
  const wordsFrom = misaligned === 0 ? from : Math.min(to, from + 4 - misaligned);
  const wordCount = readsWords ? (to - wordsFrom) >> 2 : 0;
  if (wordCount === 0) return scanBytes(scan, from, to, mask);
  const before = scanBytes(scan, from, wordsFrom, mask);
  if (before >= 0) return before;
  // Reading four bytes at once makes this half as fast again (measured: 2.2 against 1.4 GB/s).
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + wordsFrom, wordCount);
  const found = scanWords(words, hashBefore(scan, wordsFrom), mask, scan.gear);
  if (found >= 0) return wordsFrom + found;
  return scanBytes(scan, wordsFrom + 4 * wordCount, to, mask);
}

/** The rolling hash as it is when the byte at `at` comes next. */
function hashBefore(scan: Scan, at: number): number {
  const { bytes, hashedFrom, gear } = scan;
  let hash = 0;
  for (let past = Math.max(hashedFrom, at - hashWindowBytes); past < at; past++) {
    hash = ((hash << 1) + (gear[bytes[past] ?? 0] ?? 0)) | 0;
  }
  return hash;
}

function scanBytes(scan: Scan, from: number, to: number, mask: number): number {
  const { bytes, gear } = scan;
  let hash = hashBefore(scan, from);
  for (let at = from; at < to; at++) {
    hash = ((hash << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0;
    if ((hash & mask) === 0) return at + 1;
  }
  return -1;
}

/* Small, and called with the same types always, so that it reaches the optimising compiler soon. */
function scanWords(words: Int32Array, start: number, mask: number, gear: Uint32Array): number {
  const { length } = words;
  let hash = start;
  for (let at = 0; at < length; at++) {
    const word = words[at] ?? 0;
    hash = ((hash << 1) + (gear[word & 255] ?? 0)) | 0;
    if ((hash & mask) === 0) return 4 * at + 1;
    hash = ((hash << 1) + (gear[(word >>> 8) & 255] ?? 0)) | 0;
    if ((hash & mask) === 0) return 4 * at + 2;
    hash = ((hash << 1) + (gear[(word >>> 16) & 255] ?? 0)) | 0;
    if ((hash & mask) === 0) return 4 * at + 3;
    hash = ((hash << 1) + (gear[word >>> 24] ?? 0)) | 0;
    if ((hash & mask) === 0) return 4 * at + 4;
  }
  return -1;
}
