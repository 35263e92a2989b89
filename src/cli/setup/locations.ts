import { isAbsolute, join } from 'node:path';
import type { Io } from '../io.ts';

/** The configuration that the administrator of a machine may leave for everybody. */
export const systemConfigFile = '/etc/versions/config.toml';

/** Directories of the XDG base directory specification; relative values count as absent, as it says. */
export interface Locations {
  readonly config: string;
  readonly data: string;
  readonly cache: string;
}

export function locationsOf({ env, home }: Pick<Io, 'env' | 'home'>): Locations {
  const base = (variable: string, fallback: string): string => {
    const value = env[variable];
    return value !== undefined && isAbsolute(value) ? value : join(home, fallback);
  };
  return {
    config: join(base('XDG_CONFIG_HOME', '.config'), 'versions'),
    data: join(base('XDG_DATA_HOME', '.local/share'), 'versions'),
    cache: join(base('XDG_CACHE_HOME', '.cache'), 'versions'),
  };
}
