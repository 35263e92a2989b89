import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { CountReporter } from './test/support/count-reporter.ts';

/** Tests that need real servers: `node test/services/main.ts run NAME… -- vitest run --config …`. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/services/**/*.services.ts'],
    reporters: ['default', new CountReporter()],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    passWithNoTests: false,
    allowOnly: false,
  },
});

export default config;
