import { toHex, type ChunkId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { TreeEntry } from '../format/index.ts';
import type { ChunkLocation, SharedIndex } from '../workers/index.ts';
import { IdSet } from './id-set.ts';
import type { ContentChunk, SaidOfList, TreeReader } from './tree-reader.ts';

/** Pages of lists that are known to be sound; of those beyond, the chunks are looked up again. 32 MiB. */
const soundMax = 1024 * 1024;

/**
 * What is missing of files whose chunks are in list pages. A page is looked into once, however often
 * it is named: few pages can stand for a file of petabytes. One that lacks something is looked into
 * for each file that has it, up to the first loss.
 */
export class ListLosses {
  readonly #trees: TreeReader;
  readonly #index: SharedIndex;
  readonly #sound: IdSet = new IdSet(soundMax);

  constructor(trees: TreeReader, index: SharedIndex) {
    this.#trees = trees;
    this.#index = index;
  }

  /** The first thing that is missing, or wrong; undefined if there is nothing. */
  async of({ list, size }: TreeEntry): Promise<string | undefined> {
    try {
      return await this.#below(new Uint8Array(list ?? []), { level: undefined, bytes: size });
    } catch (error) {
      return messageOfLoss(error);
    }
  }

  /** Pages nest no deeper than their levels, of which there are 16. */
  async #below(id: ChunkId, said: SaidOfList): Promise<string | undefined> {
    // Before what is known of it: another page above may say something else of it.
    const { level, lengths, ids, count } = await this.#trees.listPage(id, said);
    if (this.#sound.has(id)) return undefined;
    for (let at = 0; at < count; at++) {
      const child = ids.subarray(at * 32, at * 32 + 32);
      const length = lengths[at] ?? 0;
      const loss =
        level === 0
          ? lossOfChunk({ id: child, length }, this.#index)
          : await this.#below(new Uint8Array(child), { level: level - 1, bytes: length });
      if (loss !== undefined) return loss;
    }
    this.#sound.add(id);
    return undefined;
  }
}

const location: ChunkLocation = { pack: 0, block: 0, offset: 0, length: 0 };

export function lossOfChunk({ id, length }: ContentChunk, index: SharedIndex): string | undefined {
  if (!index.locate(id, location)) return `chunk ${toHex(id).slice(0, 16)} is missing`;
  if (location.length !== length) return `chunk ${toHex(id).slice(0, 16)} has another length`;
  return undefined;
}

/** Damage is a loss; anything else is thrown. */
export function messageOfLoss(error: unknown): string {
  if (error instanceof VersionsError && (error.kind === 'Corrupt' || error.kind === 'NotFound'))
    return error.message;
  throw error;
}
