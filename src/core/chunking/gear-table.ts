import { hkdfSync } from 'node:crypto';
import { assert } from '../errors/index.ts';

/** The 256 numbers that decide where chunks end, one for each value of a byte. */
export function createGearTable(chunkerSecret: Uint8Array): Uint32Array {
  assert(chunkerSecret.byteLength === 32, 'The chunker secret must have 32 bytes');
  const empty = new Uint8Array(0);
  const bytes = hkdfSync('sha256', chunkerSecret, empty, 'versions/1/gear', 1024);
  const view = new DataView(bytes);
  return Uint32Array.from({ length: 256 }, (_, at) => view.getUint32(4 * at, true));
}
