import type { Clock, ObjectHash } from '../base/index.ts';
import type { Ledger } from '../catalog/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { eachAtOnce, readCopy } from '../verify/index.ts';
import { writeCopy } from './copy-object.ts';
import { copyUnreadable, noSource } from './heal-errors.ts';
import { findGoodBytes, type GoodBytes, type Sources } from './find-good-bytes.ts';
import { SearchBudget } from './search-bytes.ts';
import type { HealItem, HealPlan } from './heal-plan.ts';
import { goneMeanwhile } from './still-there.ts';

export interface HealOptions extends Omit<
  Sources,
  'mirrors' | 'quarantined' | 'strays' | 'isAnother'
> {
  /** All mirrors at hand: also damaged copies help to mend. */
  readonly mirrors: readonly Mirror[];
  readonly monitor: Monitor;
  readonly clock: Clock;
  /** Where events and states of copies are noted; without one nothing is. */
  readonly ledger?: Ledger | undefined;
  /** Who does it, for the events. */
  readonly by: string;
  /** Told of each event, whether there is a ledger or not. */
  readonly onEvent?: ((event: HealEvent) => void) | undefined;
  /** Only from these whole copies are taken, as the plan says; else from any that turns out good. */
  readonly isFromFixed?: boolean | undefined;
  /** Stop before more than so many bytes were written. */
  readonly bytesMax?: number | undefined;
}

/** A copy that was made good. */
export interface HealEvent {
  readonly at: number;
  readonly kind: string;
  /** Name of the mirror. */
  readonly mirror: string;
  readonly object: string;
  readonly by: string;
  readonly detail: string;
}

export interface HealResult {
  /** Copies that are good now. */
  readonly mended: number;
  readonly bytesWritten: number;
  /** Copies that are as they were: not written, or not to be mended. */
  readonly left: number;
  /** Objects that no mirror has a good copy of and that could not be put together. */
  readonly lost: readonly string[];
}

const objectsAtOnce = 2;
/** Some minutes of hashing for all that has to be put together. */
const budgetBytes = 800 * 1024 ** 3;

/** Mends what the plan lists. One object that cannot be mended stops nothing; it is reported. */
export async function applyHeal(plan: HealPlan, options: HealOptions): Promise<HealResult> {
  const run = new HealRun(plan, options);
  options.monitor.count('objectsTotal', plan.items.length);
  await eachAtOnce(plan.items, objectsAtOnce, (item) => run.heal(item));
  await run.assureThere();
  return run;
}

class HealRun implements HealResult {
  mended = 0;
  bytesWritten = 0;
  left: number;
  readonly lost: string[] = [];
  readonly #plan: HealPlan;
  readonly #options: HealOptions;
  readonly #budgetOfRun: SearchBudget;
  /** What each mirror was given. */
  readonly #written: Map<Mirror, string[]> = new Map();

  constructor(plan: HealPlan, options: HealOptions) {
    this.#plan = plan;
    this.left = plan.halted;
    this.#options = options;
    this.#budgetOfRun = new SearchBudget(budgetBytes, { signal: options.signal });
  }

  async heal(item: HealItem): Promise<void> {
    const { monitor, signal, bytesMax = Number.POSITIVE_INFINITY } = this.#options;
    signal?.throwIfAborted();
    if (this.bytesWritten + (item.bytes ?? 0) * item.targets.length > bytesMax) {
      this.left += item.targets.length;
      return;
    }
    monitor.at('healing', item.key);
    const good = await this.#find(item);
    if (good === undefined) {
      await this.#giveUp(item);
      return;
    }
    for (const { mirror, kind } of item.targets) {
      await this.#mend(item.key, good, mirror, kind);
    }
    monitor.count('objectsDone', 1);
  }

  /** A mirror that went away in mid-run was given nothing. */
  async assureThere(): Promise<void> {
    for (const [mirror, keys] of this.#written) {
      const gone = await goneMeanwhile(mirror, this.#options);
      if (gone === undefined) continue;
      this.mended -= keys.length;
      this.left += keys.length;
      this.#options.monitor.problem(gone);
      for (const key of keys) await this.#note(key, mirror, 'debt');
    }
  }

  /** Believed sources first; then all others, because what was bad may have been a passing fault. */
  #find(item: HealItem): Promise<GoodBytes | undefined> {
    const { mirrors, isFromFixed } = this.#options;
    const rest = isFromFixed === true ? [] : mirrors.filter((each) => !item.sources.includes(each));
    const { quarantined, strays, hashes } = this.#plan;
    const isAnother = (hash: ObjectHash): boolean => hashes.has(hash);
    const budgetOfRun = this.#budgetOfRun;
    const sources = { ...this.#options, quarantined, strays, isAnother, budgetOfRun };
    return findGoodBytes(item.key, { ...sources, mirrors: [...item.sources, ...rest] }, item.bytes);
  }

  async #mend(key: string, good: GoodBytes, mirror: Mirror, kind: string): Promise<void> {
    const { monitor, judge, signal } = this.#options;
    try {
      const { result, quarantined } = await writeCopy(key, good.bytes, mirror, { judge, signal });
      this.mended += 1;
      if (result === 'present') {
        await this.#note(key, mirror, 'stored');
        return;
      }
      const written = this.#written.get(mirror);
      if (written === undefined) this.#written.set(mirror, [key]);
      else written.push(key);
      this.bytesWritten += good.bytes.byteLength;
      monitor.count('bytesDone', good.bytes.byteLength);
      monitor.item({
        action: 'healed',
        path: `${mirror.name}: ${key}`,
        bytes: good.bytes.byteLength,
      });
      const aside = quarantined === undefined ? '' : `, the damaged copy kept as ${quarantined}`;
      const detail = `${kind}, mended from ${good.from} (${good.how})${aside}`;
      await this.#note(key, mirror, 'stored', { kind: 'healed', detail });
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied', 'Corrupt')) throw error;
      this.left += 1;
      monitor.problem(error);
    }
  }

  async #giveUp({ key, targets }: HealItem): Promise<void> {
    this.left += targets.length;
    const doubt = await this.#doubtOfLoss(key);
    if (doubt !== undefined) {
      this.#options.monitor.problem(doubt);
      return;
    }
    this.lost.push(key);
    this.#options.monitor.problem(notMended(key));
    for (const { mirror, kind } of targets) {
      await this.#note(key, mirror, kind === 'missing' ? 'debt' : 'damaged');
    }
  }

  /** Why an object may not be lost: a mirror that was not to be used has it, or one cannot be read. */
  async #doubtOfLoss(key: string): Promise<VersionsError | undefined> {
    const { mirrors, judge, signal } = this.#options;
    for (const mirror of mirrors) {
      const { good, bad } = await readCopy(mirror, key, judge, signal);
      if (good !== undefined) {
        return noSource(key, [`mirror ${mirror.name} has one, but was not to be taken from`]);
      }
      if (bad?.kind === 'archived')
        return copyUnreadable(key, mirror.name, 'it lies in an archive');
      if (bad?.kind === 'unreadable') return copyUnreadable(key, mirror.name, bad.detail);
    }
    return undefined;
  }

  async #note(
    key: string,
    mirror: Mirror,
    state: 'stored' | 'debt' | 'damaged',
    event?: { readonly kind: string; readonly detail: string },
  ): Promise<void> {
    const { ledger, clock, by, monitor, onEvent } = this.#options;
    const at = clock.now();
    if (event) onEvent?.({ at, ...event, mirror: mirror.name, object: key, by });
    if (ledger === undefined) return;
    try {
      await ledger.setState(key, mirror.id, state, at);
      if (event) await ledger.addEvent({ at, ...event, mirror: mirror.id, object: key, by });
    } catch (error) {
      // The ledger is a hint: what was mended is mended.
      if (!isVersionsError(error)) throw error;
      monitor.note(`The ledger could not be written: ${errorMessage(error)}`);
    }
  }
}

function notMended(key: string): VersionsError {
  return new VersionsError(
    'Corrupt',
    'OBJECT_NOT_MENDED',
    `${key} could not be mended: no mirror at hand has a good copy, and the damaged ones do not make one`,
    {
      hint: 'Bring back mirrors that are absent and run `versions heal` again; no damaged copy is thrown away',
      context: { key },
    },
  );
}
