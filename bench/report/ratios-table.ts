import { type Figure, isOurs, storedSummaryOf, summaryOf, type ToolResult } from '../results.ts';
import type { Phase } from '../tools/index.ts';
import { columns } from './columns.ts';
import { none, ratioText, tableText } from './texts.ts';

/**
 * Ratios of medians, and of CPU seconds in brackets: our first row over each peer, below one is
 * better; and each further row of ours over the first, to see what two mirrors or one thread change.
 * Empty if there are none.
 */
export function ratiosTable(ours: ToolResult, results: readonly ToolResult[]): string {
  const rows = results
    .filter((result) => result !== ours)
    .map((result) => (isOurs(result) ? ratioRow(result, ours) : ratioRow(ours, result)));
  const hash = median(ours, 'hash', 'seconds');
  if (hash !== undefined) {
    const verify = ratioText(median(ours, 'verify', 'seconds'), hash);
    const cells = columns.map(([phase]) => (phase === 'verify' ? verify : none));
    rows.push([`${ours.name} / openssl dgst`, ...cells, none, none]);
  }
  const head = [
    'ratio (of CPU s)',
    ...columns.map(([, title]) => title),
    'stored',
    'added by second',
  ];
  return rows.length === 0 ? '' : tableText([head, ...rows]);
}

function ratioRow(above: ToolResult, below: ToolResult): string[] {
  return [
    `${above.name} / ${below.name}`,
    ...columns.map(([phase]) => timesRatio(above, below, phase)),
    ratioText(storedFirst(above), storedFirst(below)),
    ratioText(addedBySecond(above), addedBySecond(below)),
  ];
}

/** `1.20 (0.95)` */
function timesRatio(above: ToolResult, below: ToolResult, phase: Phase): string {
  const ratio = (figure: Figure): string =>
    ratioText(median(above, phase, figure), median(below, phase, figure));
  const wall = ratio('seconds');
  // What else the machine does makes a process wait, but hardly makes it compute more.
  const cpu = ratio('cpuSeconds');
  return wall === none || cpu === none ? wall : `${wall} (${cpu})`;
}

function median(result: ToolResult, phase: Phase, figure: Figure): number | undefined {
  return summaryOf(result, phase, figure)?.median;
}

function storedFirst(result: ToolResult): number | undefined {
  return storedSummaryOf(result, 'storedFirst')?.median;
}

function addedBySecond(result: ToolResult): number | undefined {
  const [first, second] = [storedFirst(result), storedSummaryOf(result, 'storedSecond')?.median];
  return first === undefined || second === undefined ? undefined : second - first;
}
