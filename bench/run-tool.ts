import { mkdirSync, statSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { toggleEdits } from './data/disk-image.ts';
import { type Command, command } from './measure/command.ts';
import { measure, type Measurement } from './measure/measure.ts';
import type { RunResult, Stored } from './results.ts';
import { compareTrees, type Difference } from './source/compare-trees.ts';
import { removeTree } from './source/scratch.ts';
import { treeFactsOf } from './source/tree-facts.ts';
import { type Phase, phases, type Place, type Tool } from './tools/index.ts';

/** What all runs have in common. */
export interface RunContext {
  readonly source: string;
  readonly scratch: string;
  readonly searchPath: string;
  /** Whether the source, an image, is edited before the second backup; it is put back afterwards. */
  readonly edit: boolean;
  readonly signal: AbortSignal;
}

export interface Ran {
  readonly result: RunResult;
  readonly differences: Difference[] | undefined;
}

/** Runs all phases of a tool once, in a place that nobody used before and that is removed afterwards. */
export async function runTool(
  tool: Tool,
  context: RunContext,
  options: { readonly compare: boolean },
): Promise<Ran> {
  const run = new ToolRun(tool, context);
  try {
    await run.setUp();
    for (const phase of phases) await run.measurePhase(phase);
    const differences = options.compare ? run.compare() : undefined;
    return { result: run.result(), differences };
  } finally {
    run.cleanUp();
  }
}

class ToolRun {
  readonly #tool: Tool;
  readonly #context: RunContext;
  readonly #folder: string;
  readonly #place: Place;
  readonly #loadBefore = loadavg()[0] ?? 0;
  readonly #phases = new Map<Phase, Measurement>();
  readonly #outputs = new Map<Phase, string>();
  #storedFirst: Stored | undefined;
  #storedSecond: Stored | undefined;
  #isEdited = false;

  constructor(tool: Tool, context: RunContext) {
    this.#tool = tool;
    this.#context = context;
    this.#folder = join(context.scratch, tool.name);
    this.#place = {
      source: context.source,
      repository: join(this.#folder, 'repository'),
      home: join(this.#folder, 'home'),
      target: join(this.#folder, 'target'),
    };
  }

  async setUp(): Promise<void> {
    removeTree(this.#folder);
    for (const folder of [this.#logs, this.#temporary, this.#place.target]) {
      mkdirSync(folder, { recursive: true });
    }
    for (const step of this.#tool.setup(this.#place)) await this.#measure(step);
  }

  async measurePhase(phase: Phase): Promise<void> {
    const step = this.#tool.command(phase, this.#place, this.#outputs);
    if (step === undefined) return;
    if (phase === 'second' && this.#context.edit) this.#toggleEdits();
    const { output, ...measurement } = await this.#measure(step);
    this.#phases.set(phase, measurement);
    this.#outputs.set(phase, output);
    if (phase === 'first') this.#storedFirst = this.#stored();
    if (phase === 'second') this.#storedSecond = this.#stored();
  }

  compare(): Difference[] | undefined {
    if (!this.#phases.has('restore')) return undefined;
    return compareTrees(this.#context.source, this.#tool.restored(this.#place));
  }

  result(): RunResult {
    return {
      phases: this.#phases,
      storedFirst: this.#storedFirst,
      storedSecond: this.#storedSecond,
      loadBefore: this.#loadBefore,
    };
  }

  cleanUp(): void {
    if (this.#isEdited) this.#toggleEdits();
    removeTree(this.#folder);
  }

  get #logs(): string {
    return join(this.#folder, 'logs');
  }

  get #temporary(): string {
    return join(this.#place.home, 'tmp');
  }

  #measure(step: Command) {
    const { searchPath, signal } = this.#context;
    return measure(step, {
      logs: this.#logs,
      // Nothing of the caller's own environment: it could change what a tool does.
      env: {
        PATH: searchPath,
        HOME: this.#place.home,
        TMPDIR: this.#temporary,
        LC_ALL: 'C.UTF-8',
      },
      signal,
    });
  }

  #toggleEdits(): void {
    toggleEdits(this.#context.source);
    this.#isEdited = !this.#isEdited;
  }

  #stored(): Stored {
    const path = this.#tool.stored(this.#place);
    const stats = statSync(path);
    if (stats.isFile()) return { bytes: stats.size, files: 1 };
    const { bytes, files } = treeFactsOf(path);
    return { bytes, files };
  }
}

/** The first version number in what a tool says about itself. */
export async function versionOf(tool: Tool, context: RunContext): Promise<string> {
  const logs = join(context.scratch, 'version');
  mkdirSync(logs, { recursive: true });
  const [program = ''] = tool.programs;
  const { output } = await measure(command(program, ...tool.versionArgs), {
    logs,
    env: { PATH: context.searchPath, HOME: logs, LC_ALL: 'C.UTF-8' },
    signal: context.signal,
  });
  return /\d+(?:\.\d+)+/.exec(output)?.[0] ?? 'of an unknown version';
}
