/** The middle, and the smallest and the largest, of several runs. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Undefined if there is no value at all. Of an even number the median is between the middle two. */
export function summarize(values: readonly number[]): Summary | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const min = sorted[0];
  const max = sorted.at(-1);
  const middle = sorted.length >> 1;
  const above = sorted[middle];
  const below = sorted[sorted.length % 2 === 0 ? middle - 1 : middle];
  if (min === undefined || max === undefined || above === undefined || below === undefined) {
    return undefined;
  }
  return { median: (below + above) / 2, min, max };
}
