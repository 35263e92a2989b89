import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { CountReporter } from '../support/count-reporter.ts';

/** Tests against real servers, which `npm test` leaves out: they need Go, Java and Maven. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/services/suites/**/*.test.ts'],
    globalSetup: ['test/support/build-before-tests.ts'],
    reporters: ['default', new CountReporter()],
    pool: 'forks',
    // Each file starts servers of its own, and two processors carry no more than one set.
    maxWorkers: 1,
    // A machine that does much else at once is many times slower.
    testTimeout: 400_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
    allowOnly: false,
    unstubEnvs: true,
  },
});

export default config;
