import type { ByteString } from '../base/index.ts';
import type { FileStat } from '../files/index.ts';
import type { TreeEntry } from '../format/index.ts';
import { ChunkList, type CompareTask } from '../workers/index.ts';
import type { RestoreWork } from './restore-work.ts';

/** Files gathered for one task, unless they are large. */
const batchFilesMax = 256;
const batchBytesMax = 32 * 1024 * 1024;

interface Candidate {
  readonly path: ByteString;
  readonly entry: TreeEntry;
  readonly existing: FileStat;
  readonly ids: Uint8Array;
  readonly lengths: readonly number[];
}

export interface Compared {
  readonly existing: FileStat;
  /** 1 for each chunk that is there already. */
  readonly matches: Uint8Array;
}

/** Compares existing files with the chunks they should have, on the workers, a batch at a time. */
export class ContentComparer {
  readonly #work: RestoreWork;
  readonly #onCompared: (path: ByteString, entry: TreeEntry, compared: Compared) => Promise<void>;
  #batch: Candidate[] = [];
  #batchBytes = 0;
  #before: Promise<void> = Promise.resolve();

  constructor(
    work: RestoreWork,
    onCompared: (path: ByteString, entry: TreeEntry, compared: Compared) => Promise<void>,
  ) {
    this.#work = work;
    this.#onCompared = onCompared;
  }

  async add(path: ByteString, entry: TreeEntry, existing: FileStat): Promise<void> {
    const chunks = new ChunkList();
    for await (const { id, length } of this.#work.trees.content(entry)) chunks.add(id, length);
    const { lengths } = chunks;
    this.#batch.push({ path, entry, existing, ids: chunks.idBytes(), lengths });
    this.#batchBytes += entry.size;
    if (this.#batch.length >= batchFilesMax || this.#batchBytes >= batchBytesMax)
      await this.#send();
  }

  /** Waits until everything is compared and told. */
  async finish(): Promise<void> {
    if (this.#batch.length > 0) await this.#send();
    await this.#before;
  }

  async #send(): Promise<void> {
    const batch = this.#batch;
    const bytes = this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    const { pool, settings } = this.#work;
    const task: CompareTask = {
      type: 'compare',
      settings,
      paths: batch.map(({ path }) => path),
      counts: Uint32Array.from(batch, ({ lengths }) => lengths.length),
      lengths: Uint32Array.from(batch.flatMap(({ lengths }) => lengths)),
      ids: Buffer.concat(batch.map(({ ids }) => ids)),
    };
    const result = pool.run(task, bytes);
    result.catch(() => {});
    // One batch is compared while the next is gathered; no more, so that memory stays bounded.
    const before = this.#before;
    this.#before = before.then(async () => this.#tell(batch, (await result).matches));
    this.#before.catch(() => {});
    await before;
  }

  async #tell(batch: readonly Candidate[], matches: Uint8Array): Promise<void> {
    let at = 0;
    for (const { path, entry, existing, lengths } of batch) {
      await this.#onCompared(path, entry, {
        existing,
        matches: matches.subarray(at, at + lengths.length),
      });
      at += lengths.length;
    }
  }
}
