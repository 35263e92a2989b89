import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import type { Program } from './programs.ts';

export type ServiceName = 'minio-1' | 'minio-2' | 'versitygw' | 'dynamodb';

/** What all services take for credentials. The file system of the tests holds nothing secret. */
export const credentials = {
  region: 'us-east-1',
  // DynamoDB Local takes nothing but letters and digits.
  accessKeyId: 'versionstests',
  secretAccessKey: 'versions-tests-secret',
} as const;

/** How a service is started. */
export interface ServiceKind {
  readonly install: () => Promise<Program>;
  readonly args: (at: { readonly port: number; readonly data: string }) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A path that answers once the service does. */
  readonly readyPath: string;
}

const startMsMax = 60_000;

/**
 * A server of its own on 127.0.0.1. It keeps port and data when it is killed and started again, and
 * ends when the process that started it does, however that ends.
 */
export class Service implements AsyncDisposable {
  readonly name: ServiceName;
  /** Where its objects and logs are. */
  readonly directory: string;
  readonly #kind: ServiceKind;
  readonly #program: Program;
  #port = 0;
  #child: ChildProcess | undefined;
  #watchdog: ChildProcess | undefined;

  constructor(
    name: ServiceName,
    kind: ServiceKind,
    at: { readonly program: Program; readonly directory: string },
  ) {
    this.name = name;
    this.directory = at.directory;
    this.#kind = kind;
    this.#program = at.program;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  /** The directory below which the service keeps its data: of an S3 server, one for each bucket. */
  get data(): string {
    return join(this.directory, 'data');
  }

  /** Resolves when it answers. A free port is only free until it is used: it is tried three times. */
  async start(): Promise<void> {
    const isFirst = this.#port === 0;
    for (let attempt = 1; ; attempt += 1) {
      if (isFirst) this.#port = await freePort();
      try {
        this.#spawn();
        await this.#waitUntilReady();
        return;
      } catch (error) {
        await this.kill();
        if (!isFirst || attempt === 3) throw error;
      }
    }
  }

  /** Ends it in good order; kills it if that takes longer than five seconds. */
  async stop(): Promise<void> {
    const gone = this.#gone();
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    if ((await Promise.race([gone, sleep(5000, 'late', { ref: false })])) === 'late') {
      await this.kill();
    }
    this.#forget();
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    const gone = this.#gone();
    this.signal('SIGKILL');
    await gone;
    this.#forget();
  }

  /** `SIGSTOP` freezes it: connections stay open and nothing answers; `SIGCONT` goes on. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #spawn(): void {
    mkdirSync(this.data, { recursive: true });
    const log = openSync(join(this.directory, 'log.txt'), 'a');
    const { file, args } = this.#program;
    const own = this.#kind.args({ port: this.#port, data: this.data });
    this.#child = spawn(file, [...args, ...own], {
      cwd: this.directory,
      env: { ...process.env, ...this.#kind.env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    // Without this, a program that is not there would end the process that asked for it.
    this.#child.on('error', () => {});
    if (this.#child.pid !== undefined) this.#watchdog = watch(this.#child.pid);
  }

  async #waitUntilReady(): Promise<void> {
    const deadline = Date.now() + startMsMax;
    while (Date.now() < deadline) {
      if (this.#child?.pid === undefined || hasEnded(this.#child)) break;
      try {
        const answer = await fetch(this.endpoint + this.#kind.readyPath, {
          signal: AbortSignal.timeout(2000),
        });
        await answer.arrayBuffer();
        if (answer.status < 500) return;
      } catch {
        // Not yet.
      }
      await sleep(50);
    }
    const log = readFileSync(join(this.directory, 'log.txt'), 'utf8').slice(-2000);
    throw new Error(`${this.name} did not start\n${log}`);
  }

  async #gone(): Promise<void> {
    const child = this.#child;
    if (child?.pid !== undefined && !hasEnded(child)) await once(child, 'exit');
  }

  #forget(): void {
    this.#watchdog?.kill('SIGKILL');
    this.#watchdog = undefined;
    this.#child = undefined;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Kills `pid` when this process is no more: its end of the pipe is closed then, whatever ended it. */
function watch(pid: number): ChildProcess {
  const script = 'read -r _; kill -9 "$1" 2>/dev/null';
  const watchdog = spawn('sh', ['-c', script, 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C is for the service, not for what looks after it.
    detached: true,
  });
  watchdog.unref();
  if (watchdog.stdin !== null && 'unref' in watchdog.stdin) {
    (watchdog.stdin as unknown as { unref: () => void }).unref();
  }
  return watchdog;
}
