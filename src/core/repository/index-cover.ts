/** Which packs, by number, have their chunks in the index. */
export class IndexCover {
  /** All below this, but for those in `#holes`. */
  readonly #below: number;
  readonly #holes: Set<number>;
  readonly #more: Set<number> = new Set();

  constructor(below = 0, holes: Iterable<number> = []) {
    this.#below = below;
    this.#holes = new Set(holes);
  }

  add(number: number): void {
    if (number < this.#below) this.#holes.delete(number);
    else this.#more.add(number);
  }

  has(number: number): boolean {
    return number < this.#below ? !this.#holes.has(number) : this.#more.has(number);
  }

  /** Of the packs with numbers below `count`, those that are not in the index. */
  missing(count: number): readonly number[] {
    const missing = [...this.#holes];
    for (let number = this.#below; number < count; number++) {
      if (!this.#more.has(number)) missing.push(number);
    }
    return missing;
  }
}
