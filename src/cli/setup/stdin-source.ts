import { type ChildProcess, spawn } from 'node:child_process';
import { type BackupOptions, VersionsError } from '../../core/index.ts';
import type { Session } from '../session.ts';

type StdinOption = NonNullable<BackupOptions['stdin']>;

/** What `--stdin-name` saves: standard input, or what the command after `--` prints. */
export class StdinSource implements Disposable {
  readonly #name: string;
  readonly #session: Session;
  #child: ChildProcess | undefined;
  #isReading = false;

  constructor(name: string, session: Session) {
    this.#name = name;
    this.#session = session;
  }

  /** Begins to read, or starts the command; once. */
  start(): StdinOption {
    const { childCommand, io } = this.#session;
    const [program, ...args] = childCommand;
    if (program === undefined) {
      this.#isReading = true;
      return { name: this.#name, stream: io.stdin };
    }
    return { name: this.#name, ...this.#run(program, args) };
  }

  /** An operation that is given up leaves no command behind. */
  [Symbol.dispose](): void {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) child.kill();
    // A standard input that is still open would keep the process waiting for it.
    if (this.#isReading) this.#session.io.stdin.destroy();
  }

  #run(program: string, args: readonly string[]): Omit<StdinOption, 'name'> {
    const { io, signal } = this.#session;
    const child = spawn(program, [...args], {
      stdio: ['inherit', 'pipe', 'inherit'],
      env: { ...io.env },
      cwd: io.directory,
    });
    this.#child = child;
    const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
    child.on('error', (error) => reject(failed(program, 'could not be started', error)));
    child.on('close', (code, by) => {
      if (code === 0) resolve();
      else reject(failed(program, by === null ? `ended with ${code}` : `was ended by ${by}`));
    });
    // Whoever takes the stream looks at this when the stream ends; until then nobody does.
    finished.catch(() => {});
    signal.addEventListener('abort', () => child.kill(), { once: true });
    return { stream: child.stdout, finished };
  }
}

/** What `--stdin-name` asks for; undefined without it. Throws `Usage` if it makes no sense. */
export function stdinSource(session: Session): StdinSource | undefined {
  const { operands, settings } = session;
  const name = settings.text('stdin-name');
  if (name === undefined) return undefined;
  if (name.includes('/') || name === '.' || name === '..') {
    throw usage(`--stdin-name must be a name without a slash, not ${JSON.stringify(name)}`);
  }
  if (operands.length > 0 || settings.list('files-from').length > 0) {
    throw usage('--stdin-name saves one file and cannot be combined with paths');
  }
  return new StdinSource(name, session);
}

function failed(program: string, how: string, cause?: unknown): VersionsError {
  return new VersionsError(
    'Source',
    'COMMAND_FAILED',
    `The command ${JSON.stringify(program)} ${how}, so that nothing was saved`,
    { hint: 'run the command by itself to see why', cause },
  );
}

function usage(message: string): VersionsError {
  return new VersionsError('Usage', 'USAGE', message, {
    hint: 'versions help backup shows an example',
  });
}
