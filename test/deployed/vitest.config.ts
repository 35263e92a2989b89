import type { ViteUserConfig } from 'vitest/config';
import { serverSuite } from '../support/server-suite.ts';

/** The stacks deployed into an emulator of AWS: they need Python. */
const config: ViteUserConfig = serverSuite('test/deployed/**/*.test.ts', {
  testTimeout: 1_200_000,
  hookTimeout: 600_000,
  unstubEnvs: false,
});

export default config;
