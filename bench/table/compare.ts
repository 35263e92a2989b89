import { type Figure, storedSummaryOf, summaryOf, type ToolResult } from '../results.ts';
import type { Phase } from '../tools/index.ts';
import type { Goal, Row } from './row.ts';

/** The results of one source, by the name of their tool. */
export type Results = ReadonlyMap<string, ToolResult>;

export function resultsByName(results: readonly ToolResult[]): Results {
  return new Map(results.map((result) => [result.name, result]));
}

interface Compared {
  readonly what: string;
  readonly phase: Phase;
  /** Name of the tool, and of the one it is held against. */
  readonly above: string;
  readonly below: string;
  /** Of the one it is held against, if it is another: the hashing of what verify reads. */
  readonly phaseBelow?: Phase;
  readonly goal?: Goal;
}

/** A ratio of medians, with those of the fastest runs and of the CPU seconds beside it. */
export function timeRatio(results: Results, compared: Compared): Row {
  const { what, phase, above, below, phaseBelow = phase, goal } = compared;
  const [a, b] = [results.get(above), results.get(below)];
  const ratio = (pick: 'median' | 'min', figure: Figure): number | undefined =>
    divide(a && summaryOf(a, phase, figure)?.[pick], b && summaryOf(b, phaseBelow, figure)?.[pick]);
  const value = ratio('median', 'seconds');
  const times = [a && summaryOf(a, phase, 'seconds'), b && summaryOf(b, phaseBelow, 'seconds')];
  const texts = times.map((summary) => `${summary?.median.toFixed(2)} s`);
  const note =
    value === undefined
      ? missingText(results, above, below)
      : `${texts.join(' over ')}; fastest ${text(ratio('min', 'seconds'))}, CPU ${text(ratio('median', 'cpuSeconds'))}`;
  return { what, value, note, unit: 'times', goal };
}

/** A ratio of stored bytes after the first backup, or of those that the second one added. */
export function storedRatio(
  results: Results,
  compared: Omit<Compared, 'phase'> & { readonly added?: boolean },
): Row {
  const { what, above, below, goal, added = false } = compared;
  const [a, b] = [above, below].map((name) => storedBy(results.get(name), added));
  const value = divide(a, b);
  const note =
    value === undefined
      ? missingText(results, above, below)
      : `${a?.toLocaleString('en-US')} over ${b?.toLocaleString('en-US')} bytes`;
  return { what, value, note, unit: 'times', goal };
}

/** The most memory of all runs, in the given phases. */
export function peakBytesOf(
  result: ToolResult | undefined,
  phases: readonly Phase[],
): number | undefined {
  if (result === undefined) return undefined;
  const peaks = phases.map((phase) => summaryOf(result, phase, 'peakBytes')?.max ?? 0);
  const most = Math.max(...peaks);
  return most === 0 ? undefined : most;
}

/** Why there are no figures. */
export function missingText(results: Results, ...names: readonly string[]): string {
  const reasons = names.flatMap((name) => {
    const result = results.get(name);
    if (result === undefined) return [`${name} not found`];
    return result.failure === undefined ? [] : [`${name} failed`];
  });
  return reasons.length === 0 ? 'no figures' : reasons.join(', ');
}

export function divide(above: number | undefined, below: number | undefined): number | undefined {
  return above === undefined || below === undefined || below === 0 ? undefined : above / below;
}

function storedBy(result: ToolResult | undefined, added: boolean): number | undefined {
  if (result === undefined) return undefined;
  const first = storedSummaryOf(result, 'storedFirst')?.median;
  if (!added) return first;
  const second = storedSummaryOf(result, 'storedSecond')?.median;
  return first === undefined || second === undefined ? undefined : second - first;
}

function text(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}
