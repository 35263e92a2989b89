/**
 * Measures our own program and its peers on a directory, as whole processes, and prints Markdown.
 *
 * What holds for every figure:
 * - the tools run in turn, each run in a fresh place, with a fresh repository and fresh caches;
 * - source, repositories and restored trees lie on one file system, in memory if there is one;
 * - what the first run restores is compared with the source, content and metadata;
 * - wall time is that of the whole process, CPU seconds are those of it and everything it started,
 *   as the kernel adds them up, peak memory is that of the whole process tree, by samples;
 * - a peer that is not there is named, not guessed.
 *
 * The exit code is 1 if something failed or came back different, 2 for arguments that cannot be meant.
 */
import { writeFileSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { buildDist } from '../scripts/build.ts';
import { chooseTools } from './choose-tools.ts';
import { measureSource } from './measure-source.ts';
import { isBad } from './report/differences-text.ts';
import { jsonOf } from './report/json.ts';
import { markdownOf, type Report } from './report/markdown.ts';
import { isOurs } from './results.ts';
import { type BenchSettings, parseSettings, usage, UsageError } from './settings.ts';
import { makeScratch, removeTree } from './source/scratch.ts';

/** Measures what the settings say. All that is written is removed again. */
async function bench(settings: BenchSettings, signal: AbortSignal): Promise<Report> {
  const searchPath = searchPathOf(settings);
  const { tools, missing } = chooseTools(settings, searchPath);
  for (const line of missing) say(line);
  if (tools.some(isOurs) && !(await buildDist({ quiet: true }))) {
    say('The sources have type errors, see: npm run typecheck');
  }
  const scratch = makeScratch(settings.scratchParent);
  try {
    const { runs, edit } = settings;
    const options = { scratch, searchPath, edit, signal, runs, missing, say };
    return await measureSource(settings.source, tools, options);
  } finally {
    removeTree(scratch);
  }
}

function searchPathOf({ peersDirectory }: BenchSettings): string {
  const own = peersDirectory === undefined ? [] : [resolve(peersDirectory)];
  return [...own, process.env['PATH'] ?? ''].join(delimiter);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(usage);
    return 0;
  }
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopped.abort(new Error(`Stopped by ${signal}`)));
  }
  try {
    const settings = parseSettings(args);
    // A file that cannot be written should not be noticed after an hour.
    if (settings.jsonFile !== undefined) writeFileSync(settings.jsonFile, '');
    const report = await bench(settings, stopped.signal);
    if (settings.jsonFile !== undefined) writeFileSync(settings.jsonFile, jsonOf(report));
    process.stdout.write(markdownOf(report));
    for (const { name, failure } of report.results) {
      if (failure !== undefined) say(`${name} failed: ${failure}`);
    }
    const bad = report.results.filter(isBad);
    if (bad.length > 0) say(`NOT TO BE BELIEVED: ${bad.map(({ name }) => name).join(', ')}`);
    return bad.length > 0 ? 1 : 0;
  } catch (error) {
    if (error instanceof UsageError) {
      say(`${error.message}\n\n${usage}`);
      return 2;
    }
    say(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
