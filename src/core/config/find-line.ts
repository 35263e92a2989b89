/**
 * The line, from 1, on which a key stands in a TOML text; undefined if it cannot be told.
 *
 * The parser gives no positions of values, so this looks for `[header]` and `key =` lines. It only
 * serves messages: on unusual layouts (keys in inline tables) it gives the nearest line above.
 */
export function findLine(text: string, path: readonly string[]): number | undefined {
  let section: readonly string[] = [];
  let nearest: { readonly depth: number; readonly line: number } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    const assigned = /^\s*([^=#[\]{}]+?)\s*=/.exec(line)?.[1];
    if (header !== undefined) section = splitKey(header);
    const key = header !== undefined ? section : assigned && [...section, ...splitKey(assigned)];
    if (!key || !isPrefix(key, path)) continue;
    if (nearest === undefined || key.length > nearest.depth) {
      nearest = { depth: key.length, line: index + 1 };
    }
  }
  return nearest?.line;
}

/** The parts of a dotted key, without quotes. */
export function splitKey(text: string): string[] {
  const parts = text.matchAll(/"([^"]*)"|'([^']*)'|([^.\s]+)/g);
  return [...parts].map(([, double, single, bare]) => double ?? single ?? bare ?? '');
}

function isPrefix(part: readonly string[], whole: readonly string[]): boolean {
  return part.length <= whole.length && part.every((element, index) => element === whole[index]);
}
