import { bytesEqual, type ChunkId, type RepositoryId } from '../base/index.ts';
import type { IdKind, RepositoryKeys } from '../crypto/index.ts';
import { VersionsError } from '../errors/index.ts';
import { chunkKinds, type ChunkTable } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import { limitYoungGeneration, type ChunkLocation, type SharedIndex } from '../workers/index.ts';
import type { PackList } from './pack-list.ts';
import { readPackDirectory } from './pack-directory.ts';
import { readBlock, type PackBlocks } from './read-block.ts';

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
