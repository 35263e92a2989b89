import { bytesEqual } from '../base/index.ts';
import { decompress } from '../compression/index.ts';
import { open, type RepositoryKeys } from '../crypto/index.ts';
import { isVersionsError, reasonOf, VersionsError } from '../errors/index.ts';
import {
  blockAad,
  decodeObjectHeader,
  headerBytes,
  type ChunkTable,
  type ObjectHeader,
} from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import { packKey } from './object-keys.ts';
import type { PackInfo, PackList } from './pack-list.ts';
import { ownerOf, packAltered, packMadeWrong, SecondLook } from './second-look.ts';

/** How to find and decrypt the blocks of a pack. */
export interface PackBlocks {
  readonly pack: PackInfo;
  /** The pack's 64 header bytes. */
  readonly header: Uint8Array;
  readonly decodedHeader: ObjectHeader;
  readonly table: BlockTable;
}

export type BlockTable = Pick<
  ChunkTable,
  'blockOffsets' | 'blockStoredBytes' | 'blockPlainBytes' | 'blockCodecs'
>;

/** A block as it is stored, and what is in it. */
export interface ReadBlock {
  readonly sealed: Uint8Array;
  readonly plain: Uint8Array;
}

interface BlockSource {
  readonly mirrors: Pick<MirrorSet, 'get'>;
  readonly keys: RepositoryKeys;
  /** All packs, among which a block is looked for that stands in a wrong one. */
  readonly packs?: Pick<PackList, 'all'>;
}

/**
 * Reads a block from whichever mirror has it whole; if a mirror gives it only as a part of the whole
 * pack, from there. If none has, the chain of causes of what it throws ends with the reason:
 * PACK_SPLICED, PACK_ALTERED, PACK_MADE_WRONG, PACK_CUT_OFF, COMPRESSED_DAMAGED,
 * COMPRESSED_OVERLONG, and SEAL_BROKEN where more could not be found out.
 */
export async function readBlock(
  block: number,
  directory: PackBlocks,
  source: BlockSource,
  signal?: AbortSignal,
): Promise<ReadBlock> {
  const { table, pack } = directory;
  const offset = table.blockOffsets[block];
  const length = table.blockStoredBytes[block];
  if (offset === undefined || length === undefined) {
    throw new VersionsError('Corrupt', 'BLOCK_UNKNOWN', `Pack ${pack.name} has no block ${block}`);
  }
  let plain: Uint8Array | undefined;
  let refused: Uint8Array | undefined;
  try {
    const sealed = await source.mirrors.get(packKey(pack.name), {
      range: { offset, length },
      signal,
      accept: (bytes) => {
        refused = bytes;
        plain = decodeBlock(bytes, block, directory, source.keys);
        return true;
      },
    });
    if (plain !== undefined) return { sealed, plain };
  } catch (error) {
    const why = await explained(error, pack, source.mirrors, signal);
    if (why !== error || reasonOf(error) !== 'SEAL_BROKEN' || refused === undefined) throw why;
    return readFromWhole(block, refused, { directory, source, error, signal });
  }
  throw new VersionsError('Internal', 'BLOCK_UNREAD', 'A block was not read');
}

interface FailedRead {
  readonly directory: PackBlocks;
  readonly source: BlockSource;
  readonly error: unknown;
  readonly signal: AbortSignal | undefined;
}

/** A block that no mirror gives by itself; `refused` is what one gave in its place. */
async function readFromWhole(
  block: number,
  refused: Uint8Array,
  { directory, source, error, signal }: FailedRead,
): Promise<ReadBlock> {
  const { pack, table, decodedHeader } = directory;
  const whole = await SecondLook.at(source.mirrors).whole(pack, source.mirrors, signal);
  if (whole === 'unknown') throw error;
  if (whole === 'altered') {
    const packs = source.packs?.all() ?? [];
    const owner = ownerOf(refused, block, decodedHeader, { keys: source.keys, packs });
    throw owner === undefined ? packAltered(pack) : packSpliced(pack, 'goes on', owner);
  }
  const offset = table.blockOffsets[block] ?? 0;
  // A copy: whoever hands it on would hand on the whole pack.
  const sealed = new Uint8Array(
    whole.subarray(offset, offset + (table.blockStoredBytes[block] ?? 0)),
  );
  const plain = openBlock(sealed, block, directory, source.keys);
  if (plain === undefined) throw packMadeWrong(pack, block);
  return { sealed, plain };
}

/** Why a part of a pack could not be read, told as exactly as can be. */
export async function explained(
  error: unknown,
  pack: PackInfo,
  mirrors: Pick<MirrorSet, 'get'>,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const reason = reasonOf(error);
  // What another pack has in this place does not open either, and ends somewhere else.
  if (reason === undefined || !reasonsOfOthers.has(reason)) return error;
  return (await otherPack(pack, mirrors, signal)) ?? error;
}

const reasonsOfOthers: ReadonlySet<string> = new Set([
  'SEAL_BROKEN',
  'PACK_CUT_OFF',
  'PACK_TRAILER_DAMAGED',
  'PIECE_TABLE_DAMAGED',
]);

/** The error that says so if what the mirrors have under the name of the pack is another pack. */
async function otherPack(
  pack: PackInfo,
  mirrors: Pick<MirrorSet, 'get'>,
  signal: AbortSignal | undefined,
): Promise<VersionsError | undefined> {
  const range = { offset: 0, length: headerBytes };
  const accept = (bytes: Uint8Array): boolean => {
    if (bytesEqual(decodeObjectHeader(bytes).salt, pack.salt)) return true;
    throw packSpliced(pack, 'begins');
  };
  try {
    await mirrors.get(packKey(pack.name), { range, signal, accept });
  } catch (error) {
    if (!isVersionsError(error) || error.kind === 'Cancelled') throw error;
    if (reasonOf(error) === 'PACK_SPLICED') return error;
  }
  return undefined;
}

export function packCutOff({ name }: PackInfo): VersionsError {
  return new VersionsError('Corrupt', 'PACK_CUT_OFF', `Pack ${name} ends before its end`);
}

/** Under the name of a pack stands one that is whole as far as can be seen, and is another one. */
export function packSpliced(
  { name }: PackInfo,
  part: 'begins' | 'goes on' | 'ends',
  other?: PackInfo,
): VersionsError {
  return new VersionsError(
    'Corrupt',
    'PACK_SPLICED',
    `What is stored as pack ${name} ${part} like ${other === undefined ? 'another pack' : `pack ${other.name}`}`,
  );
}

/** Decrypts and decompresses a block; undefined if it is not what the table says. */
export function openBlock(
  sealed: Uint8Array,
  block: number,
  directory: PackBlocks,
  keys: RepositoryKeys,
): Uint8Array | undefined {
  try {
    return decodeBlock(sealed, block, directory, keys);
  } catch (error) {
    if (isVersionsError(error, 'Corrupt')) return undefined;
    throw error;
  }
}

function decodeBlock(
  sealed: Uint8Array,
  block: number,
  { pack, table, header, decodedHeader }: PackBlocks,
  keys: RepositoryKeys,
): Uint8Array {
  if (sealed.byteLength < (table.blockStoredBytes[block] ?? 0)) throw packCutOff(pack);
  const purpose = decodedHeader.kind === 'data-pack' ? 'data' : 'trees';
  const key = keys.sealingKey(purpose, decodedHeader.epoch, decodedHeader.salt);
  const encoded = open(key, block, blockAad(header, block), sealed);
  const codec = table.blockCodecs[block] === 1 ? 1 : 0;
  return decompress(codec, encoded, table.blockPlainBytes[block] ?? 0);
}
