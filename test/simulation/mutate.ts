/**
 * Makes one mistake after the other in a copy of the sources and runs the simulation on it: each
 * must make it fail. `npm run test:sim:mutations -- --steps 1200 --seed 7 --only WORD`.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Change, type Mutation, mutations } from './mutations.ts';

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
  const { failed, output, seconds } = test(mutation);
  if (!failed) survived += 1;
  const [, after = '?', why = ''] = /Step (\d+) of \S+: ([^\n]*)/.exec(output) ?? [];
  const where = mutation.test === undefined ? `at step ${after}` : `by ${mutation.test[0]}`;
  const verdict = failed ? `found ${where}` : 'NOT FOUND';
  process.stdout.write(`${verdict} (${seconds} s): ${mutation.name}\n  ${why.slice(0, 160)}\n`);
  // What could not begin has found nothing.
  const hasRun = mutation.test === undefined ? after !== '?' : output.includes('failed: test/');
  if (failed && !hasRun) throw new Error(output);
}
process.stdout.write(survived === 0 ? 'all found\n' : `${survived} not found\n`);
process.exitCode = survived === 0 ? 0 : 1;

function build({ and = [], ...mistake }: Mutation): void {
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  cpSync(join(root, 'src'), join(place, 'src'), { recursive: true });
  for (const name of ['tsconfig.json', 'tsconfig.build.json', 'package.json']) {
    cpSync(join(root, name), join(place, name));
  }
  for (const change of [mistake, ...and]) apply(change);
  const compiler = join(root, 'node_modules/@typescript/native/bin/tsc');
  const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', 'modules'];
  // A mistake may leave something unused behind.
  const { stdout } = spawnSync(
    process.execPath,
    [...args, '--noUnusedLocals', 'false', '--noUnusedParameters', 'false'],
    { cwd: place, encoding: 'utf8' },
  );
  if (stdout.includes('error')) throw new Error(`The mutant has type errors: ${stdout}`);
}

function apply({ file, from, to }: Change): void {
  const path = join(place, 'src/core', file);
  const source = readFileSync(path, 'utf8');
  if (source.split(from).length !== 2) throw new Error(`${file} does not have once: ${from}`);
  writeFileSync(
    path,
    source.replace(from, () => to),
  );
}

function test({ test: targeted, only }: Mutation): {
  readonly failed: boolean;
  readonly output: string;
  readonly seconds: number;
} {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(
    'vitest',
    ['run', '--config', 'test/simulation/vitest.config.ts', ...(targeted ?? ['test/simulation'])],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: {
        ...process.env,
        // A mistake may let something go on for ever.
        NODE_OPTIONS: '--max-old-space-size=700',
        VERSIONS_TEST_MODULES: join(place, 'modules'),
        VERSIONS_TEST_STEPS: values.steps,
        VERSIONS_TEST_SEED: values.seed,
        ...(only && { VERSIONS_TEST_ONLY: only.join() }),
      },
    },
  );
  const seconds = Math.round((performance.now() - began) / 1000);
  return { failed: status !== 0, output: stdout + stderr, seconds };
}
