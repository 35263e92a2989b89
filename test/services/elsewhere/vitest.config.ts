import type { ViteUserConfig } from 'vitest/config';
import { serverSuite } from '../../support/server-suite.ts';

/** Tests against a server that somebody has started and names (docs/testing.md). */
const config: ViteUserConfig = serverSuite('test/services/elsewhere/**/*.test.ts', {
  reporter: 'verbose',
});

export default config;
