import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { CountReporter } from './count-reporter.ts';

type Timeouts = Pick<
  NonNullable<ViteUserConfig['test']>,
  'testTimeout' | 'hookTimeout' | 'unstubEnvs'
>;

/**
 * The configuration of tests beside real servers, which `npm test` leaves out. Each file starts
 * servers of its own, and two processors carry no more than one set; a machine that does much else
 * at once is many times slower.
 */
export function serverSuite(
  include: string,
  { reporter = 'default', ...own }: Timeouts & { readonly reporter?: 'default' | 'verbose' } = {},
): ViteUserConfig {
  return defineConfig({
    test: {
      include: [include],
      globalSetup: ['test/support/build-before-tests.ts'],
      reporters: [reporter, new CountReporter()],
      pool: 'forks',
      maxWorkers: 1,
      testTimeout: 400_000,
      hookTimeout: 120_000,
      passWithNoTests: false,
      allowOnly: false,
      unstubEnvs: true,
      ...own,
    },
  });
}
