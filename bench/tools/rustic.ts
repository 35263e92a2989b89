import { join } from 'node:path';
import type { Command } from '../measure/command.ts';
import type { Place, Tool } from './tool.ts';

/** rustic with its defaults. */
export const rustic: Tool = {
  name: 'rustic',
  programs: ['rustic'],
  versionArgs: ['--version'],
  setup: (place) => [run(place, 'init')],
  command(phase, place) {
    if (phase === 'first' || phase === 'second') return run(place, 'backup', place.source);
    if (phase === 'verify') return run(place, 'check', '--read-data');
    if (phase === 'restore') return run(place, 'restore', 'latest', place.target);
    return undefined;
  },
  stored: (place) => place.repository,
  restored: (place) => join(place.target, place.source),
};

function run({ repository, home }: Place, ...args: readonly string[]): Command {
  return {
    program: 'rustic',
    args: ['--no-progress', '--log-level', 'warn', '-r', repository, ...args],
    env: { RUSTIC_PASSWORD: 'benchmark', RUSTIC_CACHE_DIR: join(home, 'cache') },
  };
}
