import { basename, dirname, join } from 'node:path';
import { type Command, command } from '../measure/command.ts';
import type { Place, Tool } from './tool.ts';

/** A yardstick, not a peer: no encryption, no deduplication, no second backup. */
export const tarZstd: Tool = {
  name: 'tar-zstd',
  programs: ['zstd', 'tar', 'bash'],
  versionArgs: ['--version'],
  setup: () => [],
  command(phase, place) {
    const { source, target } = place;
    if (phase === 'first') {
      const create = 'tar -C "$1" -cf - "$2" | zstd -q -3 -T2 -o "$3"';
      return pipe(create, dirname(source), basename(source), archiveOf(place));
    }
    if (phase !== 'restore') return undefined;
    return pipe('zstd -q -dc "$1" | tar -C "$2" -xf -', archiveOf(place), target);
  },
  stored: archiveOf,
  restored: ({ source, target }) => join(target, basename(source)),
};

function archiveOf({ home }: Place): string {
  return join(home, 'source.tar.zst');
}

function pipe(script: string, ...args: readonly string[]): Command {
  return command('bash', '-c', `set -o pipefail; ${script}`, 'bash', ...args);
}
