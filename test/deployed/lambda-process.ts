import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** A function as a template describes it, and what surrounds it here. */
export interface LambdaOptions {
  /** `index.mjs` of the runtime client. */
  readonly client: string;
  /** The folder with the bundle. */
  readonly bundle: string;
  readonly functionName: string;
  readonly handler: string;
  readonly memoryMb: number;
  readonly env: Readonly<Record<string, string>>;
}

/** What became of one invocation. */
export type Invoked =
  | { readonly outcome: 'answered'; readonly answer: unknown }
  | { readonly outcome: 'failed'; readonly answer: unknown }
  /** The function was ended from outside: its time was over, or somebody killed it. */
  | { readonly outcome: 'ended'; readonly log: string };

interface Waiting {
  readonly event: unknown;
  readonly deadline: number;
  readonly settle: (invoked: Invoked) => void;
}

const version = '/2018-06-01/runtime';

/**
 * One instance of a function: a process in which the runtime client of AWS runs the bundle, and the
 * API over HTTP by which Lambda hands events to it. As in Lambda, the process stays warm, does one
 * thing at a time, and is killed when the time of an invocation is over; the next one starts cold.
 */
export class LambdaProcess implements AsyncDisposable {
  readonly #options: LambdaOptions;
  readonly #server: Server;
  readonly #given = new Map<string, Waiting>();
  #asked: ServerResponse | undefined;
  #next: Waiting | undefined;
  #child: ChildProcess | undefined;
  #log = '';
  #count = 0;

  private constructor(options: LambdaOptions, server: Server) {
    this.#options = options;
    this.#server = server;
  }

  static async start(options: LambdaOptions): Promise<LambdaProcess> {
    const server = createServer();
    const lambda = new LambdaProcess(options, server);
    server.on('request', (request, response) => void lambda.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return lambda;
  }

  /** What all its processes have printed. */
  get log(): string {
    return this.#log;
  }

  /** How many events its processes were handed. */
  get begun(): number {
    return this.#count;
  }

  /** Lines of JSON of that kind that it has printed. */
  lines(type: string): Record<string, unknown>[] {
    return this.#log.split('\n').flatMap((line) => {
      const json = line.slice(line.indexOf('{'));
      if (!json.startsWith('{') || !json.includes(`"type":"${type}"`)) return [];
      return [JSON.parse(json) as Record<string, unknown>];
    });
  }

  /** Runs the function once; never rejects. */
  async invoke(event: unknown, timeoutMs: number): Promise<Invoked> {
    if (this.#child === undefined) this.#spawn();
    const invoked = new Promise<Invoked>((settle) => {
      this.#next = { event, deadline: Date.now() + timeoutMs, settle };
      this.#hand();
    });
    const timer = setTimeout(() => this.kill(), timeoutMs);
    try {
      return await invoked;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends its process at once, whatever it is at. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child !== undefined) {
      const gone = once(child, 'close');
      this.kill();
      await gone;
    }
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #spawn(): void {
    const { client, bundle, functionName, handler, memoryMb, env } = this.#options;
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('It does not listen');
    const child = spawn(process.execPath, [client, handler], {
      cwd: bundle,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...env,
        _HANDLER: handler,
        LAMBDA_TASK_ROOT: bundle,
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${address.port}`,
        AWS_LAMBDA_FUNCTION_NAME: functionName,
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
        AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
        AWS_LAMBDA_LOG_STREAM_NAME: 'test',
      },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        this.#log += chunk;
      });
    }
    this.#child = child;
    child.once('error', (error) => {
      this.#log += `${String(error)}\n`;
    });
    // Also what could not be started is closed.
    child.once('close', () => {
      this.#child = undefined;
      this.#asked = undefined;
      for (const { settle } of [...this.#given.values(), ...(this.#next ? [this.#next] : [])]) {
        settle({ outcome: 'ended', log: this.#log.slice(-3000) });
      }
      this.#given.clear();
      this.#next = undefined;
    });
  }

  /** Gives what waits to the process that asks. */
  #hand(): void {
    const [response, waiting] = [this.#asked, this.#next];
    if (response === undefined || waiting === undefined) return;
    this.#asked = undefined;
    this.#next = undefined;
    const id = `request-${(this.#count += 1)}`;
    this.#given.set(id, waiting);
    response.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': id,
      'lambda-runtime-deadline-ms': String(waiting.deadline),
      'lambda-runtime-invoked-function-arn': `arn:aws:lambda:eu-central-1:000000000000:function:${this.#options.functionName}`,
      'lambda-runtime-trace-id': 'Root=1-00000000-000000000000000000000000;Sampled=0',
    });
    response.end(JSON.stringify(waiting.event));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (path === `${version}/invocation/next`) {
      this.#asked = response;
      this.#hand();
      return;
    }
    const body = await text(request);
    const answer: unknown = body === '' ? undefined : JSON.parse(body);
    const [, id = '', what] = /\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}');
    // It could not even be loaded: `/init/error`.
    const waiting = what === undefined ? this.#next : this.#given.get(id);
    this.#given.delete(id);
    if (what === undefined) this.#next = undefined;
    waiting?.settle({ outcome: what === 'response' ? 'answered' : 'failed', answer });
  }
}
