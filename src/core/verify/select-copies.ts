import type { MirrorId } from '../base/index.ts';
import type { CopyState, Ledger } from '../catalog/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { ExpectedObject } from './expected-objects.ts';

/** Which part of the packs is read at level `data`; of each mirror for itself. */
export type Subset =
  /** The n-th of t parts: all t of them together are everything, whoever reads which. */
  | { readonly kind: 'part'; readonly number: number; readonly of: number }
  /** Those that were verified longest ago, so that repeated runs read everything in turn. */
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'bytes'; readonly bytes: number };

/** What the ledger knows of copies: hints, which save work or cause it. */
export class KnownCopies {
  readonly #lastVerified = new Map<string, number>();
  readonly #states = new Map<string, CopyState>();

  /** Dates in the future prove nothing and are left out. */
  static async read(ledger: Ledger | undefined, now: number): Promise<KnownCopies> {
    const known = new KnownCopies();
    if (ledger === undefined) return known;
    for await (const { object, mirror, lastVerified, state } of ledger.copies({ now })) {
      const name = nameOf(object, mirror);
      if (lastVerified !== undefined) known.#lastVerified.set(name, lastVerified);
      if (state !== 'stored') known.#states.set(name, state);
    }
    return known;
  }

  /** Milliseconds since 1970; 0 if nobody has read the copy. */
  lastVerified(object: string, mirror: MirrorId): number {
    return this.#lastVerified.get(nameOf(object, mirror)) ?? 0;
  }

  /** Does anybody think that the copy may not be good? */
  isSuspect(object: string, mirror: MirrorId): boolean {
    const state = this.#states.get(nameOf(object, mirror));
    return state === 'suspect' || state === 'damaged';
  }
}

export interface SelectOptions {
  readonly subset?: Subset | undefined;
  /** Only copies that nobody has read for so long. */
  readonly ageMsMin?: number | undefined;
  readonly known: KnownCopies;
  readonly now: number;
}

/** Which packs are read of which mirror; undefined: all. */
export function selectCopies(
  objects: readonly ExpectedObject[],
  mirrors: readonly Mirror[],
  options: SelectOptions,
): ((object: ExpectedObject, mirror: Mirror) => boolean) | undefined {
  if (options.subset === undefined && options.ageMsMin === undefined) return undefined;
  const chosen = new Set<string>();
  for (const mirror of mirrors) {
    const packs = objects.filter(({ key }) => key.startsWith('packs/'));
    for (const { key } of inSubset(oldEnough(packs, mirror, options), mirror, options)) {
      chosen.add(nameOf(key, mirror.id));
    }
  }
  return ({ key }, { id }) => chosen.has(nameOf(key, id));
}

function oldEnough(
  packs: readonly ExpectedObject[],
  mirror: Mirror,
  { ageMsMin, known, now }: SelectOptions,
): readonly ExpectedObject[] {
  if (ageMsMin === undefined) return packs;
  return packs.filter(({ key }) => known.lastVerified(key, mirror.id) <= now - ageMsMin);
}

function inSubset(
  packs: readonly ExpectedObject[],
  mirror: Mirror,
  { subset, known }: SelectOptions,
): readonly ExpectedObject[] {
  if (subset === undefined) return packs;
  if (subset.kind === 'part') {
    return packs.filter(({ hash = '' }) => partOf(hash, subset.of) === subset.number - 1);
  }
  const total = packs.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
  let left = subset.kind === 'bytes' ? subset.bytes : Math.ceil((total * subset.percent) / 100);
  // Names are hashes: among those of one age the order is as good as random, and always the same.
  const byAge = packs.toSorted(
    (a, b) => known.lastVerified(a.key, mirror.id) - known.lastVerified(b.key, mirror.id),
  );
  return byAge.filter(({ bytes = 0 }) => {
    const fits = left > 0;
    if (fits) left -= bytes;
    return fits;
  });
}

/** Names are hashes, so that parts are about equal. */
function partOf(hash: string, of: number): number {
  return Number.parseInt(hash.slice(2, 14), 16) % of;
}

function nameOf(object: string, mirror: MirrorId): string {
  return `${object}\0${mirror}`;
}
