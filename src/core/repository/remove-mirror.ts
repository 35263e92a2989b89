import type { MirrorId } from '../base/index.ts';
import { mirrorsMinOf } from '../mirror/index.ts';
import { debtRow } from './debts.ts';
import { neededObjects } from './expected-objects.ts';
import { membersOf } from './membership.ts';
import { copiesTooFew, mirrorsTooFew } from './mirror-change-errors.ts';
import { markerKey, parseEntryKey } from './object-keys.ts';
import type { Repository } from './repository.ts';

export interface RemovalOptions {
  /** The mirror: its name for people. */
  readonly name: string;
  /** Undefined if the journal does not know it. */
  readonly id: MirrorId | undefined;
  /** As configured; undefined: all but one. */
  readonly mirrorsMin: number | undefined;
  /** It is dead: what is left is taken as it is. */
  readonly lost: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What removing a mirror changes. */
export interface RemovalPlan {
  readonly id: MirrorId | undefined;
  /** How many mirrors must store an object from then on. */
  readonly mirrorsMin: number;
  /** How many did while it was one of them. */
  readonly mirrorsMinBefore: number;
  /** `mirrors-min` is configured and must be lowered to that. */
  readonly lowers: boolean;
  /** Objects that are on fewer of the mirrors here than that. */
  readonly belowMin: number;
  /** Keys of objects that no mirror here has. */
  readonly nowhere: readonly string[];
}

/**
 * Counts, by listing the mirrors that are left, the copies that would be left. The repository is
 * open without the mirror. Throws `Usage` (MIRRORS_TOO_FEW) and, unless the mirror is lost,
 * `Unavailable` (COPIES_TOO_FEW).
 */
export async function planRemoval(
  repository: Repository,
  options: RemovalOptions,
): Promise<RemovalPlan> {
  const { name, id, lost, signal } = options;
  const { mirrors } = repository;
  const left = mirrors.mirrors.length + mirrors.absent.length;
  const configured = options.mirrorsMin;
  const lowers = configured !== undefined && configured > left;
  if (left === 0 || (lowers && !lost)) throw mirrorsTooFew(left, configured ?? 1);
  const mirrorsMin = mirrorsMinOf(lowers ? left : configured, left);
  const mirrorsMinBefore = mirrorsMinOf(configured, left + 1);
  const copies = await countCopies(repository, signal);
  const counts = [...copies.values()];
  const belowMin = counts.filter((count) => count < mirrorsMin).length;
  if (belowMin > 0 && !lost) throw copiesTooFew(name, { objects: belowMin, mirrorsMin });
  // Entries that only the catalog has are stored again by the next sync.
  const nowhere = [...copies]
    .filter(([key, count]) => count === 0 && parseEntryKey(key) === undefined)
    .map(([key]) => key);
  return { id, mirrorsMin, mirrorsMinBefore, lowers, belowMin, nowhere };
}

/** Enters in the journal that the mirror is none any more. What lies there is left alone. */
export async function applyRemoval(
  repository: Repository,
  plan: RemovalPlan,
  signal?: AbortSignal,
): Promise<void> {
  repository.assertWritable();
  const { id, nowhere, lowers, mirrorsMin } = plan;
  // Lost objects are owed to everyone, which makes the next backup store them again.
  for (const { id: mirror } of repository.mirrors.mirrors) {
    const rows = nowhere.map((object) => debtRow({ object, mirror }));
    await repository.catalog.ledger.record(rows);
  }
  await repository.log.append(
    () => {
      const member = membersOf(repository).find((other) => other.id === id);
      const settings = lowers ? [{ type: 'settings', mirrorsMin } as const] : [];
      if (member === undefined) return lowers ? settings : undefined;
      return [{ type: 'mirrors', mirrors: [{ ...member, state: 'removed' }] }, ...settings];
    },
    { signal },
  );
  await repository.mirrors.drain();
  await repository.debts.record(repository.catalog);
}

/** For each object that must be stored, on how many of the mirrors here it is, in its size. */
async function countCopies(
  repository: Repository,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, number>> {
  const objects = (await neededObjects(repository)).filter(({ key }) => key !== markerKey);
  const sizes = new Map(objects.map(({ key, bytes }) => [key, bytes]));
  const copies = new Map(objects.map(({ key }) => [key, 0]));
  const { ledger } = repository.catalog;
  for (const { id, store } of repository.mirrors.mirrors) {
    const damaged = new Set<string>();
    for (const state of ['suspect', 'damaged', 'quarantined'] as const) {
      for await (const { object } of ledger.copies({ mirror: id, state })) damaged.add(object);
    }
    for await (const { key, bytes } of store.list('', { signal })) {
      const count = copies.get(key);
      if (count === undefined || damaged.has(key)) continue;
      if ((sizes.get(key) ?? bytes) === bytes) copies.set(key, count + 1);
    }
  }
  return copies;
}
