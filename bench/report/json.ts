import type { RunResult, ToolResult } from '../results.ts';
import type { Report } from './markdown.ts';

/** The report with every single figure, as JSON. Times in seconds, sizes in bytes. */
export function jsonOf({ results, ...rest }: Report): string {
  const report = { type: 'benchmark', ...rest, results: results.map(resultOf) };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function resultOf({ runs, ...rest }: ToolResult) {
  return { ...rest, runs: runs.map(runOf) };
}

function runOf({ phases, ...rest }: RunResult) {
  return { ...rest, phases: Object.fromEntries(phases) };
}
