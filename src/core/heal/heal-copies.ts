import type { Clock, RepositoryId } from '../base/index.ts';
import type { Lease, LeaseTerm, Ledger, LedgerCopy } from '../catalog/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { quarantinedKey, quarantinePrefix } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { dueAfterGood, type Judge, readCopy, type WorkCopy } from '../verify/index.ts';
import { type Copied, writeCopy } from './copy-object.ts';
import { findGoodBytes, type GoodBytes, type QuarantinedCopy } from './find-good-bytes.ts';
import { noSource, copyUnreadable } from './heal-errors.ts';

export interface HealCopiesOptions {
  readonly repository: RepositoryId;
  readonly ledger: Ledger;
  readonly judge: Judge;
  readonly clock: Clock;
  readonly monitor: Monitor;
  /** Mirrors that copies are taken from, the cheapest first. */
  readonly sources: readonly Mirror[];
  /** Every mirror is at hand, so that what no source has is lost. */
  readonly isComplete: boolean;
  /** Random, one for each run: who holds the leases. */
  readonly holder: string;
  /** Who does it, for the events. */
  readonly by: string;
  readonly maxAgeMs: number;
  /** False when there is no time left for another copy. */
  readonly hasTime: () => boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface HealedCopies {
  readonly healed: number;
  readonly bytes: number;
  /** Copies that turned out to be good, that are no longer wanted, or that another run is at. */
  readonly passed: number;
  /** Copies that are as they were. */
  readonly failed: number;
  /** Objects that no mirror has a good copy of. */
  readonly lost: readonly string[];
  /** Copies for which there was no time. */
  readonly left: readonly WorkCopy[];
  /** So much is wrong with the mirror that no damaged copy was touched. */
  readonly tripped: boolean;
}

/**
 * Held anew before anything is written: so what a run that was killed was at waits for no longer, and
 * one that slept for longer leaves it to whoever took it over.
 */
const leaseMs = 5 * 60 * 1000;
/** Hashed in putting one object together of damaged copies: some seconds of a small function. */
const mergeBytesMax = 8 * 1024 ** 3;
/** A few damaged copies are what disks do; a mirror may have so many before the rest decides. */
const damagedMax = 16;
/** More than one in so many, and something else than rot is at work. */
const damagedOneIn = 10;

/**
 * Makes copies in one mirror good that somebody has found missing or damaged, each under a lease,
 * and notes what became of them. Good copies are left alone, nothing is deleted, and what was swept
 * does not come back. One copy that cannot be mended stops nothing.
 */
export async function healCopies(
  target: Mirror,
  copies: readonly WorkCopy[],
  options: HealCopiesOptions,
): Promise<HealedCopies> {
  const run = new HealWork(target, options, await isTripped(target, options.ledger));
  const waiting = [...copies];
  while (waiting.length > 0 && options.hasTime()) {
    const copy = waiting[0];
    if (copy === undefined) break;
    try {
      options.signal?.throwIfAborted();
      await run.heal(copy);
    } catch (error) {
      // Given back is what a run that came forward has left; else it would go round for ever.
      if (options.signal?.aborted !== true || waiting.length === copies.length) throw error;
      break;
    }
    waiting.shift();
  }
  if (run.spared > 0) await run.noteBreaker();
  const { healed, bytes, passed, failed, lost, spared } = run;
  return { healed, bytes, passed, failed, lost, left: waiting, tripped: spared > 0 };
}

/** True if so many copies of a mirror are damaged that healing it could only make things worse. */
async function isTripped(mirror: Mirror, ledger: Ledger): Promise<boolean> {
  let damaged = 0;
  for await (const _ of ledger.copies({ mirror: mirror.id, state: 'damaged' })) damaged += 1;
  if (damaged <= damagedMax) return false;
  let known = 0;
  for await (const _ of ledger.copies({ mirror: mirror.id })) {
    if (++known >= damaged * damagedOneIn) return false;
  }
  return true;
}

class HealWork {
  healed = 0;
  bytes = 0;
  passed = 0;
  failed = 0;
  spared = 0;
  readonly lost: string[] = [];
  readonly #target: Mirror;
  readonly #options: HealCopiesOptions;
  readonly #tripped: boolean;

  constructor(target: Mirror, options: HealCopiesOptions, tripped: boolean) {
    this.#target = target;
    this.#options = options;
    this.#tripped = tripped;
  }

  async heal({ object, bytes }: WorkCopy): Promise<void> {
    const { ledger, clock, holder, monitor } = this.#options;
    const term = (): LeaseTerm => ({ now: clock.now(), ms: leaseMs });
    let lease: Lease;
    try {
      lease = await ledger.acquireLease(`heal ${this.#target.id} ${object}`, holder, term());
    } catch (error) {
      if (!isVersionsError(error, 'Conflict')) throw error;
      this.passed += 1;
      return;
    }
    try {
      await this.#healLeased(object, bytes, async () => {
        lease = await ledger.renewLease(lease, term());
      });
    } catch (error) {
      if (isVersionsError(error, 'Conflict') && error.code === 'LEASE_LOST') {
        this.passed += 1;
        return;
      }
      if (!isVersionsError(error, 'Corrupt', 'Unavailable', 'Denied', 'NotFound')) throw error;
      this.failed += 1;
      monitor.problem(error);
      if (error.code === 'NO_GOOD_COPY') await this.#noteLost(object, error.message);
    } finally {
      await ledger.releaseLease(lease);
    }
  }

  async #healLeased(object: string, bytes: number, renew: () => Promise<void>): Promise<void> {
    const { ledger, clock, maxAgeMs } = this.#options;
    if ((await ledger.lifeOf(object)) === 'swept') {
      this.passed += 1;
      return;
    }
    const known = (await ledger.copiesOf(object)).find(({ mirror }) => mirror === this.#target.id);
    if (this.#tripped && !isMissing(known)) {
      this.spared += 1;
      this.failed += 1;
      return;
    }
    const { copied, how } = await this.#mend(object, bytes, renew);
    const at = clock.now();
    const mirror = this.#target.id;
    await ledger.setState(object, mirror, 'stored', at);
    await ledger.setDue([{ object, mirror, nextDue: dueAfterGood(object, at, maxAgeMs) }]);
    if (copied.result === 'present') {
      this.passed += 1;
      return;
    }
    this.healed += 1;
    this.bytes += copied.bytes;
    const aside =
      copied.quarantined === undefined ? '' : `; the damaged copy is kept as ${copied.quarantined}`;
    const detail = `${how}, ${copied.bytes} bytes${aside}`;
    await this.#note(known?.state === 'debt' ? 'paid' : 'healed', detail, object);
  }

  /** The copy itself is read first: it may be good again, and then no other mirror is paid for. */
  async #mend(
    object: string,
    size: number,
    renew: () => Promise<void>,
  ): Promise<{ copied: Copied; how: string }> {
    const { repository, sources, judge, signal } = this.#options;
    const target = this.#target;
    const { good: own } = await readCopy(target, object, judge, signal);
    if (own !== undefined) {
      return { copied: { result: 'present', bytes: own.byteLength }, how: 'Good again' };
    }
    const others = sources.filter(({ id }) => id !== target.id);
    const mirrors = [...others, target];
    const bytes = size === 0 ? undefined : size;
    const found = await findGoodBytes(
      object,
      {
        repository,
        mirrors,
        judge,
        quarantined: await this.#quarantined(object, mirrors),
        budgetBytes: mergeBytesMax,
        signal,
      },
      bytes,
    );
    const good = found ?? (await this.#lookOnceMore(object, others));
    await renew();
    const copied = await writeCopy(object, good.bytes, target, { judge, signal });
    const from = good.how === 'merge' ? 'Put together from' : 'Copied from';
    return { copied, how: `${from} ${good.from}` };
  }

  /** Lost is only what every mirror has answered about: what cannot be read now may be good. */
  async #lookOnceMore(object: string, others: readonly Mirror[]): Promise<GoodBytes> {
    const { judge, signal } = this.#options;
    const reasons: string[] = [];
    for (const mirror of others) {
      const { good, bad } = await readCopy(mirror, object, judge, signal);
      if (good !== undefined) return { bytes: good, how: 'copy', from: mirror.name };
      if (bad?.kind === 'unreadable' || bad?.kind === 'archived')
        throw copyUnreadable(object, mirror.name, bad.detail);
      reasons.push(`${mirror.name}: ${bad?.detail ?? 'unknown'}`);
    }
    throw noSource(object, reasons);
  }

  async #quarantined(
    object: string,
    mirrors: readonly Mirror[],
  ): Promise<ReadonlyMap<string, readonly QuarantinedCopy[]>> {
    const copies: QuarantinedCopy[] = [];
    for (const mirror of mirrors) {
      try {
        for await (const { key } of mirror.store.list(`${quarantinePrefix}${object}/`, {
          signal: this.#options.signal,
        })) {
          if (quarantinedKey(key) === object) copies.push({ mirror, key });
        }
      } catch (error) {
        if (!isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) throw error;
      }
    }
    return new Map([[object, copies]]);
  }

  /** An object that some mirror may still have is not lost: a mirror is only away. */
  async #noteLost(object: string, why: string): Promise<void> {
    if (!this.#options.isComplete) return;
    this.lost.push(object);
    await this.#note('lost', why, object);
  }

  async noteBreaker(): Promise<void> {
    const detail = `More than one in ${damagedOneIn} copies in ${this.#target.name} is damaged: nothing there is written over until somebody has looked`;
    await this.#note('breaker', detail);
  }

  async #note(kind: string, detail: string, object?: string): Promise<void> {
    const { ledger, clock, by } = this.#options;
    await ledger.addEvent({ at: clock.now(), kind, mirror: this.#target.id, object, by, detail });
  }
}

/** What is missing is not written over, however much it is. */
function isMissing(known: LedgerCopy | undefined): boolean {
  return known === undefined || known.state === 'debt' || known.state === 'absent';
}
