import { setMaxListeners } from 'node:events';
import type { RunResult, ToolResult } from './results.ts';
import { type RunContext, runTool, versionOf } from './run-tool.ts';
import type { Difference } from './source/compare-trees.ts';
import { readThrough } from './source/read-through.ts';
import type { Tool } from './tools/index.ts';

interface Row {
  readonly tool: Tool;
  version: string;
  readonly runs: RunResult[];
  differences?: Difference[];
  failure?: string;
}

/**
 * Runs the tools in turn, A B C A B C, so that whatever else the machine does meets all of them. A
 * tool that fails is left out of the further runs.
 */
export async function runBenchmark(
  tools: readonly Tool[],
  context: RunContext,
  options: { readonly runs: number; readonly say: (line: string) => void },
): Promise<ToolResult[]> {
  setMaxListeners(0, context.signal);
  const rows = tools.map((tool): Row => ({ tool, version: '', runs: [] }));
  for (const row of rows) {
    await attempt(row, context, async () => {
      row.version = await versionOf(row.tool, context);
    });
  }
  for (let run = 1; run <= options.runs; run += 1) {
    // What the last run has written may have pushed the source out of the page cache.
    readThrough(context.source);
    for (const row of rows) {
      if (row.failure !== undefined) continue;
      await attempt(row, context, async () => {
        const ran = await runTool(row.tool, context, { compare: run === 1 });
        row.runs.push(ran.result);
        if (ran.differences !== undefined) row.differences = ran.differences;
      });
      options.say(`run ${run} of ${options.runs}: ${row.tool.name} ${outcomeOf(row)}`);
    }
  }
  return rows.map(({ tool, version, runs, differences, failure }) => ({
    name: tool.name,
    version,
    runs,
    differences,
    failure,
  }));
}

async function attempt(row: Row, { signal }: RunContext, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    // Being stopped is no fault of the tool.
    signal.throwIfAborted();
    row.failure = error instanceof Error ? error.message : String(error);
  }
}

function outcomeOf({ runs, failure }: Row): string {
  if (failure !== undefined) return 'FAILED';
  const seconds = [...(runs.at(-1)?.phases ?? [])].map(
    ([phase, measurement]) => `${phase} ${measurement.seconds.toFixed(2)} s`,
  );
  return seconds.join(', ');
}
