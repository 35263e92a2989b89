import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, command } from '../measure/command.ts';
import type { Place, Tool } from './tool.ts';

/** One way to use our own program. */
export interface VersionsUse {
  readonly name: string;
  readonly mirrors: number;
  /** Further mirrors, asked for when the repository is made. */
  readonly mirrorUrls?: () => readonly string[];
  /** What the program finds in its environment besides. */
  readonly env?: Readonly<Record<string, string>>;
  /** Worker threads; undefined: as many as it chooses. */
  readonly threads?: number;
  /** A password instead of the key file that it makes by default. */
  readonly password?: boolean;
  /** Also measure how long it takes to answer. */
  readonly answers?: boolean;
  /** Also measure a plain SHA-256 of what it stored. */
  readonly hash?: boolean;
}

const program = fileURLToPath(new URL('../../bin/versions.js', import.meta.url));
const limitProcessors = new URL('../limit-processors.ts', import.meta.url).href;

/** Our own program, as somebody would call it: the built one, with a configuration of its own. */
export function versionsTool(use: VersionsUse): Tool {
  const run = (place: Place, ...args: readonly string[]): Command => ({
    program: process.execPath,
    args: [...(use.threads === undefined ? [] : ['--import', limitProcessors]), program, ...args],
    env: {
      ...use.env,
      XDG_CONFIG_HOME: join(place.home, 'config'),
      XDG_DATA_HOME: join(place.home, 'data'),
      XDG_CACHE_HOME: join(place.home, 'cache'),
      ...(use.password === true ? { VERSIONS_PASSWORD: 'benchmark' } : {}),
      ...(use.threads === undefined ? {} : { BENCH_PROCESSORS: String(use.threads) }),
    },
  });
  return {
    name: use.name,
    programs: [process.execPath],
    versionArgs: [program, '--version'],
    setup: (place) => [
      run(place, 'init', '-q', ...mirrorFlags(place, use.mirrors), ...urlFlags(use)),
    ],
    command(phase, place) {
      switch (phase) {
        case 'first':
        case 'second':
          return run(place, 'backup', '-q', place.source);
        case 'snapshots':
          return use.answers === true ? run(place, 'snapshots') : undefined;
        case 'help':
          return use.answers === true ? run(place, '--help') : undefined;
        case 'verify':
          return run(place, 'verify', '-q', '--level', 'data');
        case 'hash':
          return use.hash === true ? hashFiles(mirrorOf(place, 0)) : undefined;
        case 'restore':
          return run(place, 'restore', '-q', 'latest', '-t', place.target);
        default:
          return phase satisfies never;
      }
    },
    stored: (place) => mirrorOf(place, 0),
    restored: (place) => join(place.target, place.source),
  };
}

function mirrorOf({ repository }: Place, index: number): string {
  return join(repository, `mirror-${index}`);
}

function mirrorFlags(place: Place, count: number): string[] {
  return Array.from({ length: count }, (_, index) => [
    '--mirror',
    `m${index}=${mirrorOf(place, index)}`,
  ]).flat();
}

function urlFlags({ mirrorUrls }: VersionsUse): string[] {
  return (mirrorUrls?.() ?? []).flatMap((url, index) => ['--mirror', `b${index}=${url}`]);
}

/** What any reader of all stored bytes has to do at least. */
function hashFiles(directory: string): Command {
  const script = 'find "$1" -type f -print0 | xargs -0 openssl dgst -sha256';
  return command('sh', '-c', script, 'sh', directory);
}
