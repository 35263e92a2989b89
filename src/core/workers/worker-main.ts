import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemRandom } from '../base/index.ts';
import { chunkerParamsOf, createGearTable } from '../chunking/index.ts';
import { RepositoryKeys } from '../crypto/index.ts';
import { assert, errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { compareFiles } from './compare-files.ts';
import { ChunkList, ChunkStore } from './chunk-store.ts';
import { LentBlock } from './lent-block.ts';
import { PackBuilder, type PackBuilderOptions } from './pack-builder.ts';
import {
  sharedCounters,
  waitingPacksOf,
  type FromWorker,
  type RestoreSettings,
  type SealedPack,
  type StoreBytesResult,
  type StoreBytesTask,
  type ToWorker,
  type WorkerResult,
  type WorkerSetup,
  type WorkerTask,
} from './protocol.ts';
import { RestoreWriter } from './restore-writer.ts';
import { SharedIndex } from './shared-index.ts';
import { storeFiles, type StoreFilesContext } from './store-files.ts';

/** Reading window for files that are cut, in largest chunks: with one no chunk could be cut safely. */
const windowChunks = 2;

interface Storing {
  readonly context: StoreFilesContext;
  readonly packs: PackBuilder;
  readonly chunks: ChunkStore;
}

/** Everything a worker keeps between tasks. Made when the first task needs it. */
class WorkerState {
  readonly #setup: WorkerSetup;
  readonly #keys: RepositoryKeys;
  readonly #index: SharedIndex;
  readonly #counters: Int32Array;
  readonly #post: (message: FromWorker, transfer?: ArrayBuffer[]) => void;
  #trees: PackBuilder | undefined;
  #store: Storing | undefined;
  #restore: RestoreWriter | undefined;

  constructor(setup: WorkerSetup, post: (message: FromWorker, transfer?: ArrayBuffer[]) => void) {
    this.#setup = setup;
    this.#keys = new RepositoryKeys(setup.keys);
    this.#index = SharedIndex.attach(setup.index);
    this.#counters = new Int32Array(setup.counters);
    this.#post = post;
  }

  run(task: WorkerTask): WorkerResult {
    switch (task.type) {
      case 'store-files':
        return storeFiles(task, this.#storing().context);
      case 'store-block':
        this.#storing().chunks.storeLent(new LentBlock(task));
        return { type: 'store-block' };
      case 'store-bytes':
        return this.#storeBytes(task);
      case 'flush':
        this.#store?.packs.finish();
        this.#trees?.finish();
        return { type: 'flush' };
      case 'restore':
        return this.#restoring(task.settings).run(task);
      default:
        return compareFiles(task, this.#restoring(task.settings).target, this.#keys);
    }
  }

  /** One restore at a time: a worker writes below one root. */
  #restoring(settings: RestoreSettings): RestoreWriter {
    this.#restore ??= new RestoreWriter(this.#keys, settings);
    return this.#restore;
  }

  #storing(): Storing {
    if (this.#store) return this.#store;
    const { chunkAvgBytes, blockBytes } = this.#setup;
    const chunker = chunkerParamsOf(chunkAvgBytes);
    const packs = this.#packBuilder('data', chunker.max);
    const chunks = new ChunkStore({
      keys: this.#keys,
      index: this.#index,
      packs,
      chunker,
      gear: createGearTable(this.#keys.chunkerSecret()),
      blockBytes,
      counters: this.#counters,
      lend: (task) => {
        this.#post({ type: 'block', task });
      },
    });
    const context: StoreFilesContext = {
      chunks,
      packs,
      storeListPage: (page) => this.#storeSmall(page, 2),
      storeXattrs: (bytes) => this.#storeSmall(bytes, 0),
      chunkBytesMin: chunker.min,
      tell: (bytes) => {
        this.#post({ type: 'read', bytes });
      },
      checkStopped: () => {
        if (Atomics.load(this.#counters, sharedCounters.stopped) === 0) return;
        throw new VersionsError('Cancelled', 'STOPPED', 'The run is being cut short');
      },
      window: Buffer.allocUnsafeSlow(windowChunks * chunker.max),
    };
    this.#store = { context, packs, chunks };
    return this.#store;
  }

  /** A list page goes into a tree pack, anything else into the data. */
  #storeSmall(bytes: Uint8Array, kind: 0 | 2): Uint8Array {
    const id = this.#keys.ids.idOf(kind, bytes);
    if (!this.#index.claim(id)) return id;
    if (kind === 0) {
      this.#storing().packs.addChunk(bytes, kind, id);
    } else {
      this.#trees ??= this.#packBuilder('tree', chunkerParamsOf(this.#setup.chunkAvgBytes).max);
      this.#trees.addChunk(bytes, kind, id);
    }
    return id;
  }

  #packBuilder(kind: 'data' | 'tree', chunkBytesMax: number): PackBuilder {
    const options: PackBuilderOptions = {
      kind,
      keys: this.#keys,
      repository: this.#setup.repository,
      packBytes: this.#setup.packBytes,
      blockBytes: this.#setup.blockBytes,
      chunkBytesMax,
      random: systemRandom,
      onPack: (pack: SealedPack) => {
        Atomics.add(this.#counters, sharedCounters.waitingPacks, 1);
        this.#post({ type: 'pack', pack });
      },
      takeBuffer: () => this.#takeBuffer(),
    };
    return new PackBuilder(options);
  }

  /** Waits until not too many packs wait for the mirrors, then gives a used buffer if one is back. */
  #takeBuffer(): SharedArrayBuffer | undefined {
    const most = waitingPacksOf(this.#setup.packBytes);
    for (;;) {
      const waiting = Atomics.load(this.#counters, sharedCounters.waitingPacks);
      if (waiting < most) break;
      Atomics.wait(this.#counters, sharedCounters.waitingPacks, waiting);
    }
    const returned: unknown = receiveMessageOnPort(this.#setup.buffers)?.message;
    return returned instanceof SharedArrayBuffer ? returned : undefined;
  }

  #storeBytes(task: StoreBytesTask): StoreBytesResult {
    const { chunks } = this.#storing();
    const before = chunks.bytesNew;
    const list = new ChunkList();
    const bytes = Buffer.from(task.bytes.buffer, task.bytes.byteOffset, task.bytes.byteLength);
    const end = chunks.storeRange(bytes, 0, bytes.byteLength, {
      last: task.last,
      huge: true,
      chunks: list,
    });
    chunks.settle();
    return {
      type: 'store-bytes',
      ids: new Uint8Array(list.idBytes()),
      lengths: Uint32Array.from(list.lengths),
      rest: new Uint8Array(bytes.subarray(end)),
      bytesNew: chunks.bytesNew - before,
    };
  }
}

function main(): void {
  const port = parentPort;
  assert(port !== null, 'The worker is not run as a thread');
  const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(message, transfer);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pool hands over nothing else
  const state = new WorkerState(workerData as WorkerSetup, post);
  port.on('message', ({ number, task }: ToWorker) => {
    try {
      post({ type: 'result', number, result: state.run(task) });
    } catch (error) {
      const known = isVersionsError(error);
      post({
        type: 'failure',
        number,
        kind: known ? error.kind : 'Internal',
        code: known ? error.code : 'WORKER_FAILED',
        message: known ? error.message : `A worker thread failed: ${errorMessage(error)}`,
      });
    }
  });
}

main();
