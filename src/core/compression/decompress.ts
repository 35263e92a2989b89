import { zstdDecompressSync } from 'node:zlib';
import { VersionsError } from '../errors/index.ts';
import type { Codec } from './compress-block.ts';
import { readZstdFrame } from './zstd-frame.ts';

/**
 * The plaintext of a block or payload. `plainBytes` is its exact length, which the caller has checked
 * against a limit: no more memory than that is taken. For codec 0 the result is `bytes` itself.
 * Throws `Corrupt` (code COMPRESSED_DAMAGED).
 */
export function decompress(codec: Codec, bytes: Uint8Array, plainBytes: number): Uint8Array {
  if (codec === 0) {
    if (bytes.byteLength !== plainBytes) throw compressedDamaged(plainBytes);
    return bytes;
  }
  const frame = readZstdFrame(bytes);
  const fits =
    frame !== undefined &&
    frame.frameBytes === bytes.byteLength &&
    (frame.contentBytes ?? plainBytes) === plainBytes;
  if (!fits) throw compressedDamaged(plainBytes);
  let plain: Uint8Array;
  try {
    // Room for all of the output and a little more: when a buffer is full, another one is taken.
    plain = zstdDecompressSync(bytes, {
      chunkSize: plainBytes + 64,
      maxOutputLength: Math.max(plainBytes, 1),
    });
  } catch (error) {
    throw compressedDamaged(plainBytes, error);
  }
  if (plain.byteLength !== plainBytes) throw compressedDamaged(plainBytes);
  return plain;
}

function compressedDamaged(plainBytes: number, cause?: unknown): VersionsError {
  return new VersionsError(
    'Corrupt',
    'COMPRESSED_DAMAGED',
    `Compressed data is not one zstd frame of ${plainBytes} bytes`,
    { context: { plainBytes }, cause },
  );
}
