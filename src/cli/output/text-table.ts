import { displayWidth } from './display-width.ts';

/** Lines of a table with aligned columns; those named in `right` are flush right. */
export function renderTable(
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number> = new Set(),
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell));
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - displayWidth(cell));
        return right.has(column) ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd(),
  );
}

/** The text cut at the left to at most `width` columns: the end of a path says more. */
export function fitLeft(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const characters = Array.from(text);
  let columns = 1;
  let start = characters.length;
  while (start > 0) {
    columns += displayWidth(characters[start - 1] ?? '');
    if (columns > width) break;
    start -= 1;
  }
  return width < 1 ? '' : `…${characters.slice(start).join('')}`;
}
