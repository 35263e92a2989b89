import { createCipheriv, createHash, hash } from 'node:crypto';
import type { Random } from '../../src/core/base/index.ts';

/** The same bytes in every run for the same seed: SHA-256 of seed and counter. */
export class SeededRandom implements Random {
  readonly #seed: string;
  #counter = 0;

  constructor(seed: number | string) {
    this.#seed = String(seed);
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let offset = 0; offset < count; offset += 32) {
      const block = hash('sha256', `${this.#seed}/${this.#counter}`, 'buffer');
      this.#counter += 1;
      bytes.set(block.subarray(0, Math.min(32, count - offset)), offset);
    }
    return bytes;
  }

  /** A whole number from 0 up to but not including `end`. */
  below(end: number): number {
    const bytes = this.bytes(4);
    return new DataView(bytes.buffer).getUint32(0) % end;
  }
}

/** Many bytes of noise, always the same for the same seed: an AES key stream, because it is fast. */
export function seededBytes(seed: number | string, count: number): Buffer {
  const key = createHash('sha256').update(String(seed)).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(count));
}
