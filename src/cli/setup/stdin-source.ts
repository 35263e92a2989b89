import { type ChildProcess, spawn } from 'node:child_process';
import { assert, type BackupOptions, VersionsError } from '../../core/index.ts';
import type { Session } from '../session.ts';
import { childEnvironment } from './child-environment.ts';

type StdinOption = NonNullable<BackupOptions['stdin']>;

/** What `--stdin-name` saves: standard input, or what the command after `--` prints. */
export class StdinSource implements Disposable {
  readonly #name: string;
  readonly #session: Session;
  #child: ChildProcess | undefined;
  #isReading = false;
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  constructor(name: string, session: Session) {
    this.#name = name;
    this.#session = session;
  }

  /** What to hand to the core. The command starts when the stream is first read, not before. */
  get option(): StdinOption {
    const { childCommand, io } = this.#session;
    const [program, ...args] = childCommand;
    if (program === undefined) {
      this.#isReading = true;
      return { name: this.#name, stream: io.stdin };
    }
    // Whoever takes the stream looks at this when the stream ends; until then nobody does.
    this.#finished.promise.catch(() => {});
    return {
      name: this.#name,
      stream: this.#output(program, args),
      finished: this.#finished.promise,
    };
  }

  /** An operation that is given up leaves no command behind. */
  [Symbol.dispose](): void {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) child.kill();
    // A standard input that is still open would keep the process waiting for it.
    if (this.#isReading) this.#session.io.stdin.destroy();
  }

  /**
   * What the command prints; fails at the end if the command does. It is read from the moment it
   * starts: Node throws away what a process that has ended left unread.
   */
  async *#output(program: string, args: readonly string[]): AsyncGenerator<Uint8Array> {
    const { io, signal } = this.#session;
    const { reject, resolve, promise } = this.#finished;
    // A listener that is added after the fact would never be called.
    signal.throwIfAborted();
    const child = spawn(program, [...args], {
      stdio: ['inherit', 'pipe', 'inherit'],
      env: childEnvironment(io),
      cwd: io.directory,
    });
    this.#child = child;
    child.on('error', (error) => reject(failed(program, 'could not be started', error)));
    child.on('close', (code, by) => {
      if (code === 0) resolve();
      else if (signal.aborted) reject(signal.reason);
      else reject(failed(program, by === null ? `ended with ${code}` : `was ended by ${by}`));
    });
    signal.addEventListener('abort', () => child.kill(), { once: true });
    for await (const part of child.stdout) yield asBytes(part);
    await promise;
  }
}

function asBytes(part: unknown): Uint8Array {
  assert(part instanceof Uint8Array, 'A pipe gives bytes');
  return part;
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
