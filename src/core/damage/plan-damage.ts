import type { RepositoryId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { decodeObjectHeader, type MirrorPart, parseObjectName } from '../format/index.ts';
import { type Mirror, versionedStoreIn } from '../mirror/index.ts';
import { type Judge, judgeFor, listMirror, readCopy } from '../verify/index.ts';
import {
  type DamageKind,
  damageKinds,
  type DamagePlace,
  kindsWithOther,
  placeOfDamage,
} from './damage-kinds.ts';
import { SeededChoice } from './seeded-choice.ts';

/** Sorts of objects, in the words of the command line. */
export const damageParts = [
  'data-pack',
  'tree-pack',
  'journal',
  'payload',
  'checkpoint',
  'key',
  'config',
  'marker',
] as const;

export type DamagePart = (typeof damageParts)[number];

export interface DamageChoice {
  readonly seed: string;
  /** How many copies are to be damaged. */
  readonly count: number;
  /** Only in this mirror. */
  readonly mirror?: string | undefined;
  /** Only objects of this sort; a marker, of which there is never another copy, only if it is named. */
  readonly part?: DamagePart | undefined;
  /** Only objects whose key holds this. */
  readonly object?: string | undefined;
  /** Only this kind of damage. */
  readonly kind?: DamageKind | undefined;
  /** Also copies of which no other mirror has a good one. */
  readonly lastCopies: boolean;
}

/** One copy that is going to be damaged. */
export interface DamageItem extends DamagePlace {
  readonly mirror: Mirror;
  readonly key: string;
  readonly part: DamagePart;
  readonly kind: DamageKind;
  /** Bytes of the copy as it is. */
  readonly bytes: number;
  /** The object whose bytes it gets, or with which it changes places. */
  readonly other?: string | undefined;
}

export interface DamagePlan {
  readonly items: readonly DamageItem[];
  /** Copies that were looked at and left alone, because no other mirror has a good one. */
  readonly spared: number;
  readonly seed: string;
}

/** Everything that judging copies needs. */
export interface DamageWorld {
  readonly repository: RepositoryId;
  readonly mirrors: readonly Mirror[];
  readonly signal?: AbortSignal | undefined;
}

interface Candidate {
  readonly mirror: Mirror;
  readonly key: string;
  readonly part: MirrorPart;
  readonly bytes: number;
  /** All objects of that sort in the mirror. */
  readonly sort: readonly string[];
}

/** Each look reads a whole object once or twice. */
const looksMax = 200;

/** Chooses what is to be damaged, without touching anything. */
export async function planDamage(world: DamageWorld, choice: DamageChoice): Promise<DamagePlan> {
  const chance = new SeededChoice(choice.seed);
  const judge = judgeFor({ repository: world.repository });
  const candidates = await candidatesIn(world, choice);
  const items: DamageItem[] = [];
  const touched = new Set<string>();
  let spared = 0;
  for (let look = 0; look < looksMax + choice.count && items.length < choice.count; look++) {
    const candidate = take(candidates, chance);
    if (candidate === undefined) break;
    const kinds = possibleKinds(candidate, choice);
    const kind = kinds[chance.below(Math.max(1, kinds.length))];
    if (kind === undefined) continue;
    const other = kindsWithOther.has(kind) ? otherOf(candidate, chance) : undefined;
    const keys = kind === 'swap' && other !== undefined ? [candidate.key, other] : [candidate.key];
    const place = placeOfDamage(kind, candidate.bytes, chance);
    // One object is not damaged in two places: the second may hold the last good copy by then.
    if (keys.some((key) => touched.has(choice.lastCopies ? `${candidate.mirror.id}/${key}` : key)))
      continue;
    const seen = await lookAt(candidate, keys, { world, judge, choice });
    if (seen === 'other-part' || seen === 'bad') continue;
    if (seen === 'last') {
      spared += 1;
      continue;
    }
    for (const key of keys) touched.add(choice.lastCopies ? `${candidate.mirror.id}/${key}` : key);
    const { mirror, key, bytes } = candidate;
    items.push({ mirror, key, part: seen, kind, bytes, other, ...place });
  }
  return { items, spared, seed: choice.seed };
}

async function candidatesIn(
  { mirrors, signal }: DamageWorld,
  { mirror: only, part, object }: DamageChoice,
): Promise<Map<string, Candidate[]>> {
  const bySort = new Map<string, Candidate[]>();
  for (const mirror of mirrors.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (only !== undefined && mirror.name !== only) continue;
    const listed = await listMirror(mirror, signal);
    if (!('sizes' in listed)) continue;
    const keys = [...listed.sizes.keys()].toSorted();
    const sorts = Map.groupBy(keys, (key) => parseObjectName(key)?.part);
    for (const [sort, all] of sorts) {
      if (sort === undefined || !isWanted(sort, part)) continue;
      for (const key of all) {
        const bytes = listed.sizes.get(key) ?? 0;
        if (bytes === 0 || (object !== undefined && !key.includes(object))) continue;
        const known = bySort.get(sort) ?? [];
        known.push({ mirror, key, part: sort, bytes, sort: all });
        bySort.set(sort, known);
      }
    }
  }
  return bySort;
}

function isWanted(sort: MirrorPart, part: DamagePart | undefined): boolean {
  if (part === undefined) return sort !== 'marker';
  if (part === 'data-pack' || part === 'tree-pack') return sort === 'pack';
  return part === (sort === 'entry' ? 'journal' : sort);
}

/** Every sort of object is as likely, however many there are of it. */
function take(candidates: Map<string, Candidate[]>, chance: SeededChoice): Candidate | undefined {
  const sorts = [...candidates.values()].filter(({ length }) => length > 0);
  const sort = sorts[chance.below(Math.max(1, sorts.length))];
  return sort?.splice(chance.below(sort.length), 1)[0];
}

function possibleKinds({ mirror, sort }: Candidate, { kind }: DamageChoice): readonly DamageKind[] {
  // A bucket is only given bytes that have the hash which their name says.
  const isBucket = versionedStoreIn(mirror.store) !== undefined;
  return damageKinds.filter(
    (each) =>
      (kind ?? each) === each &&
      (!isBucket || each === 'delete') &&
      (!kindsWithOther.has(each) || sort.length > 1),
  );
}

function otherOf({ key, sort }: Candidate, chance: SeededChoice): string | undefined {
  const others = sort.filter((each) => each !== key);
  return others[chance.below(Math.max(1, others.length))];
}

/** What the object is, if its copy may be damaged; else why not. */
async function lookAt(
  { mirror, part }: Candidate,
  keys: readonly string[],
  {
    world,
    judge,
    choice,
  }: { readonly world: DamageWorld; readonly judge: Judge; readonly choice: DamageChoice },
): Promise<DamagePart | 'other-part' | 'bad' | 'last'> {
  let found: DamagePart | undefined;
  for (const key of keys) {
    const { good } = await readCopy(mirror, key, judge, world.signal);
    if (good === undefined) return 'bad';
    found ??= partOf(part, good);
    if (found === undefined || (choice.part ?? found) !== found) return 'other-part';
    if (!choice.lastCopies && !(await isElsewhere(mirror, key, world, judge))) return 'last';
  }
  return found ?? 'bad';
}

/** Has another mirror a good copy, every byte of it? */
export async function isElsewhere(
  mirror: Mirror,
  key: string,
  { mirrors, signal }: DamageWorld,
  judge: Judge,
): Promise<boolean> {
  // Every mirror has a marker of its own.
  if (parseObjectName(key)?.part === 'marker') return false;
  for (const other of mirrors) {
    if (other.id === mirror.id) continue;
    if ((await readCopy(other, key, judge, signal)).good !== undefined) return true;
  }
  return false;
}

function partOf(part: MirrorPart, bytes: Uint8Array): DamagePart | undefined {
  if (part === 'entry') return 'journal';
  if (part !== 'pack') return part;
  try {
    const { kind } = decodeObjectHeader(bytes);
    return kind === 'data-pack' || kind === 'tree-pack' ? kind : undefined;
  } catch (error) {
    if (!isVersionsError(error)) throw error;
    return undefined;
  }
}
