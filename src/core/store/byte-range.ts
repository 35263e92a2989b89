import { assert } from '../errors/index.ts';
import type { GetOptions } from './object-store.ts';

/** Where to read in an object of `bytes` bytes: the range, cut off at the object's end. */
export function clampRange(
  range: GetOptions['range'],
  bytes: number,
): { readonly offset: number; readonly length: number } {
  if (range === undefined) return { offset: 0, length: bytes };
  assert(
    Number.isSafeInteger(range.offset) && range.offset >= 0,
    `A range begins at ${range.offset}`,
  );
  assert(
    Number.isSafeInteger(range.length) && range.length >= 0,
    `A range has ${range.length} bytes`,
  );
  const offset = Math.min(range.offset, bytes);
  return { offset, length: Math.min(range.length, bytes - offset) };
}

export function partsBytes(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  return bytes;
}
