import { GoodCopies, type Spoiled } from './sim-copies.ts';
import { type Hands, type Healed, saysAllIsGood } from './sim-healers.ts';
import type { SimMirror } from './sim-mirror.ts';
import { describe, unseen } from './sim-refusals.ts';
import { noTrouble, type Trouble } from './sim-trouble.ts';
import type { Ended } from './sim-world.ts';

const kinds = ['lying', 'lying', 'down', 'old', 'empty', 'refusing', 'failing', 'slow'] as const;
type Kind = (typeof kinds)[number];

/** What a mirror can become, or recover from, while somebody is at it. */
const turning: ReadonlySet<Kind> = new Set(['down', 'lying', 'old', 'empty']);

/**
 * What is the matter with one mirror while others are healed, removed or added: all the time, from
 * the middle on, or until then. It also knows what may come of that, and what may not.
 */
export class Illness {
  readonly kind: Kind;
  readonly mirror: SimMirror;
  readonly course: 'always' | 'falls ill' | 'gets well';
  /** What befalls the processes that use the mirror. */
  readonly trouble: Trouble;
  readonly good: GoodCopies;
  /** It has been old or empty. */
  hasTurned = false;
  /** Nothing can be written to all mirrors that must have it. */
  readonly #isNeeded: boolean;
  readonly #callsBefore: number;
  readonly #mirrors: readonly SimMirror[];

  constructor(
    { world: { mirrors, mirrorsMin }, random, tell }: Hands,
    mirror: SimMirror,
    among: readonly Kind[] = kinds,
  ) {
    this.mirror = mirror;
    this.#mirrors = mirrors;
    this.kind = among[random.below(among.length)] ?? 'down';
    const course = (['always', 'falls ill', 'gets well'] as const)[random.below(3)] ?? 'always';
    this.course = turning.has(this.kind) ? course : 'always';
    this.trouble = troubleOf(this.kind, mirror.name, { random });
    this.good = new GoodCopies(mirrors);
    this.#isNeeded = mirrors.length === mirrorsMin;
    // Most healers make so many calls to each mirror.
    this.#callsBefore = 1 + random.below(150);
    tell(`${mirror.name}: ${this.kind} ${this.course}, ${JSON.stringify(this.trouble)}`);
  }

  /** May it have the only good copy of an object, which comes back with it? */
  mayHoldLast(mirror: SimMirror, key: string): boolean {
    if (mirror !== this.mirror) return true;
    // Who has neither opens nothing.
    if (key === 'config' || key.startsWith('keys/')) return false;
    return this.kind !== 'old' || mirror.copy.has(key);
  }

  begin(): void {
    const { mirror, course } = this;
    if (course === 'always') this.#fallIll();
    if (course === 'falls ill') mirror.turnAfter(this.#callsBefore, () => this.#fallIll());
    if (course !== 'gets well') return;
    this.#fallIll();
    mirror.turnAfter(this.#callsBefore, () => this.end());
  }

  /** It is well again. */
  end(): void {
    const { mirror } = this;
    mirror.turnNoMore();
    if (mirror.ailment === 'empty') {
      mirror.comeBackOld();
      this.good.keep(mirror);
    }
    mirror.ailment = 'none';
  }

  #fallIll(): void {
    const { kind, mirror } = this;
    if (kind !== 'down' && kind !== 'lying' && kind !== 'old' && kind !== 'empty') return;
    this.good.check(mirror);
    if (kind === 'old') mirror.comeBackOld();
    if (kind === 'empty') {
      mirror.keepCopy();
      mirror.objects = new Map();
    }
    mirror.ailment = kind;
    this.hasTurned = true;
    this.good.keep(mirror);
  }

  /** An operation that needs as many mirrors as must have each object ended as it may. */
  assertExplained({ error, killed, faults }: Ended<unknown>): void {
    if (killed) return;
    const isAway = this.kind === 'down' || this.kind === 'empty';
    if (isAway && this.course === 'always' && this.#isNeeded && error?.code !== 'QUORUM_LOST') {
      throw new Error(`It works though too few mirrors are there: ${error && describe(error)}`);
    }
    if (error === undefined) return;
    const mayBeAway = isAway && this.#isNeeded;
    if (error.kind === 'Unavailable' && (mayBeAway || faults > 0)) return;
    const isHidden = this.kind !== 'slow' && this.kind !== 'refusing' && this.kind !== 'failing';
    if (isHidden && unseen.has(error.code)) return;
    throw new Error(`It failed without a reason: ${describe(error)}`, { cause: error });
  }

  /** What a healer says must be so. */
  assertHonest(healed: Healed, spoiled: readonly Spoiled[], hasKeys = true): void {
    for (const problem of healed.problems) this.#assertTrue(problem, healed, spoiled);
    if (!saysAllIsGood(healed)) return;
    // Without keys nobody can miss what no list shows.
    if (!hasKeys && this.kind === 'lying') return;
    for (const { mirror, key } of spoiled) {
      // What was good when it was mended may have gone with everything else since.
      if (mirror === this.mirror && this.kind === 'old' && this.hasTurned) continue;
      const isEmpty = mirror === this.mirror && mirror.ailment === 'empty';
      const bytes = (isEmpty ? mirror.copy : mirror.objects).get(key);
      if (this.good.isGood(key, bytes)) continue;
      throw new Error(`A healer says that all is good, and ${key} in ${mirror.name} is not`);
    }
  }

  #assertTrue(
    { code, context, message }: VersionsErrorLike,
    { unseen: away }: Healed,
    spoiled: readonly Spoiled[],
  ): void {
    if (code === 'HEAL_BREAKER') {
      const mayTrip = ['lying', 'down', 'failing'].includes(this.kind);
      if (context?.['mirror'] === this.mirror.name && mayTrip) return;
      throw new Error(`The breaker has tripped without a reason: ${message}`);
    }
    if (code !== 'OBJECT_NOT_MENDED') return;
    const key = String(context?.['key']);
    const isBad = (mirror: SimMirror): boolean =>
      spoiled.some((bad) => bad.key === key && bad.mirror === mirror);
    // Only what lies alone in a mirror that is not there, or that was emptied in the middle.
    const isAway = away.includes(this.mirror.name) || this.kind === 'empty';
    const holders = this.#mirrors.filter((mirror) => !isBad(mirror));
    if (isAway && holders.length === 1 && holders[0] === this.mirror) return;
    throw new Error(`A healer gives up what ${holders[0]?.name} has: ${key}`);
  }
}

function troubleOf(kind: Kind, mirror: string, { random }: Pick<Hands, 'random'>): Trouble {
  if (kind === 'slow') return { ...noTrouble, slow: { mirror, delayMs: 2 + random.below(15) } };
  if (kind === 'failing') {
    return { ...noTrouble, faultsPerMille: 5 + random.below(300), faultsIn: mirror };
  }
  if (kind !== 'refusing') return noTrouble;
  const prefixes = ['packs/', 'journal/', 'quarantine/', ''] as const;
  return { ...noTrouble, refusal: { mirror, prefix: prefixes[random.below(4)] ?? '' } };
}

interface VersionsErrorLike {
  readonly code: string;
  readonly message: string;
  readonly context?: Readonly<Record<string, unknown>> | undefined;
}
