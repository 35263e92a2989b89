import type { ObjectHash } from '../base/index.ts';
import { quarantinedKey } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { FindingKind } from '../monitor/index.ts';
import type { BadCopy, ListedMirror, StrayCopy, VerifyMirrorsResult } from '../verify/index.ts';
import type { QuarantinedCopy } from './find-good-bytes.ts';

/** One object of which some copies are not good, and what is to be done about it. */
export interface HealItem {
  readonly key: string;
  /** Its size, if it is known. */
  readonly bytes: number | undefined;
  /** The mirrors that are to be given a good copy. */
  readonly targets: readonly { readonly mirror: Mirror; readonly kind: FindingKind }[];
  /** Mirrors without a finding about it, which are believed to have a good copy. */
  readonly sources: readonly Mirror[];
}

/** A mirror in which too much is wrong at once: nothing in it is written over. */
export interface TrippedMirror {
  readonly mirror: Mirror;
  readonly damaged: number;
  readonly objects: number;
}

export interface HealPlan {
  readonly items: readonly HealItem[];
  readonly tripped: readonly TrippedMirror[];
  /** Chosen bad copies that stay as they are, because too much is wrong in their mirror. */
  readonly halted: number;
  /** Bad copies that the choice leaves out. */
  readonly unchosen: number;
  readonly quarantined: ReadonlyMap<string, readonly QuarantinedCopy[]>;
  readonly strays: readonly StrayCopy[];
  /** The SHA-256 of every object that the mirrors must hold. */
  readonly hashes: ReadonlySet<ObjectHash>;
}

export interface HealChoice {
  /** Only copies of this mirror are mended. */
  readonly mirror?: string | undefined;
  /** Whole copies are taken from this mirror only. */
  readonly from?: string | undefined;
  /** Only objects whose key holds this. */
  readonly object?: string | undefined;
  readonly noBreaker?: boolean | undefined;
}

/** A few bad copies are what disks do; a mirror may have so many of them before the rest decides. */
const damagedMax = 16;
/** More than this part of a mirror's objects, and something else than rot is at work. */
const damagedPart = 0.1;

/** What is to be done about everything that `verifyMirrors` found. */
export function planHeal(result: VerifyMirrorsResult, choice: HealChoice = {}): HealPlan {
  const { listed } = result;
  const tripped = choice.noBreaker === true ? [] : trippedMirrors(result);
  const byKey = Map.groupBy(result.bad, ({ object }) => object.key);
  const items: HealItem[] = [];
  let unchosen = 0;
  let halted = 0;
  for (const [key, copies] of byKey) {
    // A mirror's marker is its own: nobody else has it.
    if (key === 'mirror') continue;
    const chosen = copies.filter((copy) => isChosen(copy, choice));
    unchosen += copies.length - chosen.length;
    const bad = new Set(copies.map(({ mirror }) => mirror.id));
    // Nothing is written where no marker was read.
    const marked = chosen.filter(({ mirror }) => mirror.isUnmarked !== true);
    const targets = marked
      // What is missing is not written over, however much it is.
      .filter((copy) => copy.kind === 'missing' || !tripped.some(isOf(copy.mirror)))
      .map(({ mirror, kind }) => ({ mirror, kind }));
    halted += marked.length - targets.length;
    const sources = listed
      .map(({ mirror }) => mirror)
      .filter(({ id, name }) => !bad.has(id) && (choice.from ?? name) === name);
    if (targets.length > 0) items.push({ key, bytes: copies[0]?.object.bytes, targets, sources });
  }
  items.sort((a, b) => rankOf(a) - rankOf(b) || (a.key < b.key ? -1 : 1));
  const { strays, hashes } = result;
  return { items, tripped, halted, unchosen, quarantined: quarantinedIn(listed), strays, hashes };
}

function isChosen(
  { mirror, object }: BadCopy,
  choice: Pick<HealChoice, 'mirror' | 'object'>,
): boolean {
  const isMirror = choice.mirror === undefined || mirror.name === choice.mirror;
  return isMirror && (choice.object === undefined || object.key.includes(choice.object));
}

function isOf(mirror: Mirror): (tripped: TrippedMirror) => boolean {
  return (tripped) => tripped.mirror.id === mirror.id;
}

/** Objects that everything else needs come first, and what has fewest good copies before the rest. */
function rankOf({ key, sources }: HealItem): number {
  return (key.startsWith('packs/') ? 100 : 0) + sources.length;
}

function trippedMirrors({ bad, listed, expected }: VerifyMirrorsResult): TrippedMirror[] {
  const objects = expected.length;
  return listed.flatMap(({ mirror }) => {
    const damaged = bad.filter(
      (copy) => copy.mirror.id === mirror.id && copy.kind !== 'missing',
    ).length;
    const isTooMuch = damaged > damagedMax && damaged > objects * damagedPart;
    return isTooMuch ? [{ mirror, damaged, objects }] : [];
  });
}

function quarantinedIn(
  listed: readonly ListedMirror[],
): ReadonlyMap<string, readonly QuarantinedCopy[]> {
  const copies = listed.flatMap(({ mirror, quarantined }) =>
    quarantined.map((key) => ({ mirror, key })),
  );
  return Map.groupBy(copies, ({ key }) => quarantinedKey(key) ?? '');
}
