import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Machine, type Outcome } from '../cli/machine.ts';
import { cutPower, type PowerCut, powerLosses, readPowerLog } from '../support/power-loss.ts';
import type { PowerEvent, PowerOrder } from '../support/power-record.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/**
 * The power goes while the program writes what tells it where a repository is: key files and the
 * configuration, beside the first objects of the mirrors. As in `power-loss.test.ts`, with the real
 * program.
 */

const recorder = fileURLToPath(new URL('../support/power-recorder.ts', import.meta.url));
const { VERSIONS_TEST_SEED, VERSIONS_TEST_EVERY } = process.env;
const seed = VERSIONS_TEST_SEED ?? 'setup';
/** Behind the last event; by hand, with a seed, in between too. */
const cutsEach = VERSIONS_TEST_SEED === undefined ? 1 : 6;

const init = [
  'init',
  'home',
  '--mirror',
  'm1=disks/1',
  '--mirror',
  'm2=disks/2',
  '--mirrors-min',
  '2',
];
/** The configuration says where the password is read from. */
const initWithPassword = ['--password-file', 'password', ...init];
const catalog = 'home/.local/share/versions/home/catalog.db';
const cache = 'home/.cache/versions/home/local-state.db';

async function must(running: Promise<Outcome>): Promise<Outcome> {
  const outcome = await running;
  if (outcome.code !== 0) throw new Error(`exit code ${outcome.code}: ${outcome.stderr}`);
  return outcome;
}

/** Runs a command of the program and gives all that it did to its disk, and what it printed. */
async function record(
  machine: Machine,
  args: readonly string[],
): Promise<{ readonly events: readonly PowerEvent[]; readonly printed: string }> {
  const log = `${machine.root}.power`;
  const databases = [catalog, `${catalog}-journal`, cache, `${cache}-wal`];
  const order: PowerOrder = { root: machine.root, log, databases, withoutSync: false };
  const env = {
    NODE_OPTIONS: `--import ${recorder}`,
    VERSIONS_POWER_RECORD: JSON.stringify(order),
  };
  const { stdout } = await must(machine.run(args, { env }));
  const events = readPowerLog(log);
  rmSync(log);
  return { events, printed: stdout };
}

function drawCuts(events: number): readonly PowerCut[] {
  const random = new SeededRandom(seed);
  const each = VERSIONS_TEST_EVERY === undefined;
  return powerLosses.flatMap((loss) =>
    Array.from({ length: each ? cutsEach : events }, (_, at) => ({
      loss,
      after: each && at > 0 ? 1 + random.below(events) : events - at,
    })),
  );
}

/** A key that was printed opens the repository, whatever happens then. */
async function assertOpens(machine: Machine, key: string): Promise<void> {
  writeFileSync(machine.path('printed.key'), key);
  await must(machine.run(['snapshots', '--key-file', machine.path('printed.key')]));
}

it.each([
  ['init', [], init],
  ['mirror set', [init], ['mirror', 'set', '--mirrors-min', '1']],
  ['mirror add', [init], ['mirror', 'add', 'm3', 'disks/3']],
  ['key export', [initWithPassword], ['key', 'export']],
] as const)(
  'the power goes in %s, and the same command makes it good',
  async (_name, before, args) => {
    process.stdout.write(`seed ${seed}\n`);
    using machine = new Machine();
    mkdirSync(machine.home, { recursive: true });
    mkdirSync(machine.path('disks'));
    const source = machine.path('source');
    mkdirSync(source);
    writeFileSync(`${source}/file`, 'what must come back');
    writeFileSync(machine.path('password'), 'a password');
    for (const earlier of before) await must(machine.run(earlier));
    const kept = `${machine.root}.before`;
    cpSync(machine.root, kept, { recursive: true, preserveTimestamps: true });
    try {
      const { events, printed } = await record(machine, args);
      expect(events.filter(({ kind }) => kind.startsWith('sync')).length).toBeGreaterThan(1);
      const failures: string[] = [];
      for (const cut of drawCuts(events.length)) {
        rmSync(machine.root, { recursive: true });
        const random = new SeededRandom(`${seed}/${cut.after}/${cut.loss}`);
        cutPower(kept, machine.root, events, { ...cut, random });
        try {
          // What had ended is there as it was promised; what had not is done again.
          if (cut.after < events.length) await machine.run(args);
          else if (args[0] === 'key') await assertOpens(machine, printed);
          await must(machine.run(['backup', source]));
          await must(machine.run(['restore', 'latest', '--target', machine.path('target')]));
          await must(machine.run(['verify', '--level', 'data']));
          const restored = readFileSync(machine.path('target') + source + '/file', 'utf8');
          expect(restored).toBe('what must come back');
        } catch (error) {
          failures.push(
            `cut after event ${cut.after} of ${events.length}, ${cut.loss} of the rest: ${String(error)}`,
          );
        }
      }
      expect(failures).toEqual([]);
    } finally {
      rmSync(kept, { recursive: true });
    }
  },
  3_600_000,
);
