import { bytesEqual, type ChunkId, type RepositoryId } from '../base/index.ts';
import { open, type IdKind, type RepositoryKeys } from '../crypto/index.ts';
import { VersionsError } from '../errors/index.ts';
import {
  blockAad,
  chunkKinds,
  checkPieceTable,
  decodeChunkTable,
  decodeObjectHeader,
  decodePackTrailer,
  packEndBytes,
  tablePosition,
  trailerBytes,
  type ChunkTable,
} from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import { limitYoungGeneration, type ChunkLocation, type SharedIndex } from '../workers/index.ts';
import { packKey } from './object-keys.ts';
import type { PackInfo, PackList } from './pack-list.ts';
import { explained, packCutOff, packSpliced, readBlock, type PackBlocks } from './read-block.ts';

/** The end of a pack, opened: how to find and decrypt everything in it. */
export interface PackDirectory extends PackBlocks {
  readonly table: ChunkTable;
}

export interface ChunkReaderOptions {
  readonly mirrors: MirrorSet;
  readonly keys: RepositoryKeys;
  readonly repository: RepositoryId;
  readonly index: SharedIndex;
  readonly packs: PackList;
}

const directoriesCachedMax = 64;
const blocksCachedBytesMax = 24 * 1024 * 1024;

/**
 * Reads single chunks: trees, lists, and the content of files for `cat`. Blocks read lately are
 * kept, because neighbours are wanted next. A copy that is bad in one mirror is read from the next;
 * every chunk is checked against its id before it is returned.
 */
export class ChunkReader {
  readonly #options: ChunkReaderOptions;
  readonly #directories: Map<number, Promise<PackBlocks>> = new Map();
  readonly #blocks: Map<string, Promise<Uint8Array>> = new Map();
  readonly #blockBytes: Map<string, number> = new Map();
  #cachedBytes = 0;
  /** Bytes that were fetched from mirrors. */
  bytesFetched = 0;

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
  }

  /** Where a chunk is. Throws `Corrupt` (code CHUNK_MISSING) if no pack holds it. */
  locate(id: ChunkId): ChunkLocation {
    const location: ChunkLocation = { pack: 0, block: 0, offset: 0, length: 0 };
    if (!this.#options.index.locate(id, location)) throw chunkMissing(id);
    return location;
  }

  /** The plaintext of a chunk, which is a view: copy it to keep it. */
  async read(
    kind: keyof typeof chunkKinds,
    id: ChunkId,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const { pack, block, offset, length } = this.locate(id);
    const plain = await this.#block(pack, block, signal);
    const chunk = plain.subarray(offset, offset + length);
    const expected = this.#options.keys.ids.idOf(chunkKinds[kind] satisfies IdKind, chunk);
    if (!bytesEqual(expected, id)) {
      throw new VersionsError('Corrupt', 'CHUNK_WRONG', 'A chunk does not match its id', {
        hint: 'Run "versions verify --level data"',
        context: { chunk: hexOf(id) },
      });
    }
    return chunk;
  }

  /** Where the blocks of a pack are; kept for a while. */
  directory(packNumber: number, signal?: AbortSignal): Promise<PackBlocks> {
    const known = this.#directories.get(packNumber);
    if (known) return known;
    const directory = this.#readDirectory(packNumber, signal);
    this.#directories.set(packNumber, directory);
    directory.catch(() => this.#directories.delete(packNumber));
    dropOldest(this.#directories, directoriesCachedMax);
    return directory;
  }

  async #readDirectory(packNumber: number, signal: AbortSignal | undefined): Promise<PackBlocks> {
    const pack = this.#options.packs.at(packNumber);
    if (pack === undefined)
      throw new VersionsError('Internal', 'PACK_UNKNOWN', `There is no pack number ${packNumber}`);
    const { header, decodedHeader, table } = await readPackDirectory(pack, this.#options, signal);
    // The table of its chunks may have megabytes, and the index knows them already.
    const { blockOffsets, blockStoredBytes, blockPlainBytes, blockCodecs } = table;
    const blocks = { blockOffsets, blockStoredBytes, blockPlainBytes, blockCodecs };
    return { pack, header: new Uint8Array(header), decodedHeader, table: blocks };
  }

  #block(packNumber: number, block: number, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const name = `${packNumber}/${block}`;
    const known = this.#blocks.get(name);
    if (known) {
      // Moved to the end: what was used last is dropped last.
      this.#blocks.delete(name);
      this.#blocks.set(name, known);
      return known;
    }
    const plain = this.#readBlock(packNumber, block, signal);
    this.#blocks.set(name, plain);
    plain.then(
      (bytes) => this.#cached(name, bytes.byteLength),
      () => this.#blocks.delete(name),
    );
    return plain;
  }

  #cached(name: string, bytes: number): void {
    this.#blockBytes.set(name, bytes);
    this.#cachedBytes += bytes;
    for (const oldest of this.#blocks.keys()) {
      if (this.#cachedBytes <= blocksCachedBytesMax) break;
      this.#blocks.delete(oldest);
      this.#cachedBytes -= this.#blockBytes.get(oldest) ?? 0;
      this.#blockBytes.delete(oldest);
    }
  }

  async #readBlock(
    packNumber: number,
    block: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    limitYoungGeneration();
    const directory = await this.directory(packNumber, signal);
    const { plain, sealed } = await readBlock(block, directory, this.#options, signal);
    this.bytesFetched += sealed.byteLength;
    return plain;
  }
}

/** Reads and opens the end of a pack from the first mirror that has it whole. */
export async function readPackDirectory(
  pack: PackInfo,
  options: Pick<ChunkReaderOptions, 'mirrors' | 'keys' | 'repository'>,
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
    throw await explained(error, pack, options.mirrors, signal);
  }
  if (directory === undefined)
    throw new VersionsError('Internal', 'BLOCK_UNREAD', 'The end of a pack was not read');
  return directory;
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
  const key = keys.sealingKey('table', decodedHeader.epoch, decodedHeader.salt);
  const aad = blockAad(decoded.header, tablePosition);
  const plain = open(key, tablePosition, aad, end.subarray(tableBegin, pieceTableBegin));
  const table = decodeChunkTable(plain, decoded.pieceTableOffset - decoded.tableBytes);
  return { pack, header: decoded.header, decodedHeader, table };
}

/** Tells the index where the chunks of a pack are. */
export function indexPack(index: SharedIndex, packNumber: number, table: ChunkTable): void {
  const location: ChunkLocation = { pack: packNumber, block: 0, offset: 0, length: 0 };
  for (let chunk = 0; chunk < table.chunkCount; chunk++) {
    location.block = table.chunkBlocks[chunk] ?? 0;
    location.offset = table.chunkOffsets[chunk] ?? 0;
    location.length = table.chunkLengths[chunk] ?? 0;
    index.put(table.ids.subarray(chunk * 32, chunk * 32 + 32), location);
  }
}

function dropOldest<K, V>(map: Map<K, V>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}

function hexOf(id: ChunkId): string {
  return Buffer.from(id).toString('hex');
}

function chunkMissing(id: ChunkId): VersionsError {
  return new VersionsError(
    'Corrupt',
    'CHUNK_MISSING',
    `No pack holds chunk ${hexOf(id).slice(0, 16)}`,
    {
      hint: 'Run "versions verify" to see what is damaged',
      context: { chunk: hexOf(id) },
    },
  );
}
