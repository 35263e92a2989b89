/** What came of one read. */
export type Outcome<R> = { readonly value: R } | { readonly error: unknown };

/**
 * Reads items in their order, up to `limit` of them at once. A failure is an outcome like another,
 * so that it shows when its turn comes.
 */
export async function* readAhead<T, R>(
  items: Iterable<T>,
  limit: number,
  read: (item: T) => Promise<R>,
): AsyncGenerator<readonly [T, Outcome<R>]> {
  const waiting: (readonly [T, Promise<Outcome<R>>])[] = [];
  const outcomeOf = (item: T): Promise<Outcome<R>> =>
    read(item).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
  const rest = items[Symbol.iterator]();
  for (;;) {
    while (waiting.length < limit) {
      const next = rest.next();
      if (next.done === true) break;
      waiting.push([next.value, outcomeOf(next.value)]);
    }
    const first = waiting.shift();
    if (first === undefined) return;
    yield [first[0], await first[1]];
  }
}
