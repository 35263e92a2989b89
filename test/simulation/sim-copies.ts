import { createHash } from 'node:crypto';
import { expectedObjects } from '../../src/core/repository/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { drawn, type Hands } from './sim-healers.ts';
import { rotten, type SimMirror } from './sim-mirror.ts';
import type { SimWorld } from './sim-world.ts';

/** Less than makes a healer stop because too much is wrong at once. */
const damagedMax = 5;

/** A copy that is not good any more, and what it was. */
export interface Spoiled {
  readonly mirror: SimMirror;
  readonly key: string;
  readonly bytes: Uint8Array;
}

export interface SpoilOptions {
  /** May this mirror have the only good copy of that object? */
  readonly mayBeLast?: (mirror: SimMirror, key: string) => boolean;
  /** The copies of all other mirrors are spoiled. */
  readonly allBut?: SimMirror | undefined;
}

/** Spoils a few copies of what the journal names; of each object one mirror keeps a good one. */
export async function spoil(
  { world, random: drawnFrom }: Hands,
  { mayBeLast = () => true, allBut }: SpoilOptions = {},
): Promise<readonly Spoiled[]> {
  // A stream of its own: what lies under which key differs from run to run, and what happens next
  // must not.
  const random = new SeededRandom(`${drawnFrom.below(2 ** 30)}`);
  const keys = await named(world);
  const spoiled: Spoiled[] = [];
  for (let count = 1 + random.below(damagedMax); count > 0; count--) {
    const key = keys[random.below(keys.length)] ?? '';
    const isBad = (mirror: SimMirror): boolean =>
      !mirror.objects.has(key) || spoiled.some((bad) => bad.key === key && bad.mirror === mirror);
    const mirrors = drawn(world.mirrors, random);
    const targets = allBut ? mirrors.filter((mirror) => mirror !== allBut) : mirrors.slice(0, 1);
    for (const mirror of targets) {
      const bytes = mirror.objects.get(key);
      const others = mirrors.filter((other) => other !== mirror && !isBad(other));
      if (bytes === undefined || isBad(mirror)) continue;
      if (!others.some((other) => mayBeLast(other, key))) continue;
      spoiled.push({ mirror, key, bytes });
      mirror.objects.delete(key);
      const worse = spoiledBytes(bytes, world.mirrors[0]?.objects.get('config'), random);
      if (worse !== undefined) mirror.objects.set(key, worse);
    }
  }
  return spoiled;
}

function spoiledBytes(
  bytes: Uint8Array,
  other: Uint8Array | undefined,
  random: SeededRandom,
): Uint8Array | undefined {
  switch (random.below(5)) {
    case 0:
      return undefined;
    case 1:
      return new Uint8Array(0);
    case 2:
      return bytes.slice(0, random.below(Math.max(1, bytes.byteLength)));
    case 3:
      return new Uint8Array(Buffer.concat([bytes, other?.byteLength ? other : bytes]));
    default:
      return rotten(bytes, random);
  }
}

/** The keys of all objects that the journal says must be in each mirror, but for the markers. */
export async function named(world: SimWorld): Promise<readonly string[]> {
  return world.fromMirrors(async (repository) =>
    (await expectedObjects(repository))
      .filter(({ key, mayBeMissing }) => key !== 'mirror' && mayBeMissing !== true)
      .map(({ key }) => key),
  );
}

/** The good copies of each mirror, which nobody may touch. */
export class GoodCopies {
  readonly #config: Uint8Array | undefined;
  readonly #kept: Map<SimMirror, ReadonlyMap<string, Uint8Array>> = new Map();

  /** All mirrors are well, and none of their copies is spoiled. */
  constructor(mirrors: readonly SimMirror[]) {
    this.#config = mirrors[0]?.objects.get('config');
  }

  isGood(key: string, bytes: Uint8Array | undefined): boolean {
    if (bytes === undefined) return false;
    if (key === 'config') return this.#config !== undefined && isSame(bytes, this.#config);
    const [, hash] = /([0-9a-f]{64})$/.exec(key) ?? [];
    return hash !== undefined && createHash('sha256').update(bytes).digest('hex') === hash;
  }

  /** What is good in the mirror now must stay so. */
  keep(mirror: SimMirror): void {
    const isKept = ([key, bytes]: readonly [string, Uint8Array]): boolean =>
      !key.startsWith('quarantine/') && this.isGood(key, bytes);
    this.#kept.set(mirror, new Map([...mirror.objects].filter(isKept)));
  }

  /** Throws if a copy that was good is gone, or is another one. */
  check(mirror: SimMirror): void {
    for (const [key, bytes] of this.#kept.get(mirror) ?? []) {
      const now = mirror.objects.get(key);
      if (now !== undefined && isSame(now, bytes)) continue;
      const what = now === undefined ? 'is gone' : 'was written over';
      throw new Error(`The good copy of ${key} in ${mirror.name} ${what}`);
    }
  }
}

/** Every mirror has of every object that the journal names what was stored. */
export async function assertAllGood(world: SimWorld, good: GoodCopies): Promise<void> {
  for (const key of await named(world)) {
    for (const { name, objects } of world.mirrors) {
      if (!good.isGood(key, objects.get(key))) {
        throw new Error(`${name} has no good copy of ${key} after it was healed`);
      }
    }
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
