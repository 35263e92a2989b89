import { join } from 'node:path';
import type { Command } from '../measure/command.ts';
import type { Place, Tool } from './tool.ts';

/** restic with its defaults, with and without its cache. */
export const restic: readonly Tool[] = [
  resticTool('restic', []),
  resticTool('restic-nocache', ['--no-cache']),
];

function resticTool(name: string, flags: readonly string[]): Tool {
  const run = ({ repository, home }: Place, ...args: readonly string[]): Command => ({
    program: 'restic',
    args: [...flags, '-q', '-r', repository, ...args],
    env: { RESTIC_PASSWORD: 'benchmark', RESTIC_CACHE_DIR: join(home, 'cache') },
  });
  return {
    name,
    programs: ['restic'],
    versionArgs: ['version'],
    setup: (place) => [run(place, 'init')],
    command(phase, place) {
      if (phase === 'first' || phase === 'second') return run(place, 'backup', place.source);
      if (phase === 'verify') return run(place, 'check', '--read-data');
      if (phase === 'restore') return run(place, 'restore', 'latest', '--target', place.target);
      return undefined;
    },
    stored: (place) => place.repository,
    restored: (place) => join(place.target, place.source),
  };
}
