import type { Summary } from '../measure/statistics.ts';

/** What stands where a tool has no figure. */
export const none = '–';

const mebibyte = 1 << 20;

/** `4.13 (4.06–4.20)` */
export function secondsText(summary: Summary | undefined): string {
  if (summary === undefined) return none;
  const { median, min, max } = summary;
  const digits = median < 1 ? 3 : 2;
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** `213,641,051` */
export function countText(value: number | undefined): string {
  return value === undefined ? none : Math.round(value).toLocaleString('en-US');
}

/** In MiB, rounded. */
export function mebibytesText(bytes: number | undefined): string {
  return bytes === undefined ? none : countText(bytes / mebibyte);
}

/** Ours over theirs; below one is better. */
export function ratioText(ours: number | undefined, theirs: number | undefined): string {
  return ours === undefined || theirs === undefined || theirs === 0
    ? none
    : (ours / theirs).toFixed(2);
}

/** A Markdown table; its first column holds text, the others figures. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
