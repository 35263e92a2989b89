import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, command } from '../measure/command.ts';
import { prepareSource } from '../source/prepare-source.ts';
import { removeTree } from '../source/scratch.ts';
import { walk } from '../source/walk.ts';
import { versionsTool } from '../tools/index.ts';
import { goals } from './goals.ts';
import type { Row } from './row.ts';
import { runIn } from './run-in.ts';
import type { Section } from './section.ts';

const indexProgram = fileURLToPath(new URL('../index/simulate-index.ts', import.meta.url));
const watch = new URL('../watch-event-loop.ts', import.meta.url).href;
const chunkCount = 10_000_000;

/** The chunk index of ten million chunks: loading it, and what a chunk costs at the peak. */
export const indexSection: Section = {
  name: 'index',
  async measure(context) {
    const file = join(context.scratch, 'index.bin');
    const count = Math.round(chunkCount * context.scale);
    try {
      await runIn(context, simulate('make', file, '1'));
      const empty = await runIn(context, simulate('open', file));
      await runIn(context, simulate('make', file, String(count)));
      const full = await runIn(context, simulate('open', file));
      const bytes = ((full.peakBytes ?? Number.NaN) - (empty.peakBytes ?? Number.NaN)) / count;
      const what = 'open a repository of 10 million chunks (simulated index)';
      const rows: Row[] = [
        {
          what: `${what}: time`,
          value: full.seconds,
          note: `whole process, 100,000 look-ups with it; CPU ${full.cpuSeconds?.toFixed(2)} s`,
          unit: 'seconds',
          goal: goals.indexSeconds,
        },
        {
          what: `${what}: bytes a chunk at the peak`,
          value: Number.isNaN(bytes) ? undefined : bytes,
          note: 'over the same process with one chunk',
          unit: 'bytes',
          goal: goals.indexBytes,
        },
      ];
      return { rows, reports: [], peaks: [] };
    } finally {
      rmSync(file, { force: true });
    }
  },
};

function simulate(...args: readonly string[]): Command {
  return command(process.execPath, indexProgram, ...args);
}

interface Turn {
  /** Milliseconds since the process began. */
  readonly atMs: number;
  readonly clockMs: number;
  readonly cpuMs: number;
}

interface Watched {
  /** When the process began, in milliseconds since 1970. */
  readonly originMs: number;
  readonly turns: readonly Turn[];
}

/** How long the event loop of the main thread was kept while packs were stored. */
export const eventLoopSection: Section = {
  name: 'event-loop',
  async measure(context) {
    const source = await prepareSource(context.source, context.scratch);
    const folder = join(context.scratch, 'event-loop');
    const place = {
      source: source.path,
      repository: join(folder, 'repository'),
      home: join(folder, 'home'),
      target: join(folder, 'target'),
    };
    const tool = versionsTool({ name: 'versions', mirrors: 1 });
    const file = join(folder, 'turns.json');
    try {
      for (const step of tool.setup(place)) await runIn(context, step, place.home);
      const backup = tool.command('first', place, new Map());
      if (backup === undefined) throw new Error('There is no first backup');
      await runIn(
        context,
        {
          ...backup,
          args: ['--import', watch, ...backup.args],
          env: { ...backup.env, BENCH_EVENT_LOOP: file },
        },
        place.home,
      );
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `watch`, just now
      const watched = JSON.parse(readFileSync(file, 'utf8')) as Watched;
      return { rows: [blockedRow(watched, tool.stored(place))], reports: [], peaks: [] };
    } finally {
      removeTree(folder);
    }
  },
};

function blockedRow({ originMs, turns }: Watched, mirror: string): Row {
  const stored = [...walk(join(mirror, 'packs'))]
    .filter(({ stats }) => stats.isFile())
    .map(({ stats }) => Number(stats.mtimeMs));
  const [from, to] = [Math.min(...stored) - originMs, Math.max(...stored) - originMs];
  // A turn is noted when it ends.
  const during = turns.filter(({ atMs, clockMs }) => atMs > from && atMs - clockMs < to);
  const longest = (pick: (turn: Turn) => number): number => Math.max(0, ...during.map(pick));
  return {
    what: 'first backup: longest turn of the event loop while packs are stored, processor time',
    value: longest(({ cpuMs }) => cpuMs),
    note: `by the clock ${Math.round(longest(({ clockMs }) => clockMs))} ms; ${stored.length} packs`,
    unit: 'milliseconds',
    goal: goals.blockedMs,
  };
}
