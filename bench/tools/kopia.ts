import { join } from 'node:path';
import type { Command } from '../measure/command.ts';
import type { Place, Tool } from './tool.ts';

/** kopia with its defaults, which compress nothing, and with zstd. */
export const kopia: readonly Tool[] = [
  kopiaTool('kopia', undefined),
  kopiaTool('kopia-zstd', 'zstd'),
];

function kopiaTool(name: string, compression: string | undefined): Tool {
  return {
    name,
    programs: ['kopia'],
    versionArgs: ['--version'],
    setup: (place) => [
      run(place, 'repository', 'create', 'filesystem', '--path', place.repository),
      ...(compression === undefined
        ? []
        : [run(place, 'policy', 'set', '--global', `--compression=${compression}`)]),
    ],
    command(phase, place, outputs) {
      if (phase === 'first' || phase === 'second') {
        return run(place, 'snapshot', 'create', '--json', place.source);
      }
      if (phase === 'verify') return run(place, 'snapshot', 'verify', '--verify-files-percent=100');
      if (phase !== 'restore') return undefined;
      const id = /"id":\s*"([0-9a-f]+)"/.exec(outputs.get('second') ?? '')?.[1] ?? '';
      return run(place, 'snapshot', 'restore', id, place.target);
    },
    stored: (place) => place.repository,
    restored: (place) => place.target,
  };
}

function run({ home }: Place, ...args: readonly string[]): Command {
  return {
    program: 'kopia',
    args: ['--no-progress', ...args],
    env: {
      KOPIA_PASSWORD: 'benchmark',
      KOPIA_CONFIG_PATH: join(home, 'repository.config'),
      KOPIA_CACHE_DIRECTORY: join(home, 'cache'),
      KOPIA_LOG_DIR: join(home, 'logs'),
      KOPIA_CHECK_FOR_UPDATES: 'false',
    },
  };
}
