import { mergeConfig, type ViteUserConfig } from 'vitest/config';
import long from './vitest.long.config.ts';

/** By `npm run test:damage -- --full`: some rows, on a large tree. */
const isFull = process.env['VERSIONS_TEST_FULL'] !== undefined;

/** The matrix of damage: see test/damage. */
const config: ViteUserConfig = {
  ...mergeConfig(long, {}),
  test: {
    ...long.test,
    include: [isFull ? 'test/damage/full.test.ts' : 'test/damage/!(full).test.ts'],
    testTimeout: isFull ? 3_600_000 : 240_000,
  },
};

export default config;
