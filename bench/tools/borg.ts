import { join } from 'node:path';
import type { Command } from '../measure/command.ts';
import type { Place, Tool } from './tool.ts';

/** borg with encryption and, because its default is lz4, zstd at the level of the others. */
export const borg: Tool = {
  name: 'borg',
  programs: ['borg'],
  versionArgs: ['--version'],
  setup: (place) => [run(place, 'init', '--encryption', 'repokey', place.repository)],
  command(phase, place) {
    if (phase === 'first' || phase === 'second') {
      const archive = `${place.repository}::${phase}`;
      return run(place, 'create', '--compression', 'zstd,3', archive, place.source);
    }
    if (phase === 'verify') return run(place, 'check', '--verify-data', place.repository);
    if (phase !== 'restore') return undefined;
    const extract = run(place, 'extract', `${place.repository}::second`);
    return { ...extract, directory: place.target };
  },
  stored: (place) => place.repository,
  restored: (place) => join(place.target, place.source),
};

function run({ home }: Place, ...args: readonly string[]): Command {
  return {
    program: 'borg',
    args,
    env: { BORG_PASSPHRASE: 'benchmark', BORG_BASE_DIR: join(home, 'borg') },
  };
}
