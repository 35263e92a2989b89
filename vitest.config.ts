import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { CountReporter } from './test/support/count-reporter.ts';

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [
      'test/long/**',
      'test/services/**',
      'test/simulation/**',
      'test/deployed/**',
      'test/damage/**',
      'test/fixtures/**',
      'node_modules/**',
      'dist/**',
    ],
    globalSetup: ['test/support/build-before-long-tests.ts'],
    reporters: ['default', new CountReporter()],
    // Processes, not threads: tests open worker threads, change umask and cwd, and send signals.
    pool: 'forks',
    execArgv: ['--import', './test/support/compiled-threads.js'],
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 5_000,
    passWithNoTests: false,
    allowOnly: false,
    unstubEnvs: true,
    restoreMocks: true,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['**/*.test.ts'],
      reporter: ['text-summary', 'html'],
    },
  },
});

export default config;
