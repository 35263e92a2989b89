import type { ViteUserConfig } from 'vitest/config';
import long from '../../vitest.long.config.ts';

/** For sources with a mistake in them: the simulation, and any other test that uses the modules. */
const config: ViteUserConfig = {
  ...long,
  test: {
    ...long.test,
    include: ['test/simulation/**/*.test.ts', 'test/manipulation/**/*.test.ts'],
  },
};

export default config;
