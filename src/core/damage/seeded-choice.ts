import { createHash } from 'node:crypto';
import { asBuffer } from '../base/index.ts';

/** Choices that look like chance and are the same again for the same seed: SHA-256 of seed and counter. */
export class SeededChoice {
  readonly #seed: string;
  #counter = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** A whole number from 0 up to but not including `end`, which is at least 1. */
  below(end: number): number {
    // 48 of 256 bits: far more than any size here, so that no number is noticeably likelier.
    return asBuffer(this.bytes(32)).readUIntBE(0, 6) % end;
  }

  /** Bytes without meaning. */
  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let offset = 0; offset < count; offset += 32) {
      const block = createHash('sha256')
        .update(`${this.#seed}/${this.#counter++}`)
        .digest();
      bytes.set(block.subarray(0, Math.min(32, count - offset)), offset);
    }
    return bytes;
  }
}
