import { toHex, type ChunkId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { TreeEntry } from '../format/index.ts';
import { type ContentChunk, ownContent } from '../snapshot/index.ts';
import type { ChunkLocation } from '../workers/index.ts';
import type { RestoreWork } from './restore-work.ts';

/** Where a chunk of a file is, and where in the file it goes. */
export interface PlannedUse {
  readonly id: ChunkId;
  readonly offset: number;
  readonly location: ChunkLocation;
}

type Source = Pick<RestoreWork, 'chunks' | 'trees'>;

/**
 * The chunks of a file but those that match what is there. Throws `Corrupt` if one is not to be
 * found, or its length is not what the file says.
 */
export async function* usesOf(
  { chunks, trees }: Source,
  entry: TreeEntry,
  matches: Uint8Array | undefined,
): AsyncGenerator<PlannedUse> {
  let offset = 0;
  let number = 0;
  for await (const chunk of trees.content(entry)) {
    if (matches?.[number] !== 1) yield useOf(chunks, chunk, offset);
    offset += chunk.length;
    number += 1;
  }
}

/** As `usesOf`, all at once, of a file whose entry lists its chunks itself; undefined of others. */
export function ownUses(
  { chunks }: Source,
  entry: TreeEntry,
  matches: Uint8Array | undefined,
): readonly PlannedUse[] | undefined {
  const own = ownContent(entry);
  if (own === undefined) return undefined;
  const uses: PlannedUse[] = [];
  let offset = 0;
  for (const [number, chunk] of own.entries()) {
    if (matches?.[number] !== 1) uses.push(useOf(chunks, chunk, offset));
    offset += chunk.length;
  }
  return uses;
}

function useOf(chunks: Source['chunks'], { id, length }: ContentChunk, offset: number): PlannedUse {
  const location = chunks.locate(id);
  if (location.length !== length) throw wrongLength(id);
  return { id, offset, location };
}

function wrongLength(id: ChunkId): VersionsError {
  return new VersionsError(
    'Corrupt',
    'CHUNK_LENGTH',
    `Chunk ${toHex(id).slice(0, 16)} has another length than its file says`,
  );
}
