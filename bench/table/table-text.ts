import type { Machine } from '../machine.ts';
import { jsonOf } from '../report/json.ts';
import { markdownOf, type Report } from '../report/markdown.ts';
import { mebibytesText, tableText } from '../report/texts.ts';
import { goals } from './goals.ts';
import { type Row, type Unit, verdictOf } from './row.ts';
import type { SectionResult } from './section.ts';

/** What was found so far. */
export interface Table {
  readonly machine: Machine;
  readonly runs: number;
  /** Load of the last minute before the first section and after the last. */
  readonly loads: readonly [number, number];
  /** The sections that ended, and why a section failed, by name. */
  readonly sections: ReadonlyMap<string, SectionResult | Error>;
}

/** One table of all rows, what failed, and below it the reports that the rows are taken from. */
export function tableMarkdown(table: Table): string {
  const { machine, runs, loads } = table;
  const commit = machine.commit === undefined ? '' : `, commit ${machine.commit}`;
  const about = `${machine.date}${commit}; ${machine.processors} × ${machine.processor}, ${mebibytesText(machine.memoryBytes)} MiB; ${machine.system}; Node ${machine.node}; ${runs} runs in turn; load ${loads.join(' before, ')} after.`;
  const head = ['what', 'measured', 'must', 'aim', 'verdict', 'how it comes about'];
  const body = rowsOf(table).map((row) => [
    row.what,
    valueText(row.value, row.unit),
    valueText(row.goal?.must, row.unit),
    valueText(row.goal?.aim, row.unit),
    verdictOf(row),
    row.note,
  ]);
  const failures = failuresOf(table).map(
    ([name, error]) => `- **${name}**: ${oneLine(error.message)}`,
  );
  const parts = [
    about,
    tableText([head, ...body]),
    failures.join('\n'),
    ...reportsOf(table).map(markdownOf),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** The same with every single figure. */
export function tableJson(table: Table): string {
  const { machine, runs, loads } = table;
  const rows = rowsOf(table).map((row) => ({ ...row, verdict: verdictOf(row) }));
  const failures = Object.fromEntries(
    failuresOf(table).map(([name, error]) => [name, error.message]),
  );
  const reports = reportsOf(table).map((report): unknown => JSON.parse(jsonOf(report)));
  return `${JSON.stringify({ type: 'table', machine, runs, loads, rows, failures, reports }, null, 2)}\n`;
}

function rowsOf({ sections }: Table): readonly Row[] {
  const results = resultsOf(sections);
  return [...results.flatMap(({ rows }) => rows), ...peakRow(results)];
}

/** The most memory of all sections, since the goal is one for any row. */
function peakRow(results: readonly SectionResult[]): readonly Row[] {
  const [most] = results.flatMap(({ peaks }) => peaks).toSorted((a, b) => b.bytes - a.bytes);
  if (most === undefined) return [];
  return [
    {
      what: 'peak memory, any row',
      value: most.bytes / 1e6,
      note: `${most.what}; ${mebibytesText(most.bytes)} MiB`,
      unit: 'megabytes',
      goal: goals.peakMegabytes,
    },
  ];
}

function resultsOf(sections: Table['sections']): readonly SectionResult[] {
  return [...sections.values()].flatMap((section) => (section instanceof Error ? [] : [section]));
}

function reportsOf({ sections }: Table): readonly Report[] {
  return resultsOf(sections).flatMap(({ reports }) => reports);
}

function failuresOf({ sections }: Table): readonly (readonly [string, Error])[] {
  return [...sections].flatMap(([name, section]) =>
    section instanceof Error ? [[name, section] as const] : [],
  );
}

const texts: Readonly<Record<Unit, (value: number) => string>> = {
  times: (value) => value.toFixed(2),
  seconds: (value) => `${value.toFixed(2)} s`,
  milliseconds: (value) => `${Math.round(value)} ms`,
  megabytes: (value) => `${Math.round(value)} MB`,
  bytes: (value) => value.toFixed(1),
};

function valueText(value: number | undefined, unit: Unit): string {
  return value === undefined ? '–' : texts[unit](value);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
