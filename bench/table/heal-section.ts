import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeNoiseFiles } from '../data/noise-files.ts';
import { type Command, command } from '../measure/command.ts';
import type { Measured } from '../measure/measure.ts';
import { summarize } from '../measure/statistics.ts';
import { removeTree } from '../source/scratch.ts';
import { peers, versionsTool } from '../tools/index.ts';
import { findProgram } from '../tools/find-program.ts';
import type { Place } from '../tools/tool.ts';
import { divide } from './compare.ts';
import { goals } from './goals.ts';
import type { Row } from './row.ts';
import { runIn } from './run-in.ts';
import type { Section, SectionContext } from './section.ts';

/** So much that starting a program does not count, of what nothing can compress. */
const sourceBytes = 2 * 2 ** 30;
/** The digests are computed at once, one process for each mirror. */
const hashBoth =
  'for each in "$@"; do (find "$each" -type f -print0 | xargs -0 openssl dgst -sha256) & done; wait';
/** What a careful hand would do: read the source, copy, read the copy. */
const copyByHand =
  'find "$1" -type f -print0 | xargs -0 openssl dgst -sha256 && cp -R "$1" "$2" && find "$2" -type f -print0 | xargs -0 openssl dgst -sha256';

/** How fast two mirrors are read whole, and how fast one is filled again from the other. */
export const healSection: Section = {
  name: 'heal',
  async measure(context) {
    const folder = join(context.scratch, 'heal');
    const place = placeIn(folder);
    const tool = versionsTool({ name: 'versions', mirrors: 2 });
    try {
      mkdirSync(place.source, { recursive: true });
      makeNoiseFiles(place.source, Math.round(sourceBytes * context.scale), 'versions/heal');
      for (const step of tool.setup(place)) await runIn(context, step, place.home);
      await runCommand(context, tool.command('first', place, new Map()), place.home);
      const [one, other] = [0, 1].map((at) => join(place.repository, `mirror-${at}`, 'packs'));
      if (one === undefined || other === undefined) throw new Error('There are two mirrors');
      const seconds = { hash: [], verify: [], copy: [], heal: [] } as Record<string, number[]>;
      const note = async (name: string, step: Command | undefined): Promise<void> => {
        seconds[name]?.push((await runCommand(context, step, place.home)).seconds);
      };
      const verify = tool.command('verify', place, new Map());
      for (let run = 0; run < context.runs; run++) {
        await note('hash', shell(hashBoth, one, other));
        await note('verify', verify);
        rmSync(other, { recursive: true });
        await note('copy', shell(copyByHand, one, other));
        rmSync(other, { recursive: true });
        await note('heal', verify && { ...verify, args: healArgs(verify.args) });
      }
      const median = (name: string): number | undefined => summarize(seconds[name] ?? [])?.median;
      const beside = await resticSeconds(context, folder, place.source);
      return {
        rows: [
          shareRow({
            what: 'verify --level data of two mirrors: share of the speed of openssl dgst, one process per mirror',
            seconds: median('verify'),
            least: median('hash'),
            goal: goals.verifyShareOfHash,
            beside: `; ${beside}`,
          }),
          shareRow({
            what: 'heal of all packs of one of two mirrors: share of the speed of cp and openssl dgst on both sides',
            seconds: median('heal'),
            least: median('copy'),
            goal: goals.healShareOfCopy,
            beside: '',
          }),
        ],
        reports: [],
        peaks: [],
      };
    } finally {
      removeTree(folder);
    }
  },
};

function placeIn(folder: string): Place {
  return {
    source: join(folder, 'source'),
    repository: join(folder, 'repository'),
    home: join(folder, 'home'),
    target: join(folder, 'target'),
  };
}

/** The same program, told to heal instead of to verify. */
function healArgs(args: readonly string[]): readonly string[] {
  return [...args.slice(0, args.indexOf('verify')), 'heal', '-q'];
}

function shell(script: string, ...directories: readonly string[]): Command {
  return command('sh', '-c', script, 'sh', ...directories);
}

function runCommand(
  context: SectionContext,
  step: Command | undefined,
  home: string,
): Promise<Measured> {
  if (step === undefined) throw new Error('The program has no such command');
  return runIn(context, step, home);
}

/** What `check --read-data` of restic takes for a repository of the same files, if it is here. */
async function resticSeconds(
  context: SectionContext,
  folder: string,
  source: string,
): Promise<string> {
  const [tool] = peers.get('restic') ?? [];
  if (tool === undefined || findProgram('restic', context.searchPath) === undefined) {
    return 'restic is not here';
  }
  const place = { ...placeIn(join(folder, 'restic')), source };
  mkdirSync(place.home, { recursive: true });
  for (const step of tool.setup(place)) await runIn(context, step, place.home);
  await runCommand(context, tool.command('first', place, new Map()), place.home);
  const { seconds } = await runCommand(
    context,
    tool.command('verify', place, new Map()),
    place.home,
  );
  return `restic check --read-data of one repository of the same files: ${seconds.toFixed(2)} s`;
}

function shareRow({
  what,
  seconds,
  least,
  goal,
  beside,
}: Pick<Row, 'what' | 'goal'> & {
  readonly seconds: number | undefined;
  readonly least: number | undefined;
  readonly beside: string;
}): Row {
  const note = `medians: ${least?.toFixed(2)} s over ${seconds?.toFixed(2)} s${beside}`;
  return { what, value: divide(least, seconds), note, unit: 'times', goal };
}
