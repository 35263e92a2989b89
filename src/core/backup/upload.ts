import { displayPath, type ByteString } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { joinPath, lstatIfExists, SourcePaths, type FileStat } from '../files/index.ts';
import type { Monitor } from '../monitor/index.ts';
import {
  stateNumbers,
  type StoreFilesResult,
  type StoreFilesTask,
  type WorkerPool,
} from '../workers/index.ts';
import { statesOfFingerprint } from './fingerprint.ts';
import { resultsOf, type FileResult, type Results } from './results.ts';
import type { QueuedBatch, QueuedFile, UploadQueue } from './upload-queue.ts';

/** Batches a worker may have: one in work and one waiting, unless they are large. */
const tasksMax = 2;
const loadMax = 16 * 1024 * 1024;

export interface UploadOptions {
  /** The paths that are saved. */
  readonly paths: readonly ByteString[];
  readonly queue: UploadQueue;
  readonly pool: Pick<WorkerPool, 'run' | 'hasRoom'>;
  readonly results: Pick<Results, 'add'>;
  readonly monitor: Monitor;
}

export interface UploadCounts {
  bytesRead: number;
  bytesNew: number;
  /** Sizes of the files that are done, as the scan saw them. */
  bytesDone: number;
  problems: number;
}

/**
 * Hands queued files to the workers and logs what becomes of them, batch by batch in the order of
 * the queue, however the workers finish. Knows nothing of the scan: it takes what there is.
 */
export class Upload {
  readonly #options: UploadOptions;
  readonly #running: Set<Promise<void>> = new Set();
  /** Results of a batch are logged after those of the batches before it. */
  #logged: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  readonly counts: UploadCounts = { bytesRead: 0, bytesNew: 0, bytesDone: 0, problems: 0 };

  constructor(options: UploadOptions) {
    this.#options = options;
  }

  /**
   * Gives the workers as much as they take; returns at once. Throws what went wrong before. If
   * nothing is under way afterwards, nothing waits either.
   */
  pump(): void {
    if (this.#failure) throw this.#failure.error;
    const { pool, queue } = this.#options;
    // Workers without a file may still have blocks to do that were lent to them: no room, yet idle.
    while (this.isIdle || pool.hasRoom(loadMax, tasksMax)) {
      const batch = queue.take();
      if (batch === undefined) return;
      const running = this.#run(batch)
        .catch((error: unknown) => void (this.#failure ??= { error }))
        .finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  }

  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Resolves when at least one batch is done, or at once if none is under way. */
  async progress(): Promise<void> {
    if (this.#running.size > 0) await Promise.race(this.#running);
    if (this.#failure) throw this.#failure.error;
  }

  /** Waits for everything that is under way. Throws what went wrong. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#failure) throw this.#failure.error;
  }

  /** What stands under a path now, reached without following a symlink, if that can be told. */
  look(path: ByteString): FileStat | undefined {
    using paths = new SourcePaths(this.#options.paths);
    try {
      return lstatIfExists(paths.at(path));
    } catch (error) {
      if (!isVersionsError(error, 'Source')) throw error;
      return undefined;
    }
  }

  /** Reads one file at once and past the queue; the results that are logged do not have it. */
  async readNow(file: QueuedFile): Promise<FileResult | undefined> {
    const { pool, monitor } = this.#options;
    const batch = { priority: 0, files: [file], bytes: file.size };
    const result = await pool.run(taskOf(batch, this.#options.paths), batch.bytes);
    // The scan has not counted it: what of it was told was not part of the whole.
    monitor.count('bytesDone', -result.bytesTold);
    this.#report(batch, result);
    return resultsOf(batch, result)[0];
  }

  async #run(batch: QueuedBatch): Promise<void> {
    const { pool, results } = this.#options;
    const result = pool.run(taskOf(batch, this.#options.paths), batch.bytes);
    // Rejections are handled where the turn comes; this keeps them from counting as unhandled.
    result.catch(() => {});
    const turn = this.#logged.then(async () => results.add(batch, await result));
    this.#logged = turn.catch(() => {});
    await turn;
    const { monitor } = this.#options;
    const done = await result;
    monitor.count('filesDone', batch.files.length);
    // A file that had to be read twice was told twice.
    monitor.count('bytesDone', batch.bytes - done.bytesTold);
    this.counts.bytesDone += batch.bytes;
    this.#report(batch, done);
  }

  #report(batch: QueuedBatch, result: StoreFilesResult): void {
    const { monitor } = this.#options;
    this.counts.bytesRead += result.bytesRead;
    this.counts.bytesNew += result.bytesNew;
    const first = batch.files[0];
    if (first) monitor.at('uploading', displayPath(first.directory));
    for (const problem of result.problems) {
      const file = batch.files[problem.file];
      const path = file === undefined ? '' : displayPath(joinPath(file.directory, file.name));
      if (problem.code === 'SOURCE_VANISHED') {
        monitor.note(`${path} vanished before it was read`);
        continue;
      }
      this.counts.problems += 1;
      const message = problem.message.includes(path)
        ? problem.message
        : `${path}: ${problem.message}`;
      monitor.problem(new VersionsError('Source', problem.code, message, { context: { path } }));
    }
  }
}

function taskOf(batch: QueuedBatch, asked: readonly ByteString[]): StoreFilesTask {
  const directories: ByteString[] = [];
  const directoryOf = new Uint32Array(batch.files.length);
  const states = new Float64Array(batch.files.length * stateNumbers);
  batch.files.forEach((file, at) => {
    if (directories.at(-1) !== file.directory) directories.push(file.directory);
    directoryOf[at] = directories.length - 1;
    statesOfFingerprint(file.fingerprint, states, at * stateNumbers);
  });
  const names = batch.files.map(({ name }) => name);
  return { type: 'store-files', asked, directories, directoryOf, names, states, xattrs: true };
}
