import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/**
 * Mistakes that only one certain thing can show: a death at one place, a healer, a mirror that goes.
 * With so many steps in which it is drawn, one that is not found is not looked for any more. All
 * others: `npm run test:sim:mutations`.
 */
it.each([
  'a take-over that was cut short',
  'notes of what is unchanged are kept',
  'a healer takes every copy',
  'a mirror is removed though another',
])(
  'the simulation finds the mistake: %s',
  async (mistake) => {
    // What this runner has set is not for the one that is started.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(?:VITEST|VERSIONS_TEST_)/.test(name)),
    );
    const args = ['test/simulation/mutate.ts', '--steps', '1000', '--only', mistake];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env });
    expect(stdout).toContain('found at step');
    expect(stdout).toContain('all found');
  },
  600_000,
);
