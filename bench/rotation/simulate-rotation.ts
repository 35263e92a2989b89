import { type MirrorId, newId } from '../../src/core/base/index.ts';
import {
  dueAfterFailure,
  dueAfterGood,
  type PlannedMirror,
  planVerification,
  type WorkMessage,
} from '../../src/core/verify/index.ts';
import { packOf, SyntheticLedger } from './synthetic-ledger.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export interface SimulationOptions {
  readonly packs: number;
  readonly packBytes: number;
  readonly mirrors: number;
  readonly days: number;
  readonly maxAgeDays: number;
  /** What one hourly run may read, as a share of what one rotation needs per hour. */
  readonly budgetShare: number;
  /** One pack in so many can never be read in the first mirror; 0: none. */
  readonly unverifiableOneIn: number;
}

export interface Simulated {
  readonly runs: number;
  readonly copies: number;
  readonly messages: number;
  /** Reads that were spent on copies that can never be read, as a share of all. */
  readonly wastedShare: number;
  /** Days since the copy that waited longest was verified, at the end; copies that can be read. */
  readonly oldestDays: number;
  /** The same for each mirror. */
  readonly oldestDaysByMirror: readonly number[];
  readonly plannerMs: number;
  readonly slowestRunMs: number;
  /** Rows that the ledger looked at for each copy that was handed out. */
  readonly rowsPerCopy: number;
  /** What the planner's heap grew by in a run, at most. */
  readonly heapGrowthBytesMax: number;
}

/**
 * Lets the real planner run each hour against a ledger of made-up packs, and verifiers that do all
 * that they are asked to before the next run.
 */
export async function simulateRotation(options: SimulationOptions): Promise<Simulated> {
  const { packs, packBytes, days, maxAgeDays } = options;
  const start = Date.UTC(2030, 0, 1);
  const repository = idOf(0);
  const maxAgeMs = maxAgeDays * dayMs;
  const mirrors = Array.from({ length: options.mirrors }, (_, index) => mirrorOf(index));
  const ids = mirrors.map(({ id }) => id);
  const ledger = new SyntheticLedger({
    packs,
    packBytes,
    mirrors: ids,
    start,
    hours: days * 24,
    // As if everything had been stored evenly over one rotation.
    firstDue: (pack) => Math.floor((pack / packs) * maxAgeDays * 24),
  });
  const world = new World(options, ids, start, maxAgeMs);
  const perHour = (packs * options.mirrors * packBytes) / (maxAgeDays * 24);
  let plannerMs = 0;
  let slowestRunMs = 0;
  let heapGrowthBytesMax = 0;
  let messages = 0;
  for (let hour = 0; hour < days * 24; hour++) {
    const now = start + hour * hourMs;
    const handedOut: WorkMessage[] = [];
    const heapBefore = process.memoryUsage().heapUsed;
    const began = performance.now();
    await planVerification(ledger, {
      repository,
      mirrors,
      now,
      bytesMax: perHour * options.budgetShare,
      dollarsMax: Number.POSITIVE_INFINITY,
      againMs: 6 * hourMs,
      send: async (message) => {
        handedOut.push(message);
      },
    });
    const ms = performance.now() - began;
    plannerMs += ms;
    slowestRunMs = Math.max(slowestRunMs, ms);
    heapGrowthBytesMax = Math.max(heapGrowthBytesMax, process.memoryUsage().heapUsed - heapBefore);
    messages += handedOut.length;
    for (const message of handedOut) await ledger.setDue(world.verify(message, now));
  }
  const end = start + days * dayMs;
  const oldestDaysByMirror = ids.map((id) => world.oldestDays(id, end));
  return {
    runs: days * 24,
    copies: world.reads,
    messages,
    wastedShare: world.wasted / Math.max(1, world.reads),
    oldestDays: Math.max(...oldestDaysByMirror),
    oldestDaysByMirror,
    plannerMs,
    slowestRunMs,
    rowsPerCopy: ledger.lookedAt / Math.max(1, world.reads),
    heapGrowthBytesMax,
  };
}

/** What the copies are really like, and when each was verified. */
class World {
  reads = 0;
  wasted = 0;
  readonly #options: SimulationOptions;
  readonly #start: number;
  readonly #maxAgeMs: number;
  /** Hours since the start, by mirror and pack; copies count as read when they were stored. */
  readonly #verifiedHour: ReadonlyMap<MirrorId, Int16Array>;
  readonly #failedAt: Map<number, number> = new Map();
  readonly #first: MirrorId | undefined;

  constructor(
    options: SimulationOptions,
    ids: readonly MirrorId[],
    start: number,
    maxAgeMs: number,
  ) {
    this.#options = options;
    this.#start = start;
    this.#maxAgeMs = maxAgeMs;
    [this.#first] = ids;
    const { packs, maxAgeDays } = options;
    const stored = (_: unknown, pack: number): number =>
      Math.floor((pack / packs - 1) * maxAgeDays * 24);
    this.#verifiedHour = new Map(ids.map((id) => [id, Int16Array.from({ length: packs }, stored)]));
  }

  verify({ mirror, copies }: WorkMessage, now: number) {
    return copies.map(({ object }) => {
      const pack = packOf(object);
      this.reads += 1;
      return { object, mirror, nextDue: this.#look(mirror, pack, object, now) };
    });
  }

  oldestDays(mirror: MirrorId, now: number): number {
    const hours = this.#verifiedHour.get(mirror) ?? new Int16Array();
    const nowHour = (now - this.#start) / hourMs;
    let oldest = 0;
    hours.forEach((hour, pack) => {
      if (!this.#isUnverifiable(mirror, pack)) oldest = Math.max(oldest, nowHour - hour);
    });
    return oldest / 24;
  }

  #look(mirror: MirrorId, pack: number, object: string, now: number): number {
    if (!this.#isUnverifiable(mirror, pack)) {
      const hours = this.#verifiedHour.get(mirror);
      if (hours) hours[pack] = (now - this.#start) / hourMs;
      return dueAfterGood(object, now, this.#maxAgeMs);
    }
    this.wasted += 1;
    const failedBefore = this.#failedAt.get(pack);
    this.#failedAt.set(pack, now);
    return dueAfterFailure({ at: now, failedBefore, maxAgeMs: this.#maxAgeMs });
  }

  #isUnverifiable(mirror: MirrorId, pack: number): boolean {
    const { unverifiableOneIn } = this.#options;
    return mirror === this.#first && unverifiableOneIn > 0 && pack % unverifiableOneIn === 0;
  }
}

function mirrorOf(index: number): PlannedMirror {
  return { id: idOf(index + 1), name: `m${index + 1}`, dollarsPerGib: 0, dollarsPerRead: 0 };
}

/** An id that is the same in every run. */
function idOf(number: number): ReturnType<typeof newId> {
  return newId({ bytes: (count) => new Uint8Array(count).fill(number) });
}
