/** A set of small numbers, such as those of files: one bit for each up to the highest. */
export class NumberSet {
  #bits: Uint8Array = new Uint8Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    return ((this.#bits[number >>> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }

  /** False if it was there already. */
  add(number: number): boolean {
    if (this.has(number)) return false;
    const at = number >>> 3;
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(this.#bits.length * 2, at + 1));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (number & 7));
    this.#size += 1;
    return true;
  }

  /** Ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (let at = 0; at < this.#bits.length; at++) {
      const byte = this.#bits[at] ?? 0;
      for (let bit = 0; byte >>> bit !== 0; bit++) {
        if (((byte >>> bit) & 1) === 1) yield at * 8 + bit;
      }
    }
  }
}
