import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { CountReporter } from '../support/count-reporter.ts';

/** The stacks deployed into an emulator of AWS, which `npm test` leaves out: it needs Python. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/deployed/**/*.test.ts'],
    globalSetup: ['test/support/build-before-tests.ts'],
    reporters: ['default', new CountReporter()],
    pool: 'forks',
    maxWorkers: 1,
    // A machine that does much else at once is many times slower.
    testTimeout: 1_200_000,
    hookTimeout: 600_000,
    passWithNoTests: false,
    allowOnly: false,
  },
});

export default config;
