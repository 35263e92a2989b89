/**
 * Runs a test of chance for longer than `.ci/run` does, or again with a seed that it printed:
 * `npm run test:kills -- --kills 1000 --source DIR --seed 7`,
 * `npm run test:fuzz -- --seconds 600 --seed 7`,
 * `npm run test:sim -- --steps 10000 --seed 7`.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string' },
    source: { type: 'string' },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    steps: { type: 'string' },
  },
});
const env: NodeJS.ProcessEnv = { ...process.env };
for (const [name, value] of Object.entries(values)) {
  env[`VERSIONS_TEST_${name.toUpperCase()}`] = value;
}
const isFuzz = positionals[0] === 'fuzz';
const config = isFuzz ? 'vitest.config.ts' : 'vitest.long.config.ts';
const args = ['run', '--config', config, ...(isFuzz ? ['test/fuzz'] : positionals)];
const { status } = spawnSync('vitest', args, { stdio: 'inherit', env, shell: false });
process.exitCode = status ?? 1;
