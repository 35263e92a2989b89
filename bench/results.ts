import type { Measurement } from './measure/measure.ts';
import { summarize, type Summary } from './measure/statistics.ts';
import type { Difference } from './source/compare-trees.ts';
import type { Phase } from './tools/index.ts';

/** What lies in a repository. */
export interface Stored {
  readonly bytes: number;
  readonly files: number;
}

/** One run of one tool. */
export interface RunResult {
  readonly phases: ReadonlyMap<Phase, Measurement>;
  readonly storedFirst: Stored | undefined;
  readonly storedSecond: Stored | undefined;
  /** Of the last minute, before it began: what else kept the machine busy. */
  readonly loadBefore: number;
}

/** All runs of one tool. */
export interface ToolResult {
  readonly name: string;
  readonly version: string;
  readonly runs: readonly RunResult[];
  /** How the first restored tree differs from the source; undefined if none was restored. */
  readonly differences: readonly Difference[] | undefined;
  /** Why it was measured no further. */
  readonly failure: string | undefined;
}

/** The figures of a phase that are reported. */
export type Figure = 'seconds' | 'cpuSeconds' | 'peakBytes';

/** A figure over all runs; undefined if the tool does not do that. */
export function summaryOf(result: ToolResult, phase: Phase, figure: Figure): Summary | undefined {
  return summarize(present(result.runs.map(({ phases }) => phases.get(phase)?.[figure])));
}

/** Bytes stored over all runs; undefined if nothing was. */
export function storedSummaryOf(
  result: ToolResult,
  after: 'storedFirst' | 'storedSecond',
): Summary | undefined {
  return summarize(present(result.runs.map((run) => run[after]?.bytes)));
}

function present(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}

/** Whether a row is one of our own program. */
export function isOurs({ name }: { readonly name: string }): boolean {
  return name.startsWith('versions');
}
