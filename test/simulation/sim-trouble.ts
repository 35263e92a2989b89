import type { SeededRandom } from '../support/seeded-random.ts';

/** A mirror that takes no object below a prefix: no room, no permission, a proxy in the way. */
export interface Refusal {
  readonly mirror: string;
  readonly prefix: string;
}

/** What befalls a process, beside what is the matter with the mirrors. */
export interface Trouble {
  /** At which of its calls the process is killed, counted from 1; 0: never. */
  readonly killAt: number;
  /** Only calls that begin like this are counted: `put packs/`, `append`; all, if it is empty. */
  readonly killCalls: string;
  /** Of 1,000 calls to mirrors, so many fail or lose their answer. */
  readonly faultsPerMille: number;
  /** The mirror whose calls these are; all mirrors, if none is named. */
  readonly faultsIn?: string | undefined;
  readonly refusal?: Refusal | undefined;
  /** A mirror that stores what it is given so much later than the others. */
  readonly slow?: { readonly mirror: string; readonly delayMs: number } | undefined;
}

export const noTrouble: Trouble = {
  killAt: 0,
  killCalls: '',
  faultsPerMille: 0,
};

/**
 * Calls at which to die matters most, as they begin, and how many of them a process may make: half
 * of all kills are there, the others anywhere.
 */
const killPlaces = [
  { calls: 'put packs/', most: 8 },
  { calls: 'put journal/', most: 6 },
  { calls: 'append', most: 3 },
  { calls: 'ledger.', most: 4 },
] as const;
const callsMost = 120;

export interface TroubleLimits {
  readonly mirrors: readonly string[];
  /** Calls to mirrors may fail. */
  readonly mayFail: boolean;
}

export function drawTrouble(random: SeededRandom, { mirrors, mayFail }: TroubleLimits): Trouble {
  const kill = random.below(5) < 2 ? drawKill(random) : { killAt: 0, killCalls: '' };
  const mirror = mirrors[random.below(mirrors.length)] ?? '';
  // What is slow to store something may also be slow to refuse it.
  const slow = random.below(3) === 0 ? { mirror, delayMs: 2 + random.below(25) } : undefined;
  const kind = mayFail ? random.below(8) : -1;
  if (kind < 0 || kind > 2) return { ...kill, slow, faultsPerMille: 0 };
  if (kind === 0) return { ...kill, slow, faultsPerMille: 1 + random.below(60) };
  const prefix = (['packs/', 'journal/', ''] as const)[random.below(3)] ?? '';
  return { ...kill, slow, faultsPerMille: 0, refusal: { mirror, prefix } };
}

function drawKill(random: SeededRandom): Pick<Trouble, 'killAt' | 'killCalls'> {
  const place = killPlaces[random.below(2 * killPlaces.length)];
  if (place === undefined) return { killAt: 1 + random.below(callsMost), killCalls: '' };
  return { killAt: 1 + random.below(place.most), killCalls: place.calls };
}

/** A backup of something new is killed at the row that commits its snapshot, or near it. */
export function atCommit(random: SeededRandom): Trouble {
  // Before that row come that of the session and, after a run that died, that of what it left.
  return { ...noTrouble, killAt: 2 + random.below(2), killCalls: 'append' };
}

/** A take-over is killed somewhere between the new catalog and the word that it is whole. */
export function inTakeOver(random: SeededRandom): Trouble {
  const places = [
    { killCalls: 'setMeta', most: 5 },
    { killCalls: 'append', most: 2 },
    { killCalls: 'append', most: 2 },
    { killCalls: 'put journal/', most: 3 },
  ] as const;
  const { killCalls, most } = places[random.below(places.length)] ?? places[0];
  return { ...noTrouble, killAt: 1 + random.below(most), killCalls };
}

/** It was not killed, and no call of it failed. */
export function isUntroubled(ended: {
  readonly killed: boolean;
  readonly faults: number;
}): boolean {
  return !ended.killed && ended.faults === 0;
}
