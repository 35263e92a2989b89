import { bytesEqual, fromHex } from '../base/index.ts';
import {
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
  readonly signal?: AbortSignal | undefined;
}

const defaultBudgetBytes = 40 * 1024 ** 3;

/**
 * The whole object, put together from damaged copies of it; undefined if they do not suffice. The
 * result always has the SHA-256 that `key` names.
 *
 * 1. A pack is put together piece by piece, each proved by the piece table of any copy.
 * 2. Where no table is left, and for other objects, the places at which copies differ are tried in
 *    every way.
 * 3. A piece or small object in which a single bit flipped is mended by trying all bits.
 */
export async function mergeCopies(
  key: string,
  copies: readonly Uint8Array[],
  options: MergeOptions = {},
): Promise<Uint8Array | undefined> {
  const name = parseObjectName(key);
  if (name?.hash === undefined) return undefined;
  const budget = new SearchBudget(options.budgetBytes ?? defaultBudgetBytes, {
    signal: options.signal,
    ofRun: options.budgetOfRun,
  });
  const material = distinct(copies);
  if (material.length === 0) return undefined;
  const sha256 = fromHex(name.hash);
  for (const size of sizesOf(material, options.bytes, name.part === 'pack')) {
    // Garbage behind an object that is whole, or another that was cut off.
    for (const copy of material) {
      const begin = copy.subarray(0, size);
      if (begin.byteLength === size && objectHashOf(begin) === name.hash) return begin.slice();
    }
    const table = name.part === 'pack' ? findPieceTable(material, size) : undefined;
    const merged =
      table === undefined
        ? ((await searchCombination(material, size, sha256, budget)) ??
          // What was cut off has more wrong than one bit.
          (await mendBit(
            size === (options.bytes ?? size)
              ? material.filter((copy) => name.part !== 'pack' || mayEndAPack(copy))
              : [],
            size,
            sha256,
            budget,
          )))
        : await mergePieces(material, table, budget);
    if (merged !== undefined && objectHashOf(merged) === name.hash) return merged;
  }
  for (const copy of name.part === 'pack' ? [] : material) {
    const found = await searchEnd(copy, sha256, budget);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Sizes to try: what is known, then what trailers say, then what the copies have. */
function sizesOf(
  copies: readonly Uint8Array[],
  known: number | undefined,
  isPack: boolean,
): ReadonlySet<number> {
  const sizes = new Set<number>(known === undefined ? [] : [known]);
  if (isPack) for (const copy of copies) for (const size of sizesByTrailers(copy)) sizes.add(size);
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
