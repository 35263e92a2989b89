import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ObjectHash } from '../base/index.ts';
import { assert, errorMessage, VersionsError } from '../errors/index.ts';
import type { FileHasher, ObjectDigest } from '../mirror/index.ts';
import type { HashAnswer, HashTask } from './hash-worker.ts';

interface Thread {
  readonly worker: Worker;
  readonly open: Map<number, OpenTask>;
}

interface OpenTask {
  resolve(digest: ObjectDigest): void;
  reject(error: unknown): void;
}

/** Without its number. */
type Content = { readonly content: Uint8Array } | { readonly fd: number; readonly bytes: number };

const threadsMax = 8;
/** They hold next to nothing. */
const youngGenerationMb = 2;

/** Threads that hash objects and know no key. Each is started when the others are busy. */
export class HashThreads implements FileHasher, AsyncDisposable {
  readonly #count: number;
  #threads: readonly Thread[] = [];
  #lastNumber = 0;
  #failure: VersionsError | undefined;

  /** Default: as many as there are processors, within reason. */
  constructor(count: number = Math.min(threadsMax, availableParallelism())) {
    assert(count >= 1, 'There is at least one thread that hashes');
    this.#count = count;
  }

  hashFile(fd: number, bytes: number): Promise<ObjectDigest> {
    return this.#run({ fd, bytes }, []);
  }

  /** The SHA-256 of bytes, which it takes if nothing else lies in their memory. */
  async hashBytes(content: Uint8Array): Promise<ObjectHash> {
    const { buffer } = content;
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === content.byteLength;
    return (await this.#run({ content }, isWhole ? [buffer] : [])).hash;
  }

  /** Ends the threads; whatever they were at is rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    const idle = this.#threads.filter(({ open }) => open.size === 0);
    const ended = idle.map(({ worker }) => worker.terminate());
    // A read from a share that hangs may never end: nobody waits for that.
    for (const { worker, open } of this.#threads) if (open.size > 0) void worker.terminate();
    await Promise.all(ended);
  }

  #run(content: Content, transfer: ArrayBuffer[]): Promise<ObjectDigest> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { worker, open } = this.#leastBusy();
    const number = ++this.#lastNumber;
    return new Promise((resolve, reject) => {
      open.set(number, { resolve, reject });
      const task: HashTask = { number, ...content };
      worker.postMessage(task, transfer);
    });
  }

  #leastBusy(): Thread {
    const [first, ...others] = this.#threads;
    if (first === undefined) return this.#start();
    const least = others.reduce(
      (best, thread) => (thread.open.size < best.open.size ? thread : best),
      first,
    );
    return least.open.size > 0 && this.#threads.length < this.#count ? this.#start() : least;
  }

  #start(): Thread {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./hash-worker.${extension}`, import.meta.url), {
      // It needs none of the environment, where passwords may stand.
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    const open = new Map<number, OpenTask>();
    worker.on('message', (answer: HashAnswer) => {
      const task = open.get(answer.number);
      open.delete(answer.number);
      if ('digest' in answer) task?.resolve(answer.digest);
      // As the system call threw it: whose file it is knows what that means.
      else task?.reject(Object.assign(new Error(answer.failure.message), answer.failure));
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`it ended with code ${code}`)));
    const thread = { worker, open };
    this.#threads = [...this.#threads, thread];
    return thread;
  }

  #fail(cause: unknown): void {
    const message = `A worker thread failed: ${errorMessage(cause)}`;
    this.#failure ??= new VersionsError('Internal', 'WORKER_FAILED', message, { cause });
    for (const { open } of this.#threads) {
      for (const task of open.values()) task.reject(this.#failure);
      open.clear();
    }
  }
}
