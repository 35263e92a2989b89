import { toHex, type ChunkId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { TreeEntry } from '../format/index.ts';
import type { ChunkLocation } from '../workers/index.ts';
import type { RestoreWork } from './restore-work.ts';

/** Where a chunk of a file is, and where in the file it goes. */
export interface PlannedUse {
  readonly id: ChunkId;
  readonly offset: number;
  readonly location: ChunkLocation;
}

/**
 * The chunks of a file but those that match what is there. Throws `Corrupt` if one is not to be
 * found, or its length is not what the file says.
 */
export async function* usesOf(
  { chunks, trees }: Pick<RestoreWork, 'chunks' | 'trees'>,
  entry: TreeEntry,
  matches: Uint8Array | undefined,
): AsyncGenerator<PlannedUse> {
  let offset = 0;
  let number = 0;
  for await (const { id, length } of trees.content(entry)) {
    if (matches?.[number] !== 1) {
      const location = chunks.locate(id);
      if (location.length !== length) throw wrongLength(id);
      yield { id, offset, location };
    }
    offset += length;
    number += 1;
  }
}

function wrongLength(id: ChunkId): VersionsError {
  return new VersionsError(
    'Corrupt',
    'CHUNK_LENGTH',
    `Chunk ${toHex(id).slice(0, 16)} has another length than its file says`,
  );
}
