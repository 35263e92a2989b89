import { createHash, type Hash } from 'node:crypto';
import { asBuffer } from '../base/index.ts';
import { combinationsOf, majorityOf, type Stretch, stretchesOf } from './differences.ts';

export interface BudgetOptions {
  readonly signal?: AbortSignal | undefined;
  /** What all searches of a run may cost together. */
  readonly ofRun?: SearchBudget | undefined;
}

/**
 * Bytes that may be hashed in searching. Shared by all searches for one object, so that one cannot
 * take for ever; and by all of a run, where many objects are lost.
 */
export class SearchBudget {
  #bytesLeft: number;
  #untilPause = pauseBytes;
  readonly #signal: AbortSignal | undefined;
  readonly #ofRun: SearchBudget | undefined;

  constructor(bytes: number, { signal, ofRun }: BudgetOptions = {}) {
    this.#bytesLeft = bytes;
    this.#signal = signal;
    this.#ofRun = ofRun;
  }

  /** Could so many bytes still be hashed? */
  allows(bytes: number): boolean {
    return bytes <= this.#bytesLeft && (this.#ofRun?.allows(bytes) ?? true);
  }

  /** False when the budget is used up. Lets others run now and then. */
  async spend(bytes: number): Promise<boolean> {
    this.#bytesLeft -= bytes;
    if (this.#ofRun) this.#ofRun.#bytesLeft -= bytes;
    this.#untilPause -= bytes;
    if (this.#untilPause <= 0) {
      this.#untilPause = pauseBytes;
      await new Promise((resolve) => setImmediate(resolve));
      this.#signal?.throwIfAborted();
    }
    return this.#bytesLeft > 0;
  }
}

/** About 50 ms of hashing. */
const pauseBytes = 64 * 1024 * 1024;
/** Differences apart by less than this are taken together; the finest last. */
const gaps = [4096, 512, 64, 16, 4, 1, 0];
const stretchesMax = 4096;
/** More bytes than this are not chosen one by one: there are too many ways. */
const bytesApartMax = 64;

/**
 * Bytes of length `size` with this SHA-256, put together from what damaged copies have: each place
 * at which they differ is tried in every way, at last also with what most of them hold at each
 * byte. Undefined if there is no such way, or too many ways.
 */
export async function searchCombination(
  copies: readonly Uint8Array[],
  size: number,
  sha256: Uint8Array,
  budget: SearchBudget,
): Promise<Uint8Array | undefined> {
  const majority = majorityOf(copies, size);
  if (majority && createHash('sha256').update(majority).digest().equals(sha256)) return majority;
  const found = await searchChoices(copies, size, sha256, budget);
  if (found !== undefined || majority === undefined) return found;
  return searchChoices([...copies, majority], size, sha256, budget);
}

async function searchChoices(
  copies: readonly Uint8Array[],
  size: number,
  sha256: Uint8Array,
  budget: SearchBudget,
): Promise<Uint8Array | undefined> {
  let tried = 0;
  let bytesDifferent = Infinity;
  for (const gap of gaps) {
    if (gap === 0 && bytesDifferent > bytesApartMax) return undefined;
    const stretches = stretchesOf(copies, size, gap);
    if (stretches === undefined || stretches.length > stretchesMax) return undefined;
    bytesDifferent = stretches.reduce((sum, each) => sum + bytesToChoose(each), 0);
    const combinations = combinationsOf(stretches);
    // With a finer gap the same choices come again, unless there are more of them.
    if (combinations === tried) continue;
    tried = combinations;
    if (!budget.allows(bytesToHash(stretches))) return undefined;
    const chosen = await chooseByHash(stretches, sha256, budget);
    if (chosen !== undefined) return Buffer.concat(chosen);
  }
  return undefined;
}

function bytesToChoose({ from, to, choices }: Stretch): number {
  return choices.length > 1 ? to - from : 0;
}

/** Hashed bytes in the worst case: what follows a choice is hashed once for each way to come there. */
function bytesToHash(stretches: readonly Stretch[]): number {
  let ways = 1;
  let bytes = 0;
  for (const { from, to, choices } of stretches) {
    ways *= choices.length;
    bytes += ways * (to - from + perStretchBytes);
  }
  return bytes;
}

/** Copying a hash state costs about as much as hashing so many bytes. */
const perStretchBytes = 4096;

/** Depth first, so that what two ways have in common at the beginning is hashed once. */
async function chooseByHash(
  stretches: readonly Stretch[],
  sha256: Uint8Array,
  budget: SearchBudget,
): Promise<readonly Uint8Array[] | undefined> {
  const chosen: Uint8Array[] = [];
  const visit = async (depth: number, before: Hash): Promise<boolean> => {
    const stretch = stretches[depth];
    if (stretch === undefined) return before.digest().equals(sha256);
    for (const choice of stretch.choices) {
      const hash = stretch.choices.length === 1 ? before : before.copy();
      hash.update(choice);
      chosen[depth] = choice;
      if (!(await budget.spend(choice.byteLength + perStretchBytes))) return false;
      if (await visit(depth + 1, hash)) return true;
    }
    return false;
  };
  return (await visit(0, createHash('sha256'))) ? chosen : undefined;
}

/**
 * The bytes with one bit flipped so that they have this SHA-256: the commonest rot, mended without
 * any other copy. Undefined if no single bit does it, or the budget does not allow to try them all.
 */
export async function searchBit(
  copy: Uint8Array,
  sha256: Uint8Array,
  budget: SearchBudget,
): Promise<Uint8Array | undefined> {
  const size = copy.byteLength;
  // On average half of the bytes lie behind the bit.
  if (!budget.allows(size * 8 * (size / 2 + perStretchBytes))) return undefined;
  const bytes = new Uint8Array(copy);
  const before = createHash('sha256');
  for (let from = 0; from < size; from += hashBlockBytes) {
    const to = Math.min(from + hashBlockBytes, size);
    for (let bit = from * 8; bit < to * 8; bit++) {
      const at = bit >>> 3;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      const found = asBuffer(before.copy().update(bytes.subarray(from)).digest()).equals(sha256);
      if (found) return bytes;
      bytes[at] = copy[at] ?? 0;
      if (!(await budget.spend(size - from + perStretchBytes))) return undefined;
    }
    before.update(copy.subarray(from, to));
  }
  return undefined;
}

/** Larger objects say where they end. */
const endBytesMax = 1024 * 1024;

/** The beginning of the bytes that has this SHA-256: an object with garbage behind it. */
export async function searchEnd(
  copy: Uint8Array,
  sha256: Uint8Array,
  budget: SearchBudget,
): Promise<Uint8Array | undefined> {
  const size = Math.min(copy.byteLength, endBytesMax);
  if (!budget.allows(size * perStretchBytes)) return undefined;
  const before = createHash('sha256');
  for (let end = 1; end <= size; end++) {
    before.update(copy.subarray(end - 1, end));
    if (asBuffer(before.copy().digest()).equals(sha256)) return copy.slice(0, end);
    if (!(await budget.spend(perStretchBytes))) return undefined;
  }
  return undefined;
}

/**
 * Could these bytes be an object with a single wrong bit? Not if they hold a run of equal bytes, as
 * lost sectors do and encrypted data do not: to try all bits takes long.
 */
export function mayBeOneBitOff(copy: Uint8Array): boolean {
  let run = 0;
  for (let at = 1; at < copy.byteLength && run < equalBytesMax; at++) {
    run = copy[at] === copy[at - 1] ? run + 1 : 0;
  }
  return run < equalBytesMax;
}

const equalBytesMax = 64;

/** SHA-256 works on blocks of this size. */
const hashBlockBytes = 64;
