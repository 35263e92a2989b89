import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { expectCode, expectLatestIs } from '../cli/expect-outcome.ts';
import { Machine, type Outcome, outcomeOf } from '../cli/machine.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { treeImage } from '../support/tree-image.ts';

/** A disk that answers EIO, below the program: of the source, of a mirror, of its own files. */

const testMs = 120_000;
const program = fileURLToPath(new URL('../../bin/versions.js', import.meta.url));

interface Fault {
  /** A pattern. */
  readonly path: string;
  readonly calls: readonly ('read' | 'write' | 'sync')[];
}

async function withMachine(
  mirrorsMin: number,
  action: (machine: Machine, source: string) => Promise<void>,
): Promise<void> {
  using machine = new Machine();
  const source = machine.path('source');
  mkdirSync(`${source}/sub`, { recursive: true });
  const random = new SeededRandom('eio');
  for (const name of ['bad', 'good', 'sub/bad', 'sub/good'])
    writeFileSync(`${source}/${name}`, random.bytes(40_000));
  const mirrors = ['--mirror', 'm1=m1', '--mirror', 'm2=m2', '--mirrors-min', `${mirrorsMin}`];
  expectCode(await machine.run(['init', 'home', ...mirrors]), [0]);
  await action(machine, source);
  // Whatever it was: when the disk is well again, all is well.
  expectCode(await machine.run(['backup', source]), [0, 3]);
  expectCode(await machine.run(['mirror', 'sync']), [0]);
  expectCode(await machine.run(['backup', source]), [0]);
  expectCode(await machine.run(['verify', '--level', 'data']), [0]);
  await expectLatestIs(machine, source);
}

function runFaulty(
  machine: Machine,
  args: readonly string[],
  ...faults: readonly Fault[]
): Promise<Outcome> {
  // In the address, because threads have no environment.
  const preload = new URL('../support/io-faults.ts', import.meta.url);
  preload.search = new URLSearchParams({ faults: JSON.stringify(faults) }).toString();
  const child = spawn(process.execPath, ['--import', preload.href, program, ...args], {
    cwd: machine.root,
    env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', HOME: machine.home },
  });
  return outcomeOf(child);
}

const problemsOf = ({ documents }: Outcome): readonly string[] =>
  documents.filter(({ type }) => type === 'problem').map((problem) => JSON.stringify(problem));

it('of a file of the source: it is named, and the others are saved', { timeout: testMs }, () =>
  withMachine(2, async (machine, source) => {
    const fault: Fault = { path: '/source/bad$', calls: ['read'] };
    const outcome = await runFaulty(machine, ['backup', source, '--json'], fault);
    expectCode(outcome, [3]);
    const problems = problemsOf(outcome);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`${source}/bad`);
    const target = machine.path('early');
    expectCode(await machine.run(['restore', 'latest', '--target', target]), [0, 3]);
    const names = [...treeImage(target + source).keys()];
    expect(names).toEqual(expect.arrayContaining(['good', 'sub/bad', 'sub/good']));
  }),
);

it('of a directory of the source: it is named, and the rest is saved', { timeout: testMs }, () =>
  withMachine(2, async (machine, source) => {
    const fault: Fault = { path: '/source/sub$', calls: ['read'] };
    const outcome = await runFaulty(machine, ['backup', source, '--json'], fault);
    expectCode(outcome, [3]);
    expect(problemsOf(outcome).join()).toContain(`${source}/sub`);
  }),
);

it(
  'of a mirror that is read: the other one gives all, and verify names it',
  { timeout: testMs },
  () =>
    withMachine(2, async (machine, source) => {
      expectCode(await machine.run(['backup', source]), [0]);
      const fault: Fault = { path: '/m1/packs/', calls: ['read'] };
      const target = machine.path('faulty');
      expectCode(
        await runFaulty(machine, ['restore', 'latest', '--target', target], fault),
        [0, 3],
      );
      expect(treeImage(target + source)).toEqual(treeImage(source));
      const verified = await runFaulty(machine, ['verify', '--level', 'data', '--json'], fault);
      expect(verified.code).toBeGreaterThanOrEqual(20);
      expect(verified.summary['lost']).toBe(0);
      const found = verified.documents.filter(({ type }) => type === 'finding');
      expect(found.map(({ mirror }) => mirror)).toContain('m1');
    }),
);

it.each(['write', 'sync'] as const)(
  'of a mirror in %s: it is owed what it was not given',
  { timeout: testMs },
  (call) =>
    withMachine(1, async (machine, source) => {
      const fault: Fault = { path: '/m1/packs/', calls: [call] };
      const outcome = await runFaulty(machine, ['backup', source, '--json'], fault);
      expectCode(outcome, [0, 3]);
      expect(outcome.summary['mirrorsBehind']).toEqual(['m1']);
    }),
);

it('of what is remembered: it is made anew', { timeout: testMs }, () =>
  withMachine(2, async (machine, source) => {
    expectCode(await machine.run(['backup', source]), [0]);
    writeFileSync(`${source}/later`, new SeededRandom('later').bytes(30_000));
    const fault: Fault = { path: '(index|state)\\.bin|recent-packs', calls: ['read'] };
    const outcome = await runFaulty(machine, ['backup', source, '--json'], fault);
    expect(outcome).toMatchObject({ code: 0, summary: { filesNew: 1, problems: 0 } });
  }),
);

it.each(['write', 'sync'] as const)(
  'of the log of a session in %s: the backup says so, and the next one is whole',
  { timeout: testMs },
  (call) =>
    withMachine(2, async (machine, source) => {
      const fault: Fault = { path: 'sessions/.*packs\\.log', calls: [call] };
      const outcome = await runFaulty(machine, ['backup', source], fault);
      expect(outcome.code).not.toBe(0);
      expect(outcome.stderr).toMatch(/EIO|i\/o error|input\/output/i);
    }),
);
