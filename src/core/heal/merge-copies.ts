import { bytesEqual, fromHex, type ObjectHash } from '../base/index.ts';
import {
  declaredBytes,
  type MirrorPart,
  objectHashOf,
  parseObjectName,
  pieceHashBytes,
  pieceHashOf,
  pieceOf,
} from '../format/index.ts';
import { findPieceTable, mayEndAPack, type PieceTable, sizesByTrailers } from './piece-table.ts';
import {
  mayBeOneBitOff,
  SearchBudget,
  searchBit,
  searchCombination,
  searchEnd,
} from './search-bytes.ts';

export interface MergeOptions {
  /** The size that the object had, if anybody knows it. */
  readonly bytes?: number | undefined;
  /** Bytes that may be hashed in trying; default: about 20 seconds of work. */
  readonly budgetBytes?: number | undefined;
  /** What all objects of this run may cost together. */
  readonly budgetOfRun?: SearchBudget | undefined;
  /** Is this the SHA-256 of another object? Then bytes that have it are whole, and nothing else. */
  readonly isAnother?: ((hash: ObjectHash) => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const defaultBudgetBytes = 40 * 1024 ** 3;

/**
 * The whole object, put together from damaged copies of it; undefined if they do not suffice. The
 * result always has the SHA-256 that `key` names.
 *
 * 1. Garbage behind an object that is whole is cut off.
 * 2. A pack is put together piece by piece, each proved by the piece table of any copy.
 * 3. Where no table is left, and for other objects, the places at which copies differ are tried in
 *    every way.
 * 4. A piece or small object in which a single bit flipped is mended by trying all bits.
 */
export async function mergeCopies(
  key: string,
  copies: readonly Uint8Array[],
  options: MergeOptions = {},
): Promise<Uint8Array | undefined> {
  const name = parseObjectName(key);
  if (name?.hash === undefined) return undefined;
  const { hash, part } = name;
  const budget = new SearchBudget(options.budgetBytes ?? defaultBudgetBytes, {
    signal: options.signal,
    ofRun: options.budgetOfRun,
  });
  const material = distinct(copies);
  if (material.length === 0) return undefined;
  const sha256 = fromHex(hash);
  const sizes = sizesOf(material, options.bytes, part);
  // What costs little first, for all sizes: trying bits takes seconds.
  for (const size of sizes) {
    for (const copy of material) {
      const begin = copy.subarray(0, size);
      if (begin.byteLength === size && objectHashOf(begin) === hash) return begin.slice();
    }
  }
  for (const copy of part === 'pack' ? [] : material) {
    const found = await searchEnd(copy, sha256, budget);
    if (found !== undefined) return found;
  }
  for (const size of sizes) {
    const table = part === 'pack' ? findPieceTable(material, size) : undefined;
    const merged = await (table === undefined
      ? searchCombination(material, size, sha256, budget)
      : mergePieces(material, table, budget));
    if (merged !== undefined && objectHashOf(merged) === hash) return merged;
    if (table !== undefined || size !== (options.bytes ?? size)) continue;
    const mayBeBitOff = material.filter(
      (copy) => isComplete(part, copy) && options.isAnother?.(objectHashOf(copy)) !== true,
    );
    const mended = await mendBit(mayBeBitOff, size, sha256, budget);
    if (mended !== undefined && objectHashOf(mended) === hash) return mended;
  }
  return undefined;
}

/** May only a bit of it be wrong? What was cut off, or has something behind it, has more wrong than that. */
function isComplete(part: MirrorPart, copy: Uint8Array): boolean {
  if (part === 'pack') return mayEndAPack(copy);
  const declared = declaredBytes(part, copy);
  if (declared === undefined || declared === copy.byteLength) return true;
  // A bit of the length itself changes it by a power of two.
  return Number.isInteger(Math.log2(Math.abs(declared - copy.byteLength)));
}

/** Sizes to try: what is known, then what the objects themselves say, then what the copies have. */
function sizesOf(
  copies: readonly Uint8Array[],
  known: number | undefined,
  part: MirrorPart,
): ReadonlySet<number> {
  const sizes = new Set<number>(known === undefined ? [] : [known]);
  for (const copy of copies) {
    if (part === 'pack') for (const size of sizesByTrailers(copy)) sizes.add(size);
    const declared = declaredBytes(part, copy);
    if (declared !== undefined && declared <= copy.byteLength) sizes.add(declared);
  }
  for (const { byteLength } of copies) if (byteLength > 0) sizes.add(byteLength);
  return sizes;
}

async function mendBit(
  copies: readonly Uint8Array[],
  size: number,
  sha256: Uint8Array,
  budget: SearchBudget,
): Promise<Uint8Array | undefined> {
  for (const copy of copies) {
    if (copy.byteLength !== size || !mayBeOneBitOff(copy)) continue;
    const mended = await searchBit(copy, sha256, budget);
    if (mended !== undefined) return mended;
  }
  return undefined;
}

/** To try all bits of a piece takes seconds: worth it for the last ones that are missing. */
const bitPiecesMax = 2;

async function mergePieces(
  copies: readonly Uint8Array[],
  { size, offset, end }: PieceTable,
  budget: SearchBudget,
): Promise<Uint8Array | undefined> {
  const merged = Buffer.alloc(size);
  merged.set(end, offset);
  const hard: number[] = [];
  const hashOf = (piece: number): Uint8Array =>
    end.subarray(piece * pieceHashBytes, (piece + 1) * pieceHashBytes);
  const piecesOf = (piece: number): Uint8Array[] =>
    distinct(copies.map((copy) => pieceOf(copy, piece, Math.min(offset, copy.byteLength))));
  const target = (piece: number): Uint8Array => pieceOf(merged, piece, offset);
  for (let piece = 0; target(piece).byteLength > 0; piece++) {
    const good = piecesOf(piece).find((bytes) => bytesEqual(pieceHashOf(bytes), hashOf(piece)));
    if (good === undefined) hard.push(piece);
    else target(piece).set(good);
  }
  // The cheap ones are done: what is left has no good piece in any copy.
  const harder: number[] = [];
  for (const piece of hard) {
    const bytes = target(piece).byteLength;
    const found = await searchCombination(piecesOf(piece), bytes, hashOf(piece), budget);
    if (found === undefined) harder.push(piece);
    else target(piece).set(found);
  }
  if (harder.length > bitPiecesMax) return undefined;
  for (const piece of harder) {
    const bytes = target(piece).byteLength;
    const found = await mendBit(piecesOf(piece), bytes, hashOf(piece), budget);
    if (found === undefined) return undefined;
    target(piece).set(found);
  }
  return merged;
}

function distinct(copies: readonly Uint8Array[]): Uint8Array[] {
  const kept: Uint8Array[] = [];
  for (const copy of copies) {
    if (copy.byteLength === 0 || kept.some((other) => bytesEqual(other, copy))) continue;
    kept.push(copy);
  }
  return kept;
}
