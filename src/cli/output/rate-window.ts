const bucketMs = 1000;
const bucketCountMax = 120;
/** Fewer tell nothing about the rest. */
const bucketCountMin = 5;

/** The rate of a growing total over the last two minutes, in buckets of a second. */
export class RateWindow {
  readonly #samples: { readonly at: number; readonly total: number }[] = [];

  /** Notes the total at a time; times do not go back. */
  add(at: number, total: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < bucketMs) return;
    this.#samples.push({ at, total });
    if (this.#samples.length > bucketCountMax) this.#samples.shift();
  }

  /** Units a second; undefined while too little has been seen to tell. */
  get perSecond(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || this.#samples.length < bucketCountMin) {
      return undefined;
    }
    const rate = ((last.total - first.total) * 1000) / (last.at - first.at);
    return rate > 0 ? rate : undefined;
  }
}
