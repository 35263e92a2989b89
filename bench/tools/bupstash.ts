import { join } from 'node:path';
import type { Command } from '../measure/command.ts';
import type { Place, Tool } from './tool.ts';

/** bupstash with its defaults: no owners and no extended attributes, so it restores less than others. */
export const bupstash: Tool = {
  name: 'bupstash',
  programs: ['bupstash'],
  versionArgs: ['--version'],
  setup: (place) => [run(place, 'new-key', '-o', keyOf(place)), run(place, 'init')],
  command(phase, place, outputs) {
    if (phase === 'first' || phase === 'second') {
      return run(place, 'put', '-q', 'name=source', place.source);
    }
    if (phase !== 'restore') return undefined;
    const id = outputs.get('second')?.trim() ?? '';
    return run(place, 'restore', '-q', '--into', place.target, `id=${id}`);
  },
  stored: (place) => place.repository,
  restored: (place) => place.target,
};

function keyOf({ home }: Place): string {
  return join(home, 'key');
}

function run(place: Place, ...args: readonly string[]): Command {
  return {
    program: 'bupstash',
    args,
    env: {
      BUPSTASH_REPOSITORY: place.repository,
      BUPSTASH_KEY: keyOf(place),
      BUPSTASH_SEND_LOG: join(place.home, 'send-log'),
      BUPSTASH_QUERY_CACHE: join(place.home, 'query-cache'),
    },
  };
}
