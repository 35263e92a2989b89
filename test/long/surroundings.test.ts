import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { expectCode, expectLatestIs } from '../cli/expect-outcome.ts';
import { Machine, type Outcome, outcomeOf } from '../cli/machine.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { treeImage } from '../support/tree-image.ts';

/** What others do to a run: permissions, places that vanish under it, a process that is stopped. */

const testMs = 120_000;
const nobody = 65_534;
const program = fileURLToPath(new URL('../../bin/versions.js', import.meta.url));

/** Root may read and write everything, so it proves nothing about permissions. */
const whyNot =
  process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0
    ? undefined
    : 'this needs root and setpriv';
if (whyNot !== undefined) process.stderr.write(`Permissions are not tested: ${whyNot}\n`);

function makeSource(machine: Machine, files = 40): string {
  const source = machine.path('source');
  mkdirSync(`${source}/sub`, { recursive: true });
  const random = new SeededRandom('surroundings');
  for (let file = 0; file < files; file++) {
    writeFileSync(`${source}/sub/${file}`, random.bytes(20_000));
  }
  return source;
}

/** Runs the program as a user who is not root. */
function runAsNobody(machine: Machine, args: readonly string[]): Promise<Outcome> {
  const as = ['--reuid', `${nobody}`, '--regid', `${nobody}`, '--clear-groups'];
  const child = spawn('setpriv', [...as, process.execPath, program, ...args], {
    cwd: machine.root,
    env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', HOME: machine.home },
  });
  return outcomeOf(child);
}

function giveToNobody(...paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(path, { recursive: true });
    spawnSync('chown', ['-R', `${nobody}:${nobody}`, path]);
  }
}

describe.skipIf(whyNot !== undefined)('a user who is not root', () => {
  it('is told what cannot be read, and has the rest', { timeout: testMs }, async () => {
    using machine = new Machine();
    const source = makeSource(machine);
    giveToNobody(machine.root, machine.home, source);
    writeFileSync(`${source}/secret`, 'secret');
    mkdirSync(`${source}/closed`);
    writeFileSync(`${source}/closed/inside`, 'inside');
    for (const path of ['secret', 'closed']) {
      chownSync(`${source}/${path}`, 0, 0);
      chmodSync(`${source}/${path}`, 0o700);
    }
    expectCode(await runAsNobody(machine, ['init', 'home', '--mirror', 'm1=m1']), [0]);
    const outcome = await runAsNobody(machine, ['backup', source, '--json']);
    expectCode(outcome, [3]);
    const problems = outcome.documents.filter(({ type }) => type === 'problem');
    expect(problems.map(({ code }) => code)).toEqual(['SOURCE_DENIED', 'SOURCE_DENIED']);
    expect(JSON.stringify(problems)).toContain(`${source}/secret`);
    expect(JSON.stringify(problems)).toContain(`${source}/closed`);
    const target = machine.path('restored');
    expectCode(await runAsNobody(machine, ['restore', 'latest', '--target', target]), [0, 3]);
    for (const path of ['secret', 'closed']) rmSync(`${source}/${path}`, { recursive: true });
    const restored = treeImage(`${target}${source}/sub`);
    expect(restored).toEqual(treeImage(`${source}/sub`));
  });

  it('cannot write into a mirror of others, and is told so', { timeout: testMs }, async () => {
    using machine = new Machine();
    const source = makeSource(machine);
    giveToNobody(machine.root, machine.home);
    const mirrors = ['--mirror', 'm1=m1', '--mirror', 'm2=m2', '--mirrors-min', '1'];
    expectCode(await runAsNobody(machine, ['init', 'home', ...mirrors]), [0]);
    expectCode(await runAsNobody(machine, ['backup', source]), [0]);
    const close = (mirror: string, mode: string): unknown =>
      spawnSync('chmod', ['-R', mode, machine.path(mirror)]);
    close('m2', 'a-w');
    writeFileSync(`${source}/sub/more`, new SeededRandom('more').bytes(50_000));
    const behind = await runAsNobody(machine, ['backup', source, '--json']);
    expectCode(behind, [0, 3]);
    expect(behind.summary['mirrorsBehind']).toEqual(['m2']);
    close('m1', 'a-w');
    writeFileSync(`${source}/sub/again`, new SeededRandom('again').bytes(50_000));
    const refused = await runAsNobody(machine, ['backup', source]);
    expectCode(refused, [12, 22]);
    expect(refused.stderr).toContain('No permission');
    // To read needs no permission to write.
    const target = machine.path('early');
    expectCode(await runAsNobody(machine, ['restore', 'latest', '--target', target]), [0, 3]);
    expect(treeImage(`${target}${source}/sub`).size).toBe(42);
    close('m1', 'u+w');
    close('m2', 'u+w');
    expectCode(await runAsNobody(machine, ['backup', source]), [0, 3]);
    expectCode(await runAsNobody(machine, ['mirror', 'sync']), [0]);
    expectCode(await runAsNobody(machine, ['verify', '--level', 'data']), [0]);
  });
});

describe('a mirror that vanishes under a run', () => {
  it.each([
    ['one of two', '1', [0, 3]],
    ['one of two that are both needed', '2', [22]],
  ] as const)('%s', { timeout: testMs }, async (_what, min, codes) => {
    using machine = new Machine();
    const source = makeSource(machine, 3000);
    const mirrors = ['--mirror', 'm1=m1', '--mirror', 'm2=m2', '--mirrors-min', min];
    expectCode(await machine.run(['init', 'home', ...mirrors]), [0]);
    const run = outcomeOf(machine.start(['backup', source, '--json']));
    await waitFor(() => readdirSync(machine.path('m2', 'packs')).length > 0);
    renameSync(machine.path('m2'), machine.path('m2.away'));
    expectCode(await run, codes);
    // Nothing was put where it had been.
    expect(() => treeImage(machine.path('m2'))).toThrow('ENOENT');
    renameSync(machine.path('m2.away'), machine.path('m2'));
    expectCode(await machine.run(['backup', source]), [0, 3]);
    expectCode(await machine.run(['mirror', 'sync']), [0]);
    expectCode(await machine.run(['verify', '--level', 'data']), [0]);
    await expectLatestIs(machine, source);
  });
});

describe('a process that is stopped for a while', () => {
  it('goes on, and another one beside it was not in its way', { timeout: testMs }, async () => {
    using machine = new Machine();
    const source = makeSource(machine, 1500);
    expectCode(await machine.run(['init', 'home', '--mirror', 'm1=m1']), [0]);
    const child = machine.start(['backup', source, '--json']);
    const stopped = outcomeOf(child);
    await sleep(600);
    child.kill('SIGSTOP');
    const beside = await machine.run(['backup', source, '--json']);
    await sleep(1000);
    child.kill('SIGCONT');
    expect((await stopped).code).toBe(0);
    // If the other one had the catalog just then, it was told so.
    expectCode(beside, [0, 1, 11]);
    expectCode(await machine.run(['backup', source]), [0]);
    expectCode(await machine.run(['verify', '--level', 'data']), [0]);
    await expectLatestIs(machine, source);
  });
});

async function waitFor(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    try {
      if (isSo()) return;
    } catch {
      // It is not there yet.
    }
    await sleep(5);
  }
  throw new Error('It did not come');
}
