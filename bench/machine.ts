import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What the figures depend on. */
export interface Machine {
  readonly processors: number;
  readonly processor: string;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Of this program: its commit, with a plus if something is changed; undefined outside of git. */
  readonly commit: string | undefined;
  readonly date: string;
}

export function describeMachine(): Machine {
  return {
    processors: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memoryBytes: totalmem(),
    system: [distribution(), type(), release()].filter((part) => part !== undefined).join(', '),
    node: process.version,
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
  };
}

function distribution(): string | undefined {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

function commit(): string | undefined {
  const git = (...args: readonly string[]): string | undefined => {
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const { status, stdout } = spawnSync('git', args, { cwd, encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const head = git('rev-parse', '--short=12', 'HEAD');
  if (head === undefined) return undefined;
  return git('status', '--porcelain', '--', 'src') === '' ? head : `${head}+`;
}
