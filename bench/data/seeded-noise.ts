import { createCipheriv, createHash } from 'node:crypto';
import type { ByteSource } from './byte-source.ts';

const ivBytes = 16;

/** Bytes that nothing can compress: the key stream of AES-CTR under a key made from the seed. */
export class SeededNoise implements ByteSource {
  readonly #cipher;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(ivBytes));
  }

  fill(buffer: Buffer): void {
    buffer.fill(0);
    this.#cipher.update(buffer).copy(buffer);
  }
}
