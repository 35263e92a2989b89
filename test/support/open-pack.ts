import { toHex } from '../../src/core/base/index.ts';
import { decompress } from '../../src/core/compression/index.ts';
import { type IdKind, open } from '../../src/core/crypto/index.ts';
import {
  badPieces,
  blockAad,
  type ChunkTable,
  checkPieceTable,
  decodeChunkTable,
  decodeObjectHeader,
  decodePackTrailer,
  packNameOf,
  tablePosition,
  trailerBytes,
} from '../../src/core/format/index.ts';
import type { SealedPack } from '../../src/core/workers/index.ts';
import type { TestKeys } from './test-keys.ts';

export interface OpenedChunk {
  readonly kind: number;
  /** In hexadecimal. */
  readonly id: string;
  readonly bytes: Buffer;
  readonly block: number;
}

export interface OpenedPack {
  readonly table: ChunkTable;
  readonly chunks: readonly OpenedChunk[];
}

/**
 * Everything in a pack, from its bytes alone as docs/format.md section 7 tells it. Throws if a byte
 * of it is not as it must be: name, trailer, pieces, table, blocks, ids.
 */
export function openPack(pack: SealedPack, { keys, repository }: TestKeys): OpenedPack {
  const bytes = Buffer.from(new Uint8Array(pack.buffer, 0, pack.bytes));
  check(packNameOf(bytes) === pack.name, 'The name is not that of the bytes');
  const header = bytes.subarray(0, 64);
  const decoded = decodeObjectHeader(header, {
    kinds: [pack.kind === 'data' ? 'data-pack' : 'tree-pack'],
    repository,
  });
  check(Buffer.from(pack.salt).equals(decoded.salt), 'The salt is not that of the header');
  const trailer = bytes.subarray(-trailerBytes);
  const end = decodePackTrailer(trailer, bytes.byteLength);
  check(header.equals(end.header), 'The trailer repeats another header');
  const pieceTable = bytes.subarray(end.pieceTableOffset, -trailerBytes);
  check(checkPieceTable(pieceTable, trailer), 'The piece table does not match the trailer');
  check(badPieces(bytes, pieceTable, end.pieceTableOffset).length === 0, 'A piece is bad');
  const tableOffset = end.pieceTableOffset - end.tableBytes;
  check(tableOffset === pack.tableOffset, 'The table begins elsewhere');
  check(end.tableBytes === pack.tableBytes, 'The table has another length');
  const sealedTable = bytes.subarray(tableOffset, end.pieceTableOffset);
  const tableKey = keys.sealingKey('table', decoded.epoch, decoded.salt);
  const plainTable = open(tableKey, tablePosition, blockAad(header, tablePosition), sealedTable);
  check(Buffer.from(pack.table).equals(plainTable), 'The table in clear is another one');
  const table = decodeChunkTable(plainTable, tableOffset);
  check(table.chunkCount === pack.chunkCount, 'The number of chunks is another one');
  const purpose = pack.kind === 'data' ? 'data' : 'trees';
  const key = keys.sealingKey(purpose, decoded.epoch, decoded.salt);
  const blocks = Array.from(table.blockOffsets, (offset, block) => {
    const sealed = bytes.subarray(offset, offset + (table.blockStoredBytes[block] ?? 0));
    const encoded = open(key, block, blockAad(header, block), sealed);
    const codec = table.blockCodecs[block] === 1 ? 1 : 0;
    return decompress(codec, encoded, table.blockPlainBytes[block] ?? 0);
  });
  const chunks = Array.from(table.chunkKinds, (kind, chunk): OpenedChunk => {
    const block = table.chunkBlocks[chunk] ?? 0;
    const offset = table.chunkOffsets[chunk] ?? 0;
    const plain = blocks[block]?.subarray(offset, offset + (table.chunkLengths[chunk] ?? 0));
    const id = toHex(table.ids.subarray(chunk * 32, chunk * 32 + 32));
    check(plain !== undefined, 'A chunk lies in no block');
    check(toHex(keys.ids.idOf(kind as IdKind, plain)) === id, 'A chunk does not match its id');
    return { kind, id, bytes: Buffer.from(plain), block };
  });
  return { table, chunks };
}

function check(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}
