import { bytesEqual, packBytesMax, type ChunkId, type PackName } from '../base/index.ts';
import type { IdKind } from '../crypto/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import {
  chunkKinds,
  decodeObjectHeader,
  decodePackTrailer,
  decodeSnapshotRecord,
  packNameOf,
  trailerBytes,
  type SnapshotRecord,
} from '../format/index.ts';
import {
  openBlock,
  readBlock,
  openPackEnd,
  packKey,
  type PackDirectory,
  type PackInfo,
  type Repository,
} from '../repository/index.ts';

/** Read at first of a pack's end: enough for the tables of most packs. */
const endBytesFirst = 32 * 1024;

/** A snapshot record that lies in a pack. */
export interface FoundSnapshot {
  readonly record: SnapshotRecord;
  readonly chunk: ChunkId;
}

/**
 * The end of a pack of which nothing is known but name and size, from whichever mirror has it
 * whole. Throws `Corrupt` (PACK_TABLE_DAMAGED), `NotFound`, `Unsupported`, `Unavailable`.
 */
export async function readUnknownPack(
  name: PackName,
  sizes: readonly number[],
  repository: Repository,
  signal: AbortSignal | undefined,
): Promise<PackDirectory> {
  let reason: unknown;
  for (const bytes of sizes) {
    if (bytes <= trailerBytes || bytes > packBytesMax) continue;
    try {
      const first = Math.min(bytes, endBytesFirst);
      const read = await readEnd({ name, bytes }, first, repository, signal);
      if (typeof read !== 'number') return read;
      // It is longer, as its trailer says.
      const again = await readEnd({ name, bytes }, read, repository, signal);
      if (typeof again !== 'number') return again;
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt')) throw error;
      reason = error;
    }
  }
  throw new VersionsError(
    'Corrupt',
    'PACK_TABLE_DAMAGED',
    `The table of pack ${name} cannot be read from any mirror: ${errorMessage(reason)}`,
    { hint: 'Run "versions heal", then "versions catalog rebuild" again', cause: reason },
  );
}

/** Opens the last bytes of a pack; gives how many are needed, if these are too few. */
async function readEnd(
  pack: { readonly name: PackName; readonly bytes: number },
  length: number,
  repository: Repository,
  signal: AbortSignal | undefined,
): Promise<PackDirectory | number> {
  let found: PackDirectory | number | undefined;
  let reason: unknown;
  const accept = (end: Uint8Array): boolean => {
    if (end.byteLength !== length) return false;
    try {
      const needed = endBytesOf(end, pack.bytes);
      found = needed > length ? needed : openEnd(end, pack, repository);
      return true;
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'Unsupported')) throw error;
      reason = error;
      return false;
    }
  };
  const range = { offset: pack.bytes - length, length };
  try {
    await repository.mirrors.get(packKey(pack.name), { range, signal, accept });
  } catch (error) {
    // Why the table cannot be used says more than that no copy is good.
    throw isVersionsError(error, 'Corrupt') ? (reason ?? error) : error;
  }
  return found ?? length;
}

/** Bytes of the end of a pack: chunk table, piece table and trailer. */
function endBytesOf(end: Uint8Array, packBytes: number): number {
  const { pieceTableOffset, tableBytes } = decodePackTrailer(
    end.subarray(end.byteLength - trailerBytes),
    packBytes,
  );
  return packBytes - pieceTableOffset + tableBytes;
}

function openEnd(
  end: Uint8Array,
  { name, bytes }: { readonly name: PackName; readonly bytes: number },
  { keys, id }: Repository,
): PackDirectory {
  const trailer = end.subarray(end.byteLength - trailerBytes);
  const { header, tableBytes } = decodePackTrailer(trailer, bytes);
  const { kind, salt } = decodeObjectHeader(header, {
    kinds: ['data-pack', 'tree-pack'],
    repository: id,
  });
  const pack: PackInfo = {
    name,
    kind: kind === 'data-pack' ? 'data' : 'tree',
    bytes,
    tableBytes,
    chunkCount: 0,
    salt,
  };
  const directory = openPackEnd(end, pack, keys, id);
  return { ...directory, pack: { ...pack, chunkCount: directory.table.chunkCount } };
}

/** The snapshot records in a tree pack; a block that no mirror has whole is told in `onBad`. */
export async function snapshotsIn(
  directory: PackDirectory,
  { mirrors, keys }: Repository,
  onBad: (error: VersionsError) => void,
  signal: AbortSignal | undefined,
): Promise<readonly FoundSnapshot[]> {
  const { table, pack } = directory;
  const found: FoundSnapshot[] = [];
  for (let chunk = 0; chunk < table.chunkCount; chunk++) {
    if (table.chunkKinds[chunk] !== chunkKinds.snapshot) continue;
    const block = table.chunkBlocks[chunk] ?? 0;
    try {
      const { plain } = await readBlock(block, directory, { mirrors, keys }, signal);
      const offset = table.chunkOffsets[chunk] ?? 0;
      const bytes = plain.slice(offset, offset + (table.chunkLengths[chunk] ?? 0));
      const id = table.ids.slice(chunk * 32, chunk * 32 + 32);
      const kind = chunkKinds.snapshot satisfies IdKind;
      if (!bytesEqual(keys.ids.idOf(kind, bytes), id)) throw recordLost(pack.name);
      found.push({ record: decodeSnapshotRecord(bytes), chunk: id });
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
      onBad(recordLost(pack.name, error));
    }
  }
  return found;
}

/** Is a pack, all of it, what its name says, and does every block of it open? */
export async function isWholePack(
  { pack }: Pick<PackDirectory, 'pack'>,
  repository: Repository,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { mirrors, keys } = repository;
  try {
    const bytes = await mirrors.get(packKey(pack.name), {
      signal,
      accept: (read) => packNameOf(read) === pack.name,
    });
    const directory = await readUnknownPack(pack.name, [bytes.byteLength], repository, signal);
    const { table } = directory;
    for (let block = 0; block < table.blockCount; block++) {
      const offset = table.blockOffsets[block] ?? 0;
      const sealed = bytes.subarray(offset, offset + (table.blockStoredBytes[block] ?? 0));
      if (openBlock(sealed, block, directory, keys) === undefined) return false;
    }
    return true;
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
    return false;
  }
}

function recordLost(name: PackName, cause?: unknown): VersionsError {
  const why = cause === undefined ? '' : `: ${errorMessage(cause)}`;
  return new VersionsError(
    'Corrupt',
    'SNAPSHOT_RECORD_LOST',
    `A snapshot record in pack ${name} cannot be read${why}`,
    { hint: 'Run "versions heal", then "versions catalog rebuild" again', cause },
  );
}
