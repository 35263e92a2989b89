/**
 * Measures every row of docs/performance.md in one go, section by section, and prints them as one
 * table of Markdown. A section that fails is named and stops no other; after each section what was
 * found so far is written to the files that were asked for.
 *
 * The exit code is 1 if a section failed, 2 for arguments that cannot be meant.
 */
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { delimiter, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildDist } from '../scripts/build.ts';
import { describeMachine } from './machine.ts';
import { makeScratch, removeTree } from './source/scratch.ts';
import {
  binariesSection,
  imageSection,
  largeSection,
  smallSection,
} from './table/data-sections.ts';
import { healSection } from './table/heal-section.ts';
import { kernelSection } from './table/kernel-section.ts';
import { eventLoopSection, indexSection } from './table/own-sections.ts';
import { s3Section } from './table/s3-section.ts';
import type { Section, SectionContext, SectionResult } from './table/section.ts';
import { type Table, tableJson, tableMarkdown } from './table/table-text.ts';

const sections: readonly Section[] = [
  kernelSection,
  largeSection,
  imageSection,
  smallSection,
  indexSection,
  eventLoopSection,
  healSection,
  binariesSection,
  s3Section,
];

const usage = `Usage: npm run bench:table -- KERNEL [FLAG...]

Measures all rows of docs/performance.md: on KERNEL, the source of a Linux kernel, on data sets that
are made for it in memory (about 10 GB are needed), and on a directory of large binaries.

  --binaries DIR   a directory of large binaries, about 1 GB; without it those rows are left out
  --peers DIR      where the peers' programs are, searched before the PATH
  --runs N         how often the kernel is measured, the tools in turn (default: 3)
  --only NAMES     sections, separated by commas: ${sections.map(({ name }) => name).join(', ')}
  --scale FACTOR   0.01 makes data sets of a hundredth, to try it out (default: 1)
  --tmp DIR        where everything is written (default: /dev/shm if it is memory)
  --markdown FILE  the table and all reports, also written after each section
  --json FILE      every single figure, also written after each section
`;

const options = {
  binaries: { type: 'string' },
  peers: { type: 'string' },
  runs: { type: 'string', default: '3' },
  only: { type: 'string' },
  scale: { type: 'string', default: '1' },
  tmp: { type: 'string' },
  markdown: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

interface Settings extends Pick<SectionContext, 'source' | 'binaries' | 'runs' | 'scale'> {
  readonly searchPath: string;
  readonly chosen: readonly Section[];
  readonly tmp: string | undefined;
  readonly files: readonly (readonly [path: string | undefined, text: (table: Table) => string])[];
}

function settingsFrom(values: ReturnType<typeof parse>['values'], source: string): Settings {
  const names = values.only?.split(',') ?? sections.map(({ name }) => name);
  const unknown = names.filter((name) => !sections.some((section) => section.name === name));
  const [runs, scale] = [Number(values.runs), Number(values.scale)];
  if (unknown.length > 0 || !(runs >= 1 && Number.isInteger(runs)) || !(scale > 0)) {
    throw new Error(usage);
  }
  const own = values.peers === undefined ? [] : [resolve(values.peers)];
  return {
    source,
    binaries: values.binaries,
    runs,
    scale,
    searchPath: [...own, process.env['PATH'] ?? ''].join(delimiter),
    chosen: sections.filter(({ name }) => names.includes(name)),
    tmp: values.tmp,
    files: [
      [values.markdown, tableMarkdown],
      [values.json, tableJson],
    ],
  };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true });
}

async function measureTable(settings: Settings, signal: AbortSignal): Promise<Table> {
  const found = new Map<string, SectionResult | Error>();
  const before = load();
  const machine = describeMachine();
  const table = (): Table => ({
    machine,
    runs: settings.runs,
    loads: [before, load()],
    sections: found,
  });
  for (const section of settings.chosen) {
    const scratch = makeScratch(settings.tmp);
    say(`section ${section.name}, load ${load()}`);
    try {
      found.set(section.name, await section.measure({ ...settings, scratch, signal, say }));
    } catch (error) {
      found.set(section.name, error instanceof Error ? error : new Error(String(error)));
      say(`section ${section.name} failed: ${String(error)}`);
    } finally {
      removeTree(scratch);
    }
    writeFiles(settings, table());
    // What was found before somebody stopped it is worth printing still.
    if (signal.aborted) break;
  }
  return table();
}

function writeFiles({ files }: Settings, table: Table): void {
  for (const [path, text] of files) if (path !== undefined) writeFileSync(path, text(table));
}

function load(): number {
  return Number((loadavg()[0] ?? 0).toFixed(2));
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  let settings: Settings;
  try {
    const { values, positionals } = parse(args);
    const [source, more] = positionals;
    if (values.help) {
      process.stdout.write(usage);
      return 0;
    }
    if (source === undefined || more !== undefined) throw new Error(usage);
    settings = settingsFrom(values, source);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 2;
  }
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopped.abort(new Error(`Stopped by ${signal}`)));
  }
  if (!(await buildDist({ quiet: true })))
    say('The sources have type errors, see: npm run typecheck');
  const table = await measureTable(settings, stopped.signal);
  process.stdout.write(tableMarkdown(table));
  return [...table.sections.values()].some((section) => section instanceof Error) ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
