import type { Machine } from '../machine.ts';
import { type Figure, isOurs, storedSummaryOf, summaryOf, type ToolResult } from '../results.ts';
import type { Source } from '../source/prepare-source.ts';
import { isYardstick, type Phase } from '../tools/index.ts';
import { differencesText } from './differences-text.ts';
import { ratiosTable } from './ratios-table.ts';
import { columns } from './columns.ts';
import { countText, mebibytesText, none, secondsText, tableText } from './texts.ts';

/** Everything that was found out. */
export interface Report {
  readonly machine: Machine;
  readonly source: Source;
  /** What the mirrors, repositories and restored trees lie on. */
  readonly targetFileSystem: string;
  readonly runs: number;
  readonly edited: boolean;
  readonly missing: readonly string[];
  readonly results: readonly ToolResult[];
}

/** The report as Markdown: times and sizes, ratios, CPU seconds and memory. */
export function markdownOf(report: Report): string {
  const results = report.results.filter(({ runs }) => runs.length > 0);
  const parts = [
    heading(report),
    ...(results.length === 0 ? [] : tablesOf(results)),
    notes(report),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function tablesOf(results: readonly ToolResult[]): string[] {
  const ours = results.find(isOurs);
  return [
    timesTable(results),
    ours === undefined ? '' : ratiosTable(ours, results),
    figureTable(results, 'cpuSeconds', 'CPU s: '),
    figureTable(results, 'peakBytes', 'peak MiB: '),
    ours === undefined ? '' : answersText(ours),
  ];
}

function heading(report: Report): string {
  const { machine, source, targetFileSystem, runs, edited } = report;
  const { facts } = source;
  const disk = targetFileSystem === 'tmpfs' ? '' : ` on ${targetFileSystem}`;
  const size = `${countText(facts.files)} files, ${countText(facts.directories)} directories, ${countText(facts.symlinks)} symbolic links, ${countText(facts.bytes)} bytes`;
  const commit = machine.commit === undefined ? '' : `, commit ${machine.commit}`;
  const second = edited ? 'edited before the second backup' : 'unchanged for the second backup';
  const loads = report.results.flatMap((result) => result.runs.map((run) => run.loadBefore));
  const load =
    loads.length === 0
      ? ''
      : `, load before each between ${Math.min(...loads)} and ${Math.max(...loads)}`;
  return [
    `### ${source.name}${disk}: ${size}`,
    '',
    `${machine.date}${commit}; ${machine.processors} × ${machine.processor}, ${mebibytesText(machine.memoryBytes)} MiB; ${machine.system}; Node ${machine.node}.`,
    `Source on ${source.fileSystem}, everything else on ${targetFileSystem}, page cache warm, ${second}.`,
    `Runs: ${runs}, the tools in turn${load}. Seconds: median (fastest–slowest); CPU: median; memory: the most of all runs.`,
  ].join('\n');
}

function timesTable(results: readonly ToolResult[]): string {
  const head = [
    'tool',
    ...columns.map(([, title]) => `${title} s`),
    'stored bytes',
    'after second',
  ];
  const rows = results.map((result) => [
    nameOf(result),
    ...columns.map(([phase]) => secondsText(summaryOf(result, phase, 'seconds'))),
    countText(storedSummaryOf(result, 'storedFirst')?.median),
    countText(storedSummaryOf(result, 'storedSecond')?.median),
  ]);
  return tableText([head, ...rows]);
}

function figureTable(results: readonly ToolResult[], figure: Figure, title: string): string {
  const toText = (value: number | undefined): string => {
    if (figure === 'peakBytes') return mebibytesText(value);
    return value === undefined ? none : value.toFixed(2);
  };
  // Memory is what has to be there, not what is usual.
  const pick = figure === 'peakBytes' ? 'max' : 'median';
  const head = ['tool', ...columns.map(([, name]) => `${title}${name}`)];
  const rows = results.map((result) => [
    nameOf(result),
    ...columns.map(([phase]) => toText(summaryOf(result, phase, figure)?.[pick])),
  ]);
  return tableText([head, ...rows]);
}

function answersText(ours: ToolResult): string {
  const parts = [
    ['`versions --help`', 'help'],
    ['`versions snapshots`', 'snapshots'],
    ['`openssl dgst -sha256` of all stored files', 'hash'],
  ] as const satisfies readonly (readonly [string, Phase])[];
  return parts
    .flatMap(([title, phase]) => {
      const seconds = summaryOf(ours, phase, 'seconds');
      return seconds === undefined ? [] : [`- ${title}: ${secondsText(seconds)} s`];
    })
    .join('\n');
}

function notes({ results, missing }: Report): string {
  const lines = results.flatMap((result) => [
    ...(result.runs.length === 0
      ? []
      : [`- ${result.name} ${result.version}: ${differencesText(result)}`]),
    ...(result.failure === undefined
      ? []
      : [`- **${result.name} FAILED**: ${oneLine(result.failure)}`]),
  ]);
  return [...lines, ...missing.map((line) => `- ${line}`)].join('\n');
}

function nameOf(result: ToolResult): string {
  return isYardstick(result) ? `${result.name} (yardstick)` : result.name;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
