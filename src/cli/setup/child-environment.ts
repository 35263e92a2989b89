import type { Io } from '../io.ts';

/**
 * The environment for commands that the user named: everything but the repository's password, which
 * is none of their business and would go on to whatever they start.
 */
export function childEnvironment({ env }: Pick<Io, 'env'>): Record<string, string | undefined> {
  const { VERSIONS_PASSWORD: _, ...rest } = env;
  return rest;
}
