import { requireImage } from './data/disk-image.ts';
import { describeMachine } from './machine.ts';
import type { Report } from './report/markdown.ts';
import { runBenchmark } from './run-benchmark.ts';
import type { RunContext } from './run-tool.ts';
import { prepareSource } from './source/prepare-source.ts';
import { fileSystemOf } from './source/scratch.ts';
import type { Tool } from './tools/index.ts';

export interface MeasureSourceOptions extends Omit<RunContext, 'source'> {
  readonly runs: number;
  /** A sentence for each row that cannot be measured. */
  readonly missing: readonly string[];
  readonly say: (line: string) => void;
}

/** Measures tools on one directory. What is written below the scratch directory stays there. */
export async function measureSource(
  directory: string,
  tools: readonly Tool[],
  { runs, missing, say, ...context }: MeasureSourceOptions,
): Promise<Report> {
  const source = await prepareSource(directory, context.scratch);
  if (context.edit) requireImage(source.path);
  const results = await runBenchmark(tools, { ...context, source: source.path }, { runs, say });
  return {
    machine: describeMachine(),
    source,
    targetFileSystem: fileSystemOf(context.scratch),
    runs,
    edited: context.edit,
    missing,
    results,
  };
}
