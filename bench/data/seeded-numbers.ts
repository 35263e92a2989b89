import { SeededNoise } from './seeded-noise.ts';

const bufferBytes = 1 << 16;
const wordBytes = 4;
const wordValues = 2 ** 32;

/** Numbers that are the same for the same seed. */
export class SeededNumbers {
  readonly #noise: SeededNoise;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #offset = bufferBytes;

  constructor(seed: string) {
    this.#noise = new SeededNoise(seed);
  }

  /** A whole number from 0 up to 2^32 − 1. */
  next(): number {
    if (this.#offset === bufferBytes) {
      this.#noise.fill(this.#buffer);
      this.#offset = 0;
    }
    const value = this.#buffer.readUInt32LE(this.#offset);
    this.#offset += wordBytes;
    return value;
  }

  /** A number from 0 up to but not including 1. */
  fraction(): number {
    return this.next() / wordValues;
  }

  /** A whole number from 0 up to but not including `end`. */
  below(end: number): number {
    return Math.floor(this.fraction() * end);
  }
}
