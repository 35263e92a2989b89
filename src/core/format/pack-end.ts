import { hash } from 'node:crypto';
import { asBuffer, packBytesMax } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { damaged } from './failures.ts';
import { headerBytes } from './header.ts';

/** Bytes of a piece, the unit of keyless mending. */
export const pieceBytes = 65_536;
/** Bytes of the trailer that every pack ends with; it begins with a copy of the header. */
export const trailerBytes = 128;
/** Bytes of a piece's hash in the piece table. */
export const pieceHashBytes = 32;

const magic = Buffer.from('VERSPACK', 'latin1');
/** A sealed chunk table holds at least two counts and the tag. */
const tableBytesMin = 2 + 16;

/** What the last 128 bytes of a pack say. */
export interface PackTrailer {
  /** The pack's header: with it the chunk table can be opened without reading the pack's start. */
  readonly header: Uint8Array;
  /** Where the piece table begins; everything before it is covered by pieces. */
  readonly pieceTableOffset: number;
  /** Bytes of the sealed chunk table, which ends at `pieceTableOffset`. */
  readonly tableBytes: number;
  readonly pieceCount: number;
  /** SHA-256 of piece table and the trailer before this hash. */
  readonly hash: Uint8Array;
}

/** Bytes that follow the blocks of a pack whose blocks end at `bodyBytes`. */
export function packEndBytes(bodyBytes: number, sealedTableBytes: number): number {
  return sealedTableBytes + pieceTableBytes(bodyBytes + sealedTableBytes) + trailerBytes;
}

/** Bytes of the piece table of a pack whose piece table begins at `pieceTableOffset`. */
export function pieceTableBytes(pieceTableOffset: number): number {
  return Math.ceil(pieceTableOffset / pieceBytes) * pieceHashBytes;
}

/** Where the piece table of a pack of so many bytes begins; undefined if no pack has that size. */
export function pieceTableOffsetOf(packBytes: number): number | undefined {
  const pieces = Math.ceil((packBytes - trailerBytes) / (pieceBytes + pieceHashBytes));
  const offset = packBytes - trailerBytes - pieces * pieceHashBytes;
  const fits = offset >= headerBytes && pieceTableBytes(offset) === pieces * pieceHashBytes;
  return fits ? offset : undefined;
}

/**
 * Writes piece table and trailer behind the sealed chunk table, which ends at `pieceTableOffset`, and
 * returns the bytes of the whole pack.
 */
export function writePackEnd(
  pack: Uint8Array,
  pieceTableOffset: number,
  sealedTableBytes: number,
): number {
  const tableBytes = pieceTableBytes(pieceTableOffset);
  const packBytes = pieceTableOffset + tableBytes + trailerBytes;
  assert(packBytes <= pack.byteLength, 'The buffer is too small for the end of the pack');
  assert(packBytes <= packBytesMax, 'A pack is too large');
  const trailerOffset = pieceTableOffset + tableBytes;
  const buffer = asBuffer(pack);
  buffer.copy(buffer, trailerOffset, 0, headerBytes);
  for (let piece = 0; piece * pieceBytes < pieceTableOffset; piece++) {
    const bytes = pieceOf(buffer, piece, pieceTableOffset);
    buffer.set(pieceHashOf(bytes), pieceTableOffset + piece * pieceHashBytes);
  }
  buffer.writeBigUInt64LE(BigInt(pieceTableOffset), trailerOffset + 64);
  buffer.writeUInt32LE(sealedTableBytes, trailerOffset + 72);
  buffer.writeUInt32LE(tableBytes / pieceHashBytes, trailerOffset + 76);
  buffer.writeUInt32LE(pieceBytes, trailerOffset + 80);
  buffer.writeUInt32LE(0, trailerOffset + 84);
  buffer.set(
    pieceHashOf(buffer.subarray(pieceTableOffset, trailerOffset + 88)),
    trailerOffset + 88,
  );
  magic.copy(buffer, trailerOffset + 120);
  return packBytes;
}

/**
 * Reads the last 128 bytes of a pack of `packBytes` bytes. The result fits the pack's length, but only
 * `checkPieceTable` proves that nothing was changed. Throws `Corrupt` (code PACK_TRAILER_DAMAGED).
 */
export function decodePackTrailer(trailer: Uint8Array, packBytes: number): PackTrailer {
  const buffer = asBuffer(trailer);
  if (buffer.length !== trailerBytes || !buffer.subarray(120).equals(magic)) throw trailerDamaged();
  const offset = buffer.readBigUInt64LE(64);
  const tableBytes = buffer.readUInt32LE(72);
  const pieceCount = buffer.readUInt32LE(76);
  if (packBytes > packBytesMax || offset > BigInt(packBytes)) throw trailerDamaged();
  if (buffer.readUInt32LE(80) !== pieceBytes || buffer.readUInt32LE(84) !== 0) {
    throw trailerDamaged();
  }
  const pieceTableOffset = Number(offset);
  const fits =
    tableBytes >= tableBytesMin &&
    headerBytes + tableBytes <= pieceTableOffset &&
    pieceCount * pieceHashBytes === pieceTableBytes(pieceTableOffset) &&
    pieceTableOffset + pieceCount * pieceHashBytes + trailerBytes === packBytes;
  if (!fits) throw trailerDamaged();
  const trailerHash = new Uint8Array(buffer.subarray(88, 120));
  const header = new Uint8Array(buffer.subarray(0, headerBytes));
  return { header, pieceTableOffset, tableBytes, pieceCount, hash: trailerHash };
}

/** True if `pieceTable` and the trailer are as they were written. */
export function checkPieceTable(pieceTable: Uint8Array, trailer: Uint8Array): boolean {
  const buffer = asBuffer(trailer);
  const covered = Buffer.concat([pieceTable, buffer.subarray(0, 88)]);
  return pieceHashOf(covered).equals(buffer.subarray(88, 120));
}

/** SHA-256 of a piece. */
export function pieceHashOf(piece: Uint8Array): Buffer {
  return hash('sha256', piece, 'buffer');
}

/** Piece number `piece` of a pack that is in memory up to its piece table at least. */
export function pieceOf(pack: Uint8Array, piece: number, pieceTableOffset: number): Uint8Array {
  const start = piece * pieceBytes;
  return pack.subarray(start, Math.min(start + pieceBytes, pieceTableOffset));
}

/** The numbers of the pieces that do not match a piece table that was checked. */
export function badPieces(
  pack: Uint8Array,
  pieceTable: Uint8Array,
  pieceTableOffset: number,
): number[] {
  const bad: number[] = [];
  const table = asBuffer(pieceTable);
  for (let piece = 0; piece * pieceBytes < pieceTableOffset; piece++) {
    const at = piece * pieceHashBytes;
    const good = table.subarray(at, at + pieceHashBytes);
    if (!pieceHashOf(pieceOf(pack, piece, pieceTableOffset)).equals(good)) bad.push(piece);
  }
  return bad;
}

function trailerDamaged(): Error {
  return damaged('PACK_TRAILER_DAMAGED', 'The trailer of a pack is not valid');
}
