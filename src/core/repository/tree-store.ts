import type { ChunkId } from '../base/index.ts';
import { chunkKinds } from '../format/index.ts';
import { PackBuilder, waitingPacksOf, type SealedPack } from '../workers/index.ts';
import type { Repository } from './repository.ts';

const treeChunkBytesMax = 4 * 1024 * 1024;

/**
 * Stores tree pages and snapshot records from the main thread, in tree packs of its own. A page
 * that is stored already costs its hash and a look-up. Whoever puts many waits for `ready` now and
 * then: nothing else bounds the packs that wait for a slow mirror.
 */
export class TreeStore {
  readonly #repository: Repository;
  readonly #packs: PackBuilder;
  readonly #waitingMax: number;
  #waiting = 0;
  #released: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Of packs that are stored, to be used again. */
  readonly #buffers: SharedArrayBuffer[] = [];
  /** Plaintext bytes of pages that were new. */
  bytesNew = 0;

  /** `onPack` calls `release` once the buffer of the pack is needed no more. */
  constructor(repository: Repository, onPack: (pack: SealedPack, release: () => void) => void) {
    this.#repository = repository;
    this.#waitingMax = waitingPacksOf(repository.packBytes);
    this.#packs = new PackBuilder({
      kind: 'tree',
      keys: repository.keys,
      repository: repository.id,
      packBytes: repository.packBytes,
      blockBytes: repository.config.blockBytes,
      chunkBytesMax: treeChunkBytesMax,
      random: repository.random,
      onPack: (pack) => {
        this.#waiting += 1;
        onPack(pack, () => this.#release(pack.buffer));
      },
      takeBuffer: () => this.#buffers.pop(),
    });
  }

  /** As many packs wait for the mirrors as may. */
  get isFull(): boolean {
    return this.#waiting >= this.#waitingMax;
  }

  /** Resolves when there may be another pack. */
  async ready(): Promise<void> {
    while (this.isFull) await this.#released.promise;
  }

  /** Stores a chunk unless it is known; returns its id. */
  put(kind: 'data' | 'tree' | 'list' | 'snapshot', bytes: Uint8Array): ChunkId {
    const { keys, index } = this.#repository;
    const number = chunkKinds[kind];
    const id = keys.ids.idOf(number, bytes);
    if (index.claim(id)) {
      this.#packs.addChunk(bytes, number, id);
      this.bytesNew += bytes.byteLength;
    }
    return id;
  }

  /** Completes the open pack. */
  finish(): void {
    this.#packs.finish();
  }

  #release(buffer: SharedArrayBuffer): void {
    this.#waiting -= 1;
    this.#buffers.push(buffer);
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }
}
