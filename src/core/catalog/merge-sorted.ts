/**
 * Sorted streams as one. Of each stream one item is held; they begin at the same time, and are all
 * ended when the merged one is.
 */
export async function* mergeSorted<T>(
  streams: readonly AsyncGenerator<T, void, undefined>[],
  compare: (a: T, b: T) => number,
): AsyncGenerator<T, void, undefined> {
  try {
    const heads = await Promise.all(
      streams.map(async (stream) => ({ stream, next: await stream.next() })),
    );
    for (;;) {
      let least: { readonly head: (typeof heads)[number]; readonly value: T } | undefined;
      for (const head of heads) {
        if (head.next.done === true) continue;
        const { value } = head.next;
        if (least === undefined || compare(value, least.value) < 0) least = { head, value };
      }
      if (least === undefined) return;
      yield least.value;
      least.head.next = await least.head.stream.next();
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.return()));
  }
}
