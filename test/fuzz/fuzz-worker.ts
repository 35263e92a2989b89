/**
 * Feeds decoders with spoiled input until the time is over, and tells what went wrong. What is being
 * decoded stands in shared memory, so that whoever waits knows what the thread hangs on.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { watchAllowance, type Allowance } from './allowance.ts';
import { Dice } from './dice.ts';
import type { FuzzTarget } from './targets.ts';

/** Where the input stands: number of inputs so far, number of the target, length; then the input. */
export const sharedHead = 12;

export interface FuzzOrder {
  readonly seconds: number;
  readonly seed: number;
  readonly shared: SharedArrayBuffer;
  /** Instead of the real decoders, the broken one of this name. */
  readonly broken?: string | undefined;
}

export interface Finding {
  readonly target: string;
  readonly what: string;
  readonly input: string;
}

export interface FuzzReport {
  /** For each target: inputs, those that were accepted, different ways to refuse. */
  readonly counts: readonly (readonly [string, number, number, number])[];
  readonly findings: readonly Finding[];
}

const corpusMax = 200;
const processorMsMax = 250;
const inputBytesMax = 65_536;

class Fuzzing {
  readonly #target: FuzzTarget;
  readonly #dice: Dice;
  readonly #allowance: Allowance;
  readonly #isError: (error: unknown) => boolean;
  readonly #corpus: Uint8Array[];
  readonly #ways: Set<string> = new Set();
  inputs = 0;
  accepted = 0;

  // oxlint-disable-next-line max-params -- private to this file
  constructor(
    target: FuzzTarget,
    dice: Dice,
    allowance: Allowance,
    isError: (error: unknown, target: FuzzTarget) => boolean,
  ) {
    this.#target = target;
    this.#dice = dice;
    this.#allowance = allowance;
    this.#isError = (error) => isError(error, target);
    this.#corpus = [...target.seeds];
  }

  get wayCount(): number {
    return this.#ways.size;
  }

  /** The next input: something that was worth keeping, spoiled. */
  next(): Uint8Array {
    const base = this.#corpus[this.#dice.below(this.#corpus.length)] ?? Buffer.alloc(0);
    return this.#target.mutate(base, this.#corpus, this.#dice).subarray(0, inputBytesMax);
  }

  /** What is wrong with how the input was taken, if anything is. */
  take(input: Uint8Array): string | undefined {
    const before = process.threadCpuUsage();
    this.#allowance.reset();
    this.inputs += 1;
    const wrong = this.#decode(input);
    const room = (this.#target.room ?? 65_536) + input.byteLength * 64;
    const taken = this.#allowance.bytes;
    if (taken > room) return `took ${taken} bytes for an input of ${input.byteLength}`;
    const { user, system } = process.threadCpuUsage(before);
    if ((user + system) / 1000 > processorMsMax) return `took ${(user + system) / 1000} ms`;
    return wrong;
  }

  #decode(input: Uint8Array): string | undefined {
    const { decode, encode } = this.#target;
    try {
      decode(input);
    } catch (error) {
      if (!this.#isError(error)) return `threw ${String(error)}`;
      this.#keep(String(error).replaceAll(/\d+/g, ''), input);
      return undefined;
    }
    this.accepted += 1;
    this.#keep(`accepted ${Math.log2(input.byteLength + 1).toFixed(0)}`, input);
    if (encode === undefined) return undefined;
    try {
      if (!Buffer.from(encode(input)).equals(input)) return 'is accepted, and written otherwise';
    } catch (error) {
      return `is accepted, and cannot be written: ${String(error)}`;
    }
    return undefined;
  }

  /** Input that is taken in a new way leads to more such ways. */
  #keep(way: string, input: Uint8Array): void {
    if (this.#ways.has(way)) return;
    this.#ways.add(way);
    if (this.#corpus.length < corpusMax) this.#corpus.push(new Uint8Array(input));
  }
}

const { seconds, seed, shared, broken } = workerData as FuzzOrder;
const allowance = watchAllowance();
// Only now: they shall ask for memory where it is counted.
const { fuzzTargets } = await import('./targets.ts');
const { brokenTargets } = await import('./broken-targets.ts');
const { isVersionsError } = await import('../../src/core/errors/index.ts');
const isError = (error: unknown, { kinds = ['Corrupt', 'Unsupported'] }: FuzzTarget): boolean =>
  isVersionsError(error, ...kinds);
const head = new Int32Array(shared, 0, 3);
const room = new Uint8Array(shared, sharedHead);
const chosen =
  broken === undefined ? fuzzTargets : brokenTargets.filter(({ name }) => name === broken);
const all = chosen.map(
  (target, at) => new Fuzzing(target, new Dice(seed + at), allowance, isError),
);
const findings: Finding[] = [];
/** Of a decoder that is broken on purpose the first one is enough. */
const findingsMax = broken === undefined ? 20 : 1;

// Honest input first: a target whose seeds are refused tests nothing.
for (const { name, seeds, decode } of chosen) {
  for (const bytes of seeds) {
    try {
      decode(bytes);
    } catch (error) {
      const input = Buffer.from(bytes).toString('hex');
      findings.push({ target: name, what: `refuses what is right: ${String(error)}`, input });
    }
  }
}
const until = performance.now() + seconds * 1000;
/** However slow the machine is, each target has had six turns. */
const turnsMin = 6 * all.length;
const goesOn = (turn: number): boolean => turn < turnsMin || performance.now() < until;
for (let turn = 0; goesOn(turn) && findings.length < findingsMax; turn++) {
  const at = turn % all.length;
  const [fuzzing, target] = [all[at], chosen[at]];
  if (fuzzing === undefined || target === undefined) break;
  for (let count = 0; count < 50 && findings.length < findingsMax; count++) {
    const input = fuzzing.next();
    room.set(input);
    Atomics.store(head, 1, at);
    Atomics.store(head, 2, input.byteLength);
    Atomics.add(head, 0, 1);
    const what = fuzzing.take(input);
    if (what === undefined) continue;
    findings.push({ target: target.name, what, input: Buffer.from(input).toString('hex') });
  }
}
const report: FuzzReport = {
  counts: all.map((each, at) => [
    chosen[at]?.name ?? '',
    each.inputs,
    each.accepted,
    each.wayCount,
  ]),
  findings,
};
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
parentPort?.postMessage(report);
