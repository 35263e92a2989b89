import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { modulesDirectory } from './test/support/compiled-module.ts';
import { CountReporter } from './test/support/count-reporter.ts';

/**
 * Tests that need minutes; `.ci/suites` runs them beside the others. They use the core as
 * it is compiled: threads that strip types by themselves, thousands of them, make V8 fail.
 */
const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: [
      {
        find: /^(?:\.\.\/)+src\/core\/(.*)\.ts$/,
        replacement: `${modulesDirectory}/core/$1.js`,
      },
    ],
  },
  test: {
    include: ['test/long/**/*.test.ts', 'test/simulation/**/*.test.ts'],
    globalSetup: ['test/support/build-before-long-tests.ts'],
    reporters: ['default', new CountReporter()],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    allowOnly: false,
  },
});

export default config;
