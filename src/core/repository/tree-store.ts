import type { ChunkId } from '../base/index.ts';
import { chunkKinds } from '../format/index.ts';
import { PackBuilder, type SealedPack } from '../workers/index.ts';
import type { Repository } from './repository.ts';

const treeChunkBytesMax = 4 * 1024 * 1024;

/**
 * Stores tree pages and snapshot records from the main thread, in tree packs of its own. A page
 * that is stored already costs its hash and a look-up.
 */
export class TreeStore {
  readonly #repository: Repository;
  readonly #packs: PackBuilder;
  /** Plaintext bytes of pages that were new. */
  bytesNew = 0;

  constructor(repository: Repository, onPack: (pack: SealedPack) => void) {
    this.#repository = repository;
    this.#packs = new PackBuilder({
      kind: 'tree',
      keys: repository.keys,
      repository: repository.id,
      packBytes: repository.packBytes,
      blockBytes: repository.config.blockBytes,
      chunkBytesMax: treeChunkBytesMax,
      random: repository.random,
      onPack,
    });
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
}
