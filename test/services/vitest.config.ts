import type { ViteUserConfig } from 'vitest/config';
import { serverSuite } from '../support/server-suite.ts';

/** Tests against real servers: they need Go, Java and Maven. */
const config: ViteUserConfig = serverSuite('test/services/suites/**/*.test.ts');

export default config;
