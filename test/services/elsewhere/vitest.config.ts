import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { CountReporter } from '../../support/count-reporter.ts';

/** Tests against a server that somebody has started and names (docs/testing.md). */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/services/elsewhere/**/*.test.ts'],
    globalSetup: ['test/support/build-before-tests.ts'],
    reporters: ['verbose', new CountReporter()],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 400_000,
    hookTimeout: 120_000,
    passWithNoTests: false,
    allowOnly: false,
    unstubEnvs: true,
  },
});

export default config;
