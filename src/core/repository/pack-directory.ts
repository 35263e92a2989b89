import { bytesEqual, type RepositoryId } from '../base/index.ts';
import { open, type RepositoryKeys } from '../crypto/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  blockAad,
  checkPieceTable,
  type ChunkTable,
  decodeChunkTable,
  decodeObjectHeader,
  decodePackTrailer,
  encodeObjectHeader,
  headerBytes,
  packEndBytes,
  pieceTableOffsetOf,
  tablePosition,
  trailerBytes,
} from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import { packKey } from './object-keys.ts';
import type { PackInfo } from './pack-list.ts';
import { explained, packCutOff, packSpliced, type PackBlocks } from './read-block.ts';

/** The end of a pack, opened: how to find and decrypt everything in it. */
export interface PackDirectory extends PackBlocks {
  readonly table: ChunkTable;
}

interface PackSource {
  readonly mirrors: MirrorSet;
  readonly keys: RepositoryKeys;
  readonly repository: RepositoryId;
}

/**
 * Opens the end of a pack from the first mirror that has it whole. Where none has, but the chunk
 * table itself opens, that is enough: piece table and trailer are for those without a key.
 */
export async function readPackDirectory(
  pack: PackInfo,
  options: PackSource,
  signal?: AbortSignal,
): Promise<PackDirectory> {
  // The body is the pack less its end, so this is no less than the end, and a little more at most.
  const length = Math.min(pack.bytes, packEndBytes(pack.bytes, pack.tableBytes));
  let directory: PackDirectory | undefined;
  try {
    await options.mirrors.get(packKey(pack.name), {
      range: { offset: pack.bytes - length, length },
      signal,
      accept: (end) => {
        if (end.byteLength < length) throw packCutOff(pack);
        directory = openPackEnd(end, pack, options.keys, options.repository);
        return true;
      },
    });
  } catch (error) {
    const alone = isVersionsError(error, 'Corrupt')
      ? await readTableAlone(pack, options, signal)
      : undefined;
    if (alone !== undefined) return alone;
    throw await explained(error, pack, options.mirrors, signal);
  }
  if (directory === undefined)
    throw new VersionsError('Internal', 'BLOCK_UNREAD', 'The end of a pack was not read');
  return directory;
}

/** The chunk table without what lies behind it: the journal tells where it is, and how it is sealed. */
async function readTableAlone(
  pack: PackInfo,
  { mirrors, keys, repository }: PackSource,
  signal: AbortSignal | undefined,
): Promise<PackDirectory | undefined> {
  const end = pieceTableOffsetOf(pack.bytes);
  if (end === undefined || pack.tableBytes > end - headerBytes) return undefined;
  const range = { offset: end - pack.tableBytes, length: pack.tableBytes };
  let directory: PackDirectory | undefined;
  const kind = pack.kind === 'data' ? 'data-pack' : 'tree-pack';
  const { suite } = keys;
  const accept = (sealed: Uint8Array): boolean => {
    for (const epoch of keys.epochs) {
      const header = encodeObjectHeader({ kind, suite, repository, epoch, salt: pack.salt });
      try {
        directory = openTable(sealed, range.offset, header, { pack, keys });
        return true;
      } catch (error) {
        if (!isVersionsError(error, 'Corrupt')) throw error;
      }
    }
    return false;
  };
  try {
    await mirrors.get(packKey(pack.name), { range, signal, accept });
  } catch (error) {
    if (!isVersionsError(error) || error.kind === 'Cancelled') throw error;
  }
  return directory;
}

/** Opens the sealed chunk table, before which the blocks end. Throws `Corrupt`. */
function openTable(
  sealed: Uint8Array,
  blocksEnd: number,
  header: Uint8Array,
  { pack, keys }: { readonly pack: PackInfo; readonly keys: RepositoryKeys },
): PackDirectory {
  const decodedHeader = decodeObjectHeader(header);
  const key = keys.sealingKey('table', decodedHeader.epoch, decodedHeader.salt);
  const plain = open(key, tablePosition, blockAad(header, tablePosition), sealed);
  return { pack, header, decodedHeader, table: decodeChunkTable(plain, blocksEnd) };
}

/** Opens the last bytes of a pack. Throws `Corrupt` or `Unsupported`. */
export function openPackEnd(
  end: Uint8Array,
  pack: PackInfo,
  keys: RepositoryKeys,
  repository: RepositoryId,
): PackDirectory {
  const trailerBegin = end.byteLength - trailerBytes;
  if (trailerBegin < 0)
    throw new VersionsError('Corrupt', 'PACK_TRAILER_DAMAGED', `Pack ${pack.name} is cut off`);
  const trailer = end.subarray(trailerBegin);
  const decoded = decodePackTrailer(trailer, pack.bytes);
  const pieceTableBegin = end.byteLength - (pack.bytes - decoded.pieceTableOffset);
  const tableBegin = pieceTableBegin - decoded.tableBytes;
  const good =
    tableBegin >= 0 && checkPieceTable(end.subarray(pieceTableBegin, trailerBegin), trailer);
  if (!good)
    throw new VersionsError(
      'Corrupt',
      'PIECE_TABLE_DAMAGED',
      `The piece table of pack ${pack.name} is damaged`,
    );
  const decodedHeader = decodeObjectHeader(decoded.header, {
    kinds: [pack.kind === 'data' ? 'data-pack' : 'tree-pack'],
    repository,
  });
  if (decodedHeader.suite !== keys.suite) {
    throw new VersionsError(
      'Corrupt',
      'SUITE_MIXED',
      'A pack was sealed in another way than its repository',
    );
  }
  if (!bytesEqual(decodedHeader.salt, pack.salt)) {
    throw packSpliced(pack, 'ends');
  }
  const sealed = end.subarray(tableBegin, pieceTableBegin);
  const blocksEnd = decoded.pieceTableOffset - decoded.tableBytes;
  return openTable(sealed, blocksEnd, decoded.header, { pack, keys });
}
