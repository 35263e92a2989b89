import { isOurs, storedSummaryOf, summaryOf, type ToolResult } from '../results.ts';
import type { Phase } from '../tools/index.ts';
import { columns } from './columns.ts';
import { none, ratioText, tableText } from './texts.ts';

/**
 * Ratios of medians: our first row over each peer, below one is better; and each further row of
 * ours over the first, to see what two mirrors or one thread change. Empty if there are none.
 */
export function ratiosTable(ours: ToolResult, results: readonly ToolResult[]): string {
  const rows = results
    .filter((result) => result !== ours)
    .map((result) => (isOurs(result) ? ratioRow(result, ours) : ratioRow(ours, result)));
  const hash = seconds(ours, 'hash');
  if (hash !== undefined) {
    const cells = columns.map(([phase]) =>
      phase === 'verify' ? ratioText(seconds(ours, phase), hash) : none,
    );
    rows.push([`${ours.name} / openssl dgst`, ...cells, none, none]);
  }
  const head = ['ratio', ...columns.map(([, title]) => title), 'stored', 'added by second'];
  return rows.length === 0 ? '' : tableText([head, ...rows]);
}

function ratioRow(above: ToolResult, below: ToolResult): string[] {
  return [
    `${above.name} / ${below.name}`,
    ...columns.map(([phase]) => ratioText(seconds(above, phase), seconds(below, phase))),
    ratioText(storedFirst(above), storedFirst(below)),
    ratioText(addedBySecond(above), addedBySecond(below)),
  ];
}

function seconds(result: ToolResult, phase: Phase): number | undefined {
  return summaryOf(result, phase, 'seconds')?.median;
}

function storedFirst(result: ToolResult): number | undefined {
  return storedSummaryOf(result, 'storedFirst')?.median;
}

function addedBySecond(result: ToolResult): number | undefined {
  const [first, second] = [storedFirst(result), storedSummaryOf(result, 'storedSecond')?.median];
  return first === undefined || second === undefined ? undefined : second - first;
}
