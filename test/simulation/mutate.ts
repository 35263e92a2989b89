/**
 * Makes one mistake after the other in a copy of the sources and runs the simulation on it: each
 * must make it fail. `npm run test:sim:mutations -- --steps 1200 --seed 7 --only WORD`.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Mutation, mutations } from './mutations.ts';

const root = join(import.meta.dirname, '../..');
// Below the project, so that packages are found from it.
const place = join(root, 'node_modules/.cache/versions-mutant');
const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1200' },
    seed: { type: 'string', default: String(Date.now()) },
    only: { type: 'string', default: '' },
  },
});

process.stdout.write(`seed ${values.seed}, at most ${values.steps} steps for each\n`);
let survived = 0;
for (const mutation of mutations.filter(({ name }) => name.includes(values.only))) {
  build(mutation);
  const { failed, output, seconds } = simulate();
  if (!failed) survived += 1;
  const [, after = '?', why = ''] = /Step (\d+) of \S+: ([^\n]*)/.exec(output) ?? [];
  const verdict = failed ? `found at step ${after}` : 'NOT FOUND';
  process.stdout.write(`${verdict} (${seconds} s): ${mutation.name}\n  ${why.slice(0, 160)}\n`);
  // A simulation that could not begin has found nothing.
  if (failed && after === '?') throw new Error(output);
}
process.stdout.write(survived === 0 ? 'all found\n' : `${survived} not found\n`);
process.exitCode = survived === 0 ? 0 : 1;

function build({ file, from, to }: Mutation): void {
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  cpSync(join(root, 'src'), join(place, 'src'), { recursive: true });
  for (const name of ['tsconfig.json', 'tsconfig.build.json', 'package.json']) {
    cpSync(join(root, name), join(place, name));
  }
  const path = join(place, 'src/core', file);
  const source = readFileSync(path, 'utf8');
  if (source.split(from).length !== 2) throw new Error(`${file} does not have once: ${from}`);
  writeFileSync(
    path,
    source.replace(from, () => to),
  );
  const compiler = join(root, 'node_modules/@typescript/native/bin/tsc');
  const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', 'modules'];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: place, encoding: 'utf8' });
  if (status !== 0) throw new Error(`The mutant has type errors: ${stdout}`);
}

function simulate(): {
  readonly failed: boolean;
  readonly output: string;
  readonly seconds: number;
} {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(
    'vitest',
    ['run', '--config', 'vitest.long.config.ts', 'test/simulation'],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: {
        ...process.env,
        VERSIONS_TEST_MODULES: join(place, 'modules'),
        VERSIONS_TEST_STEPS: values.steps,
        VERSIONS_TEST_SEED: values.seed,
      },
    },
  );
  const seconds = Math.round((performance.now() - began) / 1000);
  return { failed: status !== 0, output: stdout + stderr, seconds };
}
