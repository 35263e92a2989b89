/**
 * Runs a test of chance for longer than `.ci/run` does, or again with a seed that it printed:
 * `npm run test:kills -- --kills 1000 --source DIR --seed 7`,
 * `npm run test:fuzz -- --seconds 600 --seed 7`,
 * `npm run test:sim -- --steps 10000 --seed 7`,
 * `npm run test:damage -- --full --source DIR`.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const {
  values: { full, ...values },
  positionals,
} = parseArgs({
  allowPositionals: true,
  options: {
    full: { type: 'boolean', default: false },
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
if (full) env['VERSIONS_TEST_FULL'] = '1';
const [kind = '', ...files] = positionals;
const args = ['run', '--config', ...configurationOf(kind)];
const { status } = spawnSync('vitest', args, { stdio: 'inherit', env, shell: false });
process.exitCode = status ?? 1;

function configurationOf(name: string): readonly string[] {
  if (name === 'fuzz') return ['vitest.config.ts', 'test/fuzz'];
  if (name === 'damage') return ['vitest.damage.config.ts', ...files];
  return ['vitest.long.config.ts', ...positionals];
}
