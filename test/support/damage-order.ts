/**
 * Names of objects in the order in which a test damages them: the smallest first. Names are hashes,
 * so in their own order chance would choose. With `VERSIONS_TEST_DAMAGE=N` the N smallest come last:
 * so that each object can be made the first, or the third.
 */
export function damageOrder(
  keys: readonly string[],
  bytesOf: (key: string) => number,
): readonly string[] {
  const sorted = keys.toSorted((a, b) => bytesOf(a) - bytesOf(b) || (a < b ? -1 : 1));
  const first = Number(process.env['VERSIONS_TEST_DAMAGE'] ?? 0) % Math.max(1, sorted.length);
  return [...sorted.slice(first), ...sorted.slice(0, first)];
}
