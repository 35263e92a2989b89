import { parseArgs } from 'node:util';

/** What somebody asked to be measured. */
export interface BenchSettings {
  readonly source: string;
  readonly against: readonly string[];
  /** Rows to leave out. */
  readonly skip: ReadonlySet<string>;
  readonly runs: number;
  readonly mirrors: number;
  /** A further row with this many worker threads. */
  readonly threads: number | undefined;
  readonly edit: boolean;
  readonly scratchParent: string | undefined;
  /** A directory with peers, searched before the rest. */
  readonly peersDirectory: string | undefined;
  readonly jsonFile: string | undefined;
}

export const usage: string = `Usage: npm run bench -- DIR [FLAG...]

Measures whole processes on a directory: a first backup, an unchanged second one, reading and
checking everything stored, and a restore; prints Markdown.

  --against NAMES  peers, separated by commas: restic,bupstash,kopia,rustic,borg
                   (default: restic,bupstash; none: only our own program)
  --peers DIR      where the peers' programs are, searched before the PATH
  --runs N         how often everything is measured, the tools in turn (default: 5)
  --tmp DIR        where everything is written (default: /dev/shm if it is memory, else the
                   system's temporary directory)
  --mirrors 1|2    2: a further row with two mirrors
  --threads N      a further row with N worker threads
  --edit           the source is the data set "image": edit it before each second backup
  --skip NAMES     rows to leave out, separated by commas, such as versions-password,tar-zstd
  --json FILE      every single figure too
`;

/** Something in the arguments that cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const runsDefault = 5;
const runsMax = 1000;
const mirrorsMax = 2;
const threadsMax = 64;

export function parseSettings(args: readonly string[]): BenchSettings {
  const { values, positionals } = parse(args);
  const [source, more] = positionals;
  if (source === undefined || more !== undefined) throw new UsageError('One DIR is needed');
  return {
    source,
    against: values.against === 'none' ? [] : namesIn(values.against),
    skip: new Set(namesIn(values.skip)),
    runs: countIn('runs', values.runs, runsMax) ?? runsDefault,
    mirrors: countIn('mirrors', values.mirrors, mirrorsMax) ?? 1,
    threads: countIn('threads', values.threads, threadsMax),
    edit: values.edit,
    scratchParent: values.tmp,
    peersDirectory: values.peers,
    jsonFile: values.json,
  };
}

const options = {
  against: { type: 'string', default: 'restic,bupstash' },
  peers: { type: 'string' },
  runs: { type: 'string' },
  tmp: { type: 'string' },
  mirrors: { type: 'string' },
  threads: { type: 'string' },
  edit: { type: 'boolean', default: false },
  skip: { type: 'string', default: '' },
  json: { type: 'string' },
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function namesIn(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}

function countIn(flag: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= max) return count;
  throw new UsageError(`--${flag} must be a number from 1 to ${max}, not ${text}`);
}
