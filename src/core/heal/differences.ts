import { asBuffer } from '../base/index.ts';

/** A stretch of an object and what it may hold: one content where all copies agree, else several. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  /** Distinct contents, the likeliest first. */
  readonly choices: readonly Uint8Array[];
}

/**
 * Where copies of one object of `size` bytes agree and where they do not. Differences that lie less
 * than `gap` bytes apart count as one, because damage comes in stretches. A copy that is too short
 * has no say behind its end. Undefined if no copy reaches the end.
 */
export function stretchesOf(
  copies: readonly Uint8Array[],
  size: number,
  gap: number,
): readonly Stretch[] | undefined {
  const ends = [...new Set(copies.map((copy) => Math.min(copy.byteLength, size)))];
  ends.sort((a, b) => a - b);
  if (ends.at(-1) !== size) return undefined;
  const stretches: Stretch[] = [];
  let from = 0;
  for (const to of ends) {
    const reaching = copies.filter((copy) => copy.byteLength >= to);
    if (to > from) stretches.push(...stretchesBetween(reaching, from, to, gap));
    from = to;
  }
  return stretches;
}

/**
 * What most copies that reach `size` hold at each byte, the first of those that hold nothing twice.
 * It mends what no choice between stretches does: damage of several copies side by side, or across
 * one another, as long as no byte is wrong in two. Undefined where fewer than three have a say.
 */
export function majorityOf(copies: readonly Uint8Array[], size: number): Uint8Array | undefined {
  const reaching = copies.filter(({ byteLength }) => byteLength >= size);
  const [first] = reaching;
  if (first === undefined || reaching.length < 3) return undefined;
  const majority = Uint8Array.from(first.subarray(0, size));
  for (let at = 0; at < size; at += windowBytes) {
    const end = Math.min(at + windowBytes, size);
    if (nextDifference(reaching, at, end) === end) continue;
    for (let byte = at; byte < end; byte++) majority[byte] = commonest(reaching, byte);
  }
  return majority;
}

function commonest(copies: readonly Uint8Array[], at: number): number {
  let [most, value] = [0, 0];
  for (const copy of copies) {
    let votes = 0;
    for (const other of copies) if (other[at] === copy[at]) votes += 1;
    if (votes > most) [most, value] = [votes, copy[at] ?? 0];
  }
  return value;
}

/** How many objects can be put together from the stretches. */
export function combinationsOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((product, { choices }) => product * choices.length, 1);
}

function stretchesBetween(
  copies: readonly Uint8Array[],
  begin: number,
  end: number,
  gap: number,
): Stretch[] {
  const stretches: Stretch[] = [];
  let at = begin;
  while (at < end) {
    const different = nextDifference(copies, at, end);
    if (different > at) stretches.push(stretch(copies.slice(0, 1), at, different));
    if (different === end) break;
    const last = lastDifference(copies, different, { end, gap });
    let from = different;
    for (const cut of [...cutsBetween(copies, different, last + 1), last + 1]) {
      stretches.push(stretch(copies, from, cut));
      from = cut;
    }
    at = last + 1;
  }
  return stretches;
}

/** Position of the first byte from `from` on that is not the same in all copies; `to` if there is none. */
function nextDifference(copies: readonly Uint8Array[], from: number, to: number): number {
  const [first, ...others] = copies;
  if (first === undefined) return to;
  let nearest = to;
  for (const other of others) nearest = firstDifference(first, other, from, nearest);
  return nearest;
}

/** Runs of equal bytes of this length are what lost sectors hold, and encrypted data do not. */
const runBytesMin = 64;

/** Where runs of equal bytes begin and end in any copy: there the damage of one copy may end. */
function cutsBetween(copies: readonly Uint8Array[], from: number, to: number): readonly number[] {
  const cuts = new Set<number>();
  for (const copy of copies) {
    let begin = from;
    for (let at = from + 1; at <= to; at++) {
      if (at < to && copy[at] === copy[begin]) continue;
      if (at - begin >= runBytesMin) cuts.add(begin).add(at);
      begin = at;
    }
  }
  return [...cuts].filter((cut) => cut > from && cut < to).toSorted((a, b) => a - b);
}

function isRun(content: Uint8Array): boolean {
  return content.byteLength >= runBytesMin && content.every((byte) => byte === content[0]);
}

/** Position of the last byte of the difference that begins at `from`. */
function lastDifference(
  copies: readonly Uint8Array[],
  from: number,
  { end, gap }: { readonly end: number; readonly gap: number },
): number {
  const [first, ...others] = copies;
  let last = from;
  for (let at = from + 1; at < end && at - last <= gap; at++) {
    const byte = first?.[at];
    for (const other of others) if (other[at] !== byte) last = at;
  }
  return last;
}

/** Compared in windows by native code first: most of two copies is the same. */
function firstDifference(a: Uint8Array, b: Uint8Array, from: number, to: number): number {
  const [left, right] = [asBuffer(a), asBuffer(b)];
  for (let at = from; at < to; at += windowBytes) {
    const end = Math.min(at + windowBytes, to);
    if (left.compare(right, at, end, at, end) === 0) continue;
    for (let byte = at; byte < end; byte++) if (left[byte] !== right[byte]) return byte;
  }
  return to;
}

const windowBytes = 4096;

function stretch(copies: readonly Uint8Array[], from: number, to: number): Stretch {
  const votes = new Map<string, { readonly content: Uint8Array; count: number }>();
  for (const copy of copies) {
    const content = copy.subarray(from, to);
    const text = asBuffer(content).toString('latin1');
    const known = votes.get(text);
    if (known) known.count += 1;
    else votes.set(text, { content, count: 1 });
  }
  const likeliness = (each: { readonly content: Uint8Array; readonly count: number }): number =>
    isRun(each.content) ? 0 : each.count;
  const choices = [...votes.values()].toSorted((a, b) => likeliness(b) - likeliness(a));
  return { from, to, choices: choices.map(({ content }) => content) };
}
