import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeDataSet } from '../data/make-data-set.ts';
import { measureSource } from '../measure-source.ts';
import type { Report } from '../report/markdown.ts';
import { isOurs } from '../results.ts';
import { removeTree } from '../source/scratch.ts';
import { findProgram } from '../tools/find-program.ts';
import { phases, type Tool } from '../tools/index.ts';
import { peakBytesOf } from './compare.ts';
import type { Peak, SectionContext } from './section.ts';

/** Tools compare a file again whose times are too close to the time of the scan. */
const settleMs = 3000;

interface Wanted {
  readonly tools: readonly Tool[];
  readonly runs?: number;
  readonly edit?: boolean;
}

/** Measures those of the tools that are found. */
export async function measureDirectory(
  directory: string,
  { tools, runs, edit = false }: Wanted,
  context: SectionContext,
): Promise<Report> {
  const lackingOf = ({ programs }: Tool): readonly string[] =>
    programs.filter((name) => findProgram(name, context.searchPath) === undefined);
  return measureSource(
    directory,
    tools.filter((tool) => lackingOf(tool).length === 0),
    {
      ...context,
      runs: runs ?? context.runs,
      edit,
      missing: tools
        .filter((tool) => lackingOf(tool).length > 0)
        .map((tool) => `${tool.name} is not measured: ${lackingOf(tool).join(' and ')} not found`),
    },
  );
}

/** The same for a data set, which is made before and removed afterwards. */
export async function measureDataSet(
  { name, scale }: { readonly name: string; readonly scale: number },
  wanted: Wanted,
  context: SectionContext,
): Promise<Report> {
  const folder = join(context.scratch, `data-${name}`);
  try {
    context.say(`making the data set ${name}`);
    makeDataSet(name, folder, { scale: scale * context.scale, seed: '1' });
    await sleep(settleMs);
    return await measureDirectory(folder, wanted, context);
  } finally {
    removeTree(folder);
  }
}

/** The most memory that our own program took in each phase. */
export function peaksOf({ source, results }: Report): readonly Peak[] {
  return results.filter(isOurs).flatMap((result) =>
    phases.flatMap((phase) => {
      const bytes = phase === 'hash' ? undefined : peakBytesOf(result, [phase]);
      return bytes === undefined
        ? []
        : [{ what: `${phase} of ${source.name}, ${result.name}`, bytes }];
    }),
  );
}
