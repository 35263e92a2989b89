import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { assert, errorMessage, VersionsError } from '../errors/index.ts';
import { limitMallocArenas } from '../files/index.ts';
import {
  sharedCounters,
  type FromWorker,
  type ResultOf,
  type SealedPack,
  type StoreBlockTask,
  type ToWorker,
  type WorkerResult,
  type WorkerSetup,
  type WorkerTask,
} from './protocol.ts';
import { limitYoungGeneration } from './young-generation.ts';

/** Short-lived objects of a worker: more makes no difference in time, and costs three times as much. */
const youngGenerationMb = 8;

export interface WorkerPoolOptions {
  /** Threads: as many as processors is right. */
  readonly threads: number;
  readonly setup: Omit<WorkerSetup, 'counters' | 'buffers'>;
  /**
   * A worker has completed a pack. `release` is called when its bytes are needed no more: the
   * buffer goes back to be used again, and workers that wait because too many packs do go on.
   */
  readonly onPack?: ((pack: SealedPack, release: () => void) => void) | undefined;
  /** So many more bytes of a huge file were read; `bytesTold` of the result holds their sum. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

interface Member {
  readonly worker: Worker;
  readonly buffers: MessagePort;
  /** Tasks it was given and has not answered. */
  open: number;
  /** Weight of those tasks, as told by the callers. */
  load: number;
}

interface OpenTask {
  readonly member: Member;
  readonly weight: number;
  resolve(result: WorkerResult): void;
  reject(error: unknown): void;
}

/**
 * A fixed number of threads that run the heavy work. Not a general pool: a worker keeps a pack
 * open across tasks, lends blocks to the others through this one, and hands complete packs over.
 */
export class WorkerPool implements AsyncDisposable {
  readonly threads: number;
  readonly #setup: WorkerPoolOptions['setup'];
  #members: readonly Member[] = [];
  readonly #tasks: Map<number, OpenTask> = new Map();
  readonly #onPack: WorkerPoolOptions['onPack'];
  readonly #onRead: WorkerPoolOptions['onRead'];
  readonly #counters: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(16));
  #lastNumber = 0;
  #failure: unknown;
  readonly #lent: Set<Promise<unknown>> = new Set();

  constructor(options: WorkerPoolOptions) {
    assert(options.threads >= 1, 'A worker pool has at least one thread');
    this.#onPack = options.onPack;
    this.#onRead = options.onRead;
    this.#counters[sharedCounters.workers] = options.threads;
    this.threads = options.threads;
    this.#setup = options.setup;
  }

  /** Starts the threads, which else happens with the first task: they take a tenth of a second. */
  warmUp(): void {
    this.#leastBusy();
  }

  /** Runs a task on the least busy worker. `weight` is its size, in bytes for example. */
  run<T extends WorkerTask>(
    task: T,
    weight: number,
    transfer: ArrayBuffer[] = [],
  ): Promise<ResultOf<T>> {
    return this.#runOn(this.#leastBusy(), task, weight, transfer);
  }

  /** Runs a task on every worker that was started and waits for all. */
  async runOnAll(task: WorkerTask): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#runOn(member, task, 0, [])));
  }

  /** Is there a worker with no more than `weight` to do? */
  hasRoom(weight: number, tasks: number): boolean {
    if (this.#members.length === 0) return true;
    return this.#members.some(
      (member) => member.open === 0 || (member.open < tasks && member.load <= weight),
    );
  }

  /** Blocks that one worker lent to another and that are not done. */
  async lentBlocksDone(): Promise<void> {
    while (this.#lent.size > 0) await Promise.all(this.#lent);
  }

  /** Makes the workers leave the huge files they are reading: the run is being cut short. */
  stop(): void {
    Atomics.store(this.#counters, sharedCounters.stopped, 1);
  }

  /** Ends the threads; whatever they were at is rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map((member) => member.worker.terminate()));
  }

  #start(common: WorkerPoolOptions['setup']): Member {
    const { port1: buffers, port2 } = new MessageChannel();
    buffers.unref();
    const setup: WorkerSetup = { ...common, counters: this.#counters.buffer, buffers: port2 };
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./worker-main.${extension}`, import.meta.url), {
      workerData: setup,
      transferList: [port2],
      // A worker needs none of the environment, where passwords may stand.
      env: {},
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    const member: Member = { worker, buffers, open: 0, load: 0 };
    worker.on('message', (message: FromWorker) => this.#receive(member, message));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => this.#fail(new Error(`it ended with code ${code}`)));
    return member;
  }

  #runOn<T extends WorkerTask>(
    member: Member,
    task: T,
    weight: number,
    transfer: ArrayBuffer[],
  ): Promise<ResultOf<T>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    limitYoungGeneration();
    const number = ++this.#lastNumber;
    member.open += 1;
    member.load += weight;
    return new Promise<ResultOf<T>>((resolve, reject) => {
      this.#tasks.set(number, {
        member,
        weight,
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a worker answers each task with the result of its type
        resolve: (result) => resolve(result as ResultOf<T>),
        reject,
      });
      const message: ToWorker = { number, task };
      member.worker.postMessage(message, transfer);
    });
  }

  #leastBusy(): Member {
    // Threads cost a tenth of a second: a run that finds nothing to do needs none.
    if (this.#members.length === 0) {
      limitMallocArenas();
      this.#members = Array.from({ length: this.threads }, () => this.#start(this.#setup));
    }
    const [first, ...rest] = this.#members;
    assert(first !== undefined, 'A worker pool has at least one thread');
    return rest.reduce(
      (best, member) =>
        member.open < best.open || (member.open === best.open && member.load < best.load)
          ? member
          : best,
      first,
    );
  }

  #receive(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'pack':
        this.#onPack?.(
          message.pack,
          once(() => this.#release(member, message.pack.buffer)),
        );
        return;
      case 'read':
        this.#onRead?.(message.bytes);
        return;
      case 'block':
        this.#lend(member, message.task);
        return;
      case 'result':
        this.#close(message.number)?.resolve(message.result);
        return;
      case 'failure':
        this.#close(message.number)?.reject(
          new VersionsError(message.kind, message.code, message.message),
        );
    }
  }

  #release(member: Member, buffer: SharedArrayBuffer): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
    member.buffers.postMessage(buffer);
    Atomics.sub(this.#counters, sharedCounters.waitingPacks, 1);
    Atomics.notify(this.#counters, sharedCounters.waitingPacks);
  }

  /** To any but the lender: it is busy with the file until the end. */
  #lend(lender: Member, task: StoreBlockTask): void {
    const [first, ...rest] = this.#members.filter((member) => member !== lender);
    assert(first !== undefined, 'A worker that is alone lends nothing');
    const least = rest.reduce((best, member) => (member.load < best.load ? member : best), first);
    const lent = this.#runOn(least, task, task.memory.byteLength, [])
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#lent.delete(lent));
    this.#lent.add(lent);
  }

  #close(number: number): OpenTask | undefined {
    const task = this.#tasks.get(number);
    if (!task) return undefined;
    this.#tasks.delete(number);
    task.member.open -= 1;
    task.member.load -= task.weight;
    return task;
  }

  /** A thread died or lost a block: nothing that is under way can be trusted to end. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error instanceof VersionsError ? error : workerFailed(error);
    for (const number of this.#tasks.keys()) this.#close(number)?.reject(this.#failure);
  }
}

function workerFailed(cause: unknown): VersionsError {
  const message = `A worker thread failed: ${errorMessage(cause)}`;
  return new VersionsError('Internal', 'WORKER_FAILED', message, { cause });
}

/** A second call would give one buffer to two packs. */
function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
