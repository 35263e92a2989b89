import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { freePort } from '../support/free-port.ts';

export const root: string = fileURLToPath(new URL('../../', import.meta.url));
const readyMsMax = 120_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * An emulator of AWS on 127.0.0.1 that runs functions under Node, fires schedules and mappings, and
 * refuses what policies do not allow. It has a home directory, in which everything runs.
 */
export class Emulator implements AsyncDisposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'versions-deployed-'));
  readonly region: string = 'eu-central-1';
  /** Those of the account itself, which nothing is refused. */
  readonly credentials = { accessKeyId: 'test', secretAccessKey: 'test' } as const;
  readonly #certificate: Certificate;
  #child: ChildProcess | undefined;
  #port = 0;

  private constructor(certificate: Certificate) {
    this.#certificate = certificate;
  }

  static async start(program: string, certificate: Certificate): Promise<Emulator> {
    const emulator = new Emulator(certificate);
    await emulator.#start(program);
    return emulator;
  }

  /** Encrypted, because buckets and queues refuse everything else. */
  get endpoint(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  get log(): string {
    return readFileSync(this.path('emulator.log'), 'utf8');
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts);
  }

  /** Where the calls are written that functions make, and programs that are `recorded`. */
  get calls(): string {
    return this.path('calls.jsonl');
  }

  /** What makes a program of Node.js write its calls down. */
  recorded(who: string): Record<string, string> {
    const recorder = pathToFileURL(`${root}test/support/record-calls.ts`).href;
    return {
      NODE_OPTIONS: `--import=${recorder}`,
      VERSIONS_CALLS: this.calls,
      VERSIONS_CALLER: who,
    };
  }

  /** What programs get to see; the keys are those of the account itself. */
  get env(): Record<string, string> {
    return {
      PATH: `${root}node_modules/node/bin:${root}node_modules/.bin:${process.env['PATH'] ?? ''}`,
      HOME: this.path('home'),
      TMPDIR: this.path('tmp'),
      TZ: 'UTC',
      CI: 'true',
      NO_COLOR: '1',
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      CDK_DEFAULT_ACCOUNT: '000000000000',
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_REGION: this.region,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ACCESS_KEY_ID: this.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.credentials.secretAccessKey,
      NODE_EXTRA_CA_CERTS: this.#certificate.cert,
    };
  }

  run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const env = { ...this.env, ...options.env };
    return new Promise((resolve) => {
      execFile(
        file,
        args,
        { cwd: options.cwd ?? this.directory, env, maxBuffer: 1e8 },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
        },
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start(program: string): Promise<void> {
    for (const name of ['home', 'tmp']) mkdirSync(this.path(name));
    // Node looks upwards for what kind of module a file is, and finds this first.
    writeFileSync(this.path('package.json'), '{"type":"commonjs"}');
    // A free port is only free until it is used.
    for (let attempt = 1; ; attempt += 1) {
      this.#port = await freePort();
      if (await this.#listens(program)) return;
      if (attempt === 3) throw new Error(`The emulator does not answer:\n${this.log}`);
    }
  }

  /** Starts the emulator on its port; false if it ended or never answered. */
  async #listens(program: string): Promise<boolean> {
    const log = openSync(this.path('emulator.log'), 'a');
    const child = spawn(program, [], {
      cwd: this.directory,
      stdio: ['ignore', log, log],
      env: {
        ...this.env,
        ...this.recorded('emulator'),
        AUTH: 'true',
        USE_SSL: '1',
        MINISTACK_SSL_CERT: this.#certificate.cert,
        MINISTACK_SSL_KEY: this.#certificate.key,
        BIND_HOST: '127.0.0.1',
        GATEWAY_PORT: String(this.#port),
        MINISTACK_HOST: '127.0.0.1',
        MINISTACK_REGION: this.region,
      },
    });
    closeSync(log);
    this.#child = child;
    for (const deadline = Date.now() + readyMsMax; Date.now() < deadline; await sleep(200)) {
      if (child.exitCode !== null) return false;
      const answer = await fetch(this.endpoint).catch(() => undefined);
      if (answer !== undefined && child.exitCode === null) return true;
    }
    await this.#end();
    return false;
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}

/** Files of the certificate with which the emulator answers, which this process trusts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}
