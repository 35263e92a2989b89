import { displayPath, type ByteString } from '../base/index.ts';
import { isVersionsError, reasonOf, VersionsError } from '../errors/index.ts';
import { decodeXattrs } from '../format/index.ts';
import { packKey, readBlock, type PackBlocks } from '../repository/index.ts';
import {
  type BlockPlace,
  type RestoreFile,
  type RestoreResult,
  type RestoreTask,
} from '../workers/index.ts';
import { contentArchived, isArchived } from './archived-packs.ts';
import type { ChunkUse, ChunkUses } from './chunk-uses.ts';
import { NumberSet } from './number-set.ts';
import type { PlannedFile, RestorePlan } from './plan.ts';
import { reportProblem, type RestoreWork } from './restore-work.ts';
import { WriteList } from './write-list.ts';

/** Neighbouring blocks are fetched in one request of up to so many bytes. */
const rangeBytesMax = 4 * 1024 * 1024;
/** Blocks that are not wanted are fetched along if the gap is no larger. */
const gapBytesMax = 128 * 1024;
const writesMax = 4096;
const metadataFilesMax = 256;

/** A request to one pack and what is done with its bytes. */
interface Range {
  readonly directory: PackBlocks;
  readonly offset: number;
  end: number;
  readonly blocks: BlockPlace[];
  readonly writes: WriteList;
}

/** Fetches, decodes and writes everything that a plan lists. */
export class Execution {
  readonly #work: RestoreWork;
  readonly #plan: RestorePlan;
  readonly #running: Set<Promise<void>> = new Set();
  readonly #runningMax: number;
  /** Files that several tasks wrote to: they are completed in the end. */
  readonly #spread: NumberSet = new NumberSet();
  #failure: { readonly error: unknown } | undefined;
  #early: Promise<void> = Promise.resolve();

  constructor(work: RestoreWork, plan: RestorePlan) {
    this.#work = work;
    this.#plan = plan;
    this.#runningMax = work.pool.threads * 2 + 1;
  }

  /**
   * Begins with a part of the plan while the rest of it is being made: with those blocks that are
   * needed whole, because what comes later hardly ever needs them again. The others go back into
   * the plan. Returns at once; what fails is thrown by `run`.
   */
  begin(uses: ChunkUses): void {
    this.#early = this.#writeBlocks(this.#wholeBlocks(uses)).catch(
      (error: unknown) => void (this.#failure ??= { error }),
    );
  }

  /** The plan could not be made: ends what was begun. Never throws. */
  async abandon(reason: unknown): Promise<void> {
    this.#failure ??= { error: reason };
    await this.#early;
    await Promise.all(this.#running);
  }

  /** The plan is made: does all that is left. */
  async run(): Promise<void> {
    await this.#early;
    await this.#writeChunkless();
    await this.#writeBlocks(blocksOf(this.#plan.uses.sorted()));
    await this.#settle();
    await this.#completeFiles();
    for (const problem of this.#plan.misses.problems()) reportProblem(this.#work, problem);
  }

  /** Those blocks that are needed whole; gives the uses of others back to the plan. */
  async *#wholeBlocks(uses: ChunkUses): AsyncGenerator<readonly ChunkUse[]> {
    const { chunks, context } = this.#work;
    for (const block of blocksOf(uses.sorted())) {
      const [first] = block;
      if (first === undefined) continue;
      let needed = 0;
      const offsets = new Set<number>();
      for (const { location } of block) {
        if (!offsets.has(location.offset)) needed += location.length;
        offsets.add(location.offset);
      }
      let isWhole = false;
      try {
        const { table } = await chunks.directory(first.location.pack, context.signal);
        isWhole = table.blockPlainBytes[first.location.block] === needed;
      } catch (error) {
        // It is told when its turn comes.
        if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unavailable')) throw error;
      }
      if (isWhole) yield block;
      else for (const use of block) this.#plan.addUse(use);
    }
  }

  /** Files without chunks, and those of which only the metadata are set. */
  async #writeChunkless(): Promise<void> {
    let batch: number[] = [];
    for (let file = 0; file < this.#plan.fileCount; file++) {
      if (this.#plan.file(file).writes > 0) continue;
      batch.push(file);
      if (batch.length < metadataFilesMax) continue;
      await this.#complete(batch);
      batch = [];
    }
    if (batch.length > 0) await this.#complete(batch);
  }

  async #writeBlocks(
    blocks: Iterable<readonly ChunkUse[]> | AsyncIterable<readonly ChunkUse[]>,
  ): Promise<void> {
    let range: Range | undefined;
    for await (const uses of blocks) {
      for (const use of uses) {
        const { pack, block } = use.location;
        if (range === undefined || !fits(range, pack, block, this.#work)) {
          const full = range;
          if (full) await this.#start(() => this.#fetch(full));
          range = await this.#begin(use);
          if (range === undefined) continue;
        }
        addUse(range, use);
      }
    }
    const last = range;
    if (last) await this.#start(() => this.#fetch(last));
  }

  /** Files whose parts came in several tasks get their length and metadata. */
  async #completeFiles(): Promise<void> {
    let batch: number[] = [];
    for (const file of this.#spread) {
      if (this.#plan.failed.has(file)) continue;
      batch.push(file);
      if (batch.length < metadataFilesMax) continue;
      await this.#complete(batch);
      batch = [];
    }
    if (batch.length > 0) await this.#complete(batch);
    await this.#settle();
  }

  /** Starts a range at a block; undefined if the pack's table cannot be read from any mirror. */
  async #begin(use: ChunkUse): Promise<Range | undefined> {
    const { archived, chunks, context, repository } = this.#work;
    const name = repository.state.packs.at(use.location.pack)?.name;
    const known = name === undefined ? undefined : archived.get(packKey(name));
    if (known !== undefined) {
      this.#giveUp([use.file], known);
      return undefined;
    }
    try {
      const directory = await chunks.directory(use.location.pack, context.signal);
      const offset = directory.table.blockOffsets[use.location.block] ?? 0;
      return { directory, offset, end: offset, blocks: [], writes: new WriteList() };
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unavailable')) throw error;
      this.#giveUp([use.file], error);
      return undefined;
    }
  }

  async #fetch(range: Range): Promise<void> {
    const { repository, context, counts } = this.#work;
    const key = packKey(range.directory.pack.name);
    const place = { offset: range.offset, length: range.end - range.offset };
    let bytes: Uint8Array;
    try {
      bytes = await repository.mirrors.get(key, { range: place, signal: context.signal });
    } catch (error) {
      if (!isVersionsError(error, 'NotFound', 'Corrupt', 'Unavailable', 'Denied')) throw error;
      if (isArchived(this.#work, error)) return this.#giveUp(range.writes.files(), error);
      bytes = new Uint8Array(place.length);
    }
    counts.bytesFetched += bytes.byteLength;
    // A copy that was cut off shows as blocks that do not open.
    if (bytes.byteLength < place.length)
      bytes = Buffer.concat([bytes, Buffer.alloc(place.length - bytes.byteLength)]);
    const badBlocks = await this.#write(range, bytes);
    if (badBlocks.length > 0) await this.#retry(range, badBlocks);
  }

  /** Blocks that did not open are fetched one by one from whichever mirror has them whole. */
  async #retry(range: Range, badBlocks: readonly number[]): Promise<void> {
    const { repository, context } = this.#work;
    for (const bad of badBlocks) {
      const block = range.blocks[bad];
      const writes = range.writes.ofBlock(bad);
      if (block === undefined) continue;
      try {
        const { directory } = range;
        const { mirrors, keys, state } = repository;
        const source = { mirrors, keys, packs: state.packs };
        const { sealed } = await readBlock(block.position, directory, source, context.signal);
        const again: Range = {
          directory,
          offset: range.offset + block.at,
          end: range.offset + block.at + block.storedBytes,
          blocks: [{ ...block, at: 0 }],
          writes,
        };
        for (const file of writes.files()) this.#spread.add(file);
        const stillBad = await this.#write(again, sealed);
        if (stillBad.length > 0) this.#giveUp(writes.files(), chunkWrong());
      } catch (error) {
        if (!isVersionsError(error, 'NotFound', 'Corrupt', 'Unavailable', 'Denied')) throw error;
        this.#giveUp(writes.files(), error);
      }
    }
  }

  /** Has a worker decode and write a range; returns the blocks that are damaged. */
  async #write(range: Range, bytes: Uint8Array): Promise<readonly number[]> {
    const { pool, settings } = this.#work;
    const { files, numbers } = this.#filesOf(range.writes);
    const { writes, ids } = range.writes.forTask((file) => numbers.get(file) ?? 0);
    const own =
      bytes.byteOffset === 0 &&
      bytes.byteLength === bytes.buffer.byteLength &&
      bytes.buffer instanceof ArrayBuffer;
    const task: RestoreTask = {
      type: 'restore',
      settings,
      packHeader: range.directory.header,
      bytes,
      blocks: range.blocks,
      files,
      writes,
      ids,
    };
    const transfer = own && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
    const result = await pool.run(task, bytes.byteLength, transfer);
    this.#take(result, [...numbers.keys()]);
    return result.badBlocks;
  }

  /** The files of a task in its order, and the position of each. */
  #filesOf(writes: WriteList): {
    readonly files: RestoreFile[];
    readonly numbers: ReadonlyMap<number, number>;
  } {
    const here = new Map<number, number>();
    for (const file of writes.files()) here.set(file, (here.get(file) ?? 0) + 1);
    const files: RestoreFile[] = [];
    const numbers = new Map<number, number>();
    for (const [file, count] of here) {
      const planned = this.#plan.file(file);
      const whole = !this.#spread.has(file) && planned.writes === count;
      if (!whole) this.#spread.add(file);
      numbers.set(file, files.length);
      files.push(taskFileOf(planned, whole));
    }
    return { files, numbers };
  }

  async #complete(numbers: readonly number[]): Promise<void> {
    const { pool, settings } = this.#work;
    const files = numbers.map((file) => {
      const { state, ...rest } = taskFileOf(this.#plan.file(file), true);
      // Its content is in place by now; an absent one with several parts was made by a task.
      return {
        ...rest,
        state: state === 'absent' && this.#spread.has(file) ? 'created' : state,
      } as const;
    });
    const empty = new Uint8Array(0);
    const task: RestoreTask = {
      type: 'restore',
      settings,
      packHeader: empty,
      bytes: empty,
      blocks: [],
      files,
      writes: new Float64Array(0),
      ids: empty,
    };
    await this.#start(async () => this.#take(await pool.run(task, 1), numbers));
  }

  /** Counts and reports what a task did; `numbers`: its files. */
  #take(result: RestoreResult, numbers: readonly number[]): void {
    const { counts, context } = this.#work;
    counts.bytesWritten += result.bytesWritten;
    context.monitor.count('bytesDone', result.bytesWritten);
    context.monitor.count('filesDone', numbers.length);
    for (const { file, code, message } of result.failures) {
      const number = numbers[file] ?? -1;
      if (!this.#plan.failed.add(number)) continue;
      counts.filesRestored -= 1;
      reportProblem(this.#work, new VersionsError('Source', code, message));
    }
    for (const miss of result.misses)
      this.#plan.misses.add(this.#pathOf(numbers[miss.file] ?? -1), miss);
  }

  /** Chunks that no mirror has whole, or gives now: the files that needed them are told, once each. */
  #giveUp(files: Iterable<number>, error: unknown): void {
    const problemOf = isArchived(this.#work, error) ? contentArchived : contentLost;
    for (const file of files) {
      if (!this.#plan.failed.add(file)) continue;
      this.#work.counts.filesRestored -= 1;
      reportProblem(this.#work, problemOf(this.#pathOf(file), error));
    }
  }

  #pathOf(file: number): ByteString {
    return this.#plan.file(file).path;
  }

  /** Runs an action beside others, once there is room. */
  async #start(action: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#runningMax) await Promise.race(this.#running);
    if (this.#failure) throw this.#failure.error;
    this.#work.context.signal?.throwIfAborted();
    const running = action()
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (this.#failure) throw this.#failure.error;
  }
}

/** The uses, which are sorted, of one block after another; not too many of one at a time. */
function* blocksOf(uses: Iterable<ChunkUse>): Generator<readonly ChunkUse[]> {
  let block: ChunkUse[] = [];
  for (const use of uses) {
    const { location } = block[0] ?? use;
    const isOther = location.pack !== use.location.pack || location.block !== use.location.block;
    if (isOther || block.length >= writesMax) {
      yield block;
      block = [];
    }
    block.push(use);
  }
  yield block;
}

/** The code of what is wrong with that part is told too. */
function contentLost(path: ByteString, cause: unknown): VersionsError {
  const reason = reasonOf(cause);
  const why = reason === undefined ? '' : ` (${reason})`;
  const message = `${displayPath(path)} is incomplete: no mirror has a good copy of a part of it${why}`;
  return new VersionsError('Corrupt', 'CONTENT_LOST', message, {
    hint: 'Run "versions verify --level data" to see what is damaged where',
    ...(reason && { context: { reason } }),
    cause,
  });
}

/** The block opens, and holds something else than the index says. */
function chunkWrong(): VersionsError {
  return new VersionsError('Corrupt', 'CHUNK_WRONG', 'A chunk does not match its id');
}

/** May the block go into the range? */
function fits(range: Range, pack: number, block: number, work: RestoreWork): boolean {
  const { directory } = range;
  if (work.repository.state.packs.at(pack) !== directory.pack || range.writes.count >= writesMax)
    return false;
  const offset = directory.table.blockOffsets[block] ?? 0;
  const stored = directory.table.blockStoredBytes[block] ?? 0;
  if (offset < range.end) return true;
  return offset - range.end <= gapBytesMax && offset + stored - range.offset <= rangeBytesMax;
}

function addUse(range: Range, use: ChunkUse): void {
  const { table } = range.directory;
  const { block } = use.location;
  if (range.blocks.at(-1)?.position !== block) {
    const offset = table.blockOffsets[block] ?? 0;
    const storedBytes = table.blockStoredBytes[block] ?? 0;
    range.blocks.push({
      at: offset - range.offset,
      position: block,
      codec: table.blockCodecs[block] === 1 ? 1 : 0,
      storedBytes,
      plainBytes: table.blockPlainBytes[block] ?? 0,
    });
    range.end = offset + storedBytes;
  }
  range.writes.add(range.blocks.length - 1, use);
}

function taskFileOf({ path, entry, state, xattrs }: PlannedFile, complete: boolean): RestoreFile {
  return {
    path,
    // A copy of its own: a view would take all the memory it lies in along to the worker.
    entry: new Uint8Array(entry),
    complete,
    state,
    xattrs: xattrs.byteLength === 0 ? undefined : decodeXattrs(new Uint8Array(xattrs)),
  };
}
