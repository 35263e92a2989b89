import { zstdDecompressSync } from 'node:zlib';
import { releaseMemory } from '../base/index.ts';
import { systemErrorCode, VersionsError } from '../errors/index.ts';
import type { Codec } from './compress-block.ts';
import { ZstdContext } from './zstd-context.ts';
import { readZstdFrame } from './zstd-frame.ts';

/**
 * The plaintext of a block or payload. `plainBytes` is its exact length, which the caller has checked
 * against a limit: no more memory than that is taken. For codec 0 the result is `bytes` itself.
 * Throws `Corrupt` (code COMPRESSED_DAMAGED; COMPRESSED_OVERLONG if there is more than that in it).
 */
export function decompress(codec: Codec, bytes: Uint8Array, plainBytes: number): Uint8Array {
  checkOutside(codec, bytes, plainBytes);
  return codec === 0 ? bytes : decompressOnce(bytes, plainBytes);
}

/** Decompresses as `decompress` does, many blocks one after another, into memory that is kept. */
export class BlockDecompressor {
  readonly #context: ZstdContext = ZstdContext.decompressing();
  #output: Buffer = Buffer.alloc(0);

  /** What is returned is valid until the next call. */
  decompress(codec: Codec, bytes: Uint8Array, plainBytes: number): Uint8Array {
    checkOutside(codec, bytes, plainBytes);
    if (codec === 0) return bytes;
    const room = plainBytes + 1;
    if (this.#output.byteLength < room) {
      releaseMemory(this.#output);
      this.#output = Buffer.allocUnsafeSlow(room);
    }
    const count = this.#context.run(bytes, this.#output.subarray(0, room));
    if (count === plainBytes) return this.#output.subarray(0, count);
    return decompressOnce(bytes, plainBytes);
  }
}

function decompressOnce(bytes: Uint8Array, plainBytes: number): Uint8Array {
  let plain: Uint8Array;
  try {
    // Room for all of the output and a little more: when a buffer is full, another one is taken.
    plain = zstdDecompressSync(bytes, {
      chunkSize: plainBytes + 64,
      maxOutputLength: Math.max(plainBytes, 1),
    });
  } catch (error) {
    if (systemErrorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw overlong(plainBytes);
    throw compressedDamaged(plainBytes, error);
  }
  if (plain.byteLength !== plainBytes) throw compressedDamaged(plainBytes);
  return plain;
}

/** What can be told without decoding. */
function checkOutside(codec: Codec, bytes: Uint8Array, plainBytes: number): void {
  if (codec === 0) {
    if (bytes.byteLength !== plainBytes) throw compressedDamaged(plainBytes);
    return;
  }
  const frame = readZstdFrame(bytes);
  if (frame?.frameBytes !== bytes.byteLength) throw compressedDamaged(plainBytes);
  const { contentBytes = plainBytes } = frame;
  if (contentBytes > plainBytes) throw overlong(plainBytes);
  if (contentBytes < plainBytes) throw compressedDamaged(plainBytes);
}

/** A bomb, or a fault in the program that made it. */
function overlong(plainBytes: number): VersionsError {
  return new VersionsError(
    'Corrupt',
    'COMPRESSED_OVERLONG',
    `Compressed data unpacks to more than the ${plainBytes} bytes that it is said to hold`,
    { context: { plainBytes } },
  );
}

function compressedDamaged(plainBytes: number, cause?: unknown): VersionsError {
  return new VersionsError(
    'Corrupt',
    'COMPRESSED_DAMAGED',
    `Compressed data is not one zstd frame of ${plainBytes} bytes`,
    { context: { plainBytes }, cause },
  );
}
