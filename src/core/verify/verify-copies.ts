import type { Clock } from '../base/index.ts';
import type { CopyState, Ledger, LedgerCopy } from '../catalog/index.ts';
import { isVersionsError } from '../errors/index.ts';
import type { LockingStore, Mirror } from '../mirror/index.ts';
import type { FindingKind, Monitor } from '../monitor/index.ts';
import type { Judge } from './judge.ts';
import { readCopy } from './read-copy.ts';
import { dueAfterFailure, dueAfterGood } from './rotation.ts';
import type { WorkCopy } from './work-message.ts';

export interface VerifyCopiesOptions {
  readonly ledger: Pick<Ledger, 'copiesOf' | 'lifeOf' | 'setState' | 'setDue'>;
  readonly judge: Judge;
  readonly clock: Clock;
  readonly monitor: Monitor;
  readonly maxAgeMs: number;
  /** For a mirror that locks what it keeps: how. */
  readonly locking?: LockingStore | undefined;
  /** False when there is no time left for another copy. */
  readonly hasTime: () => boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface VerifiedCopies {
  readonly good: number;
  readonly bytesRead: number;
  /** Copies that lie in an archive: nothing is known of them. */
  readonly archived: number;
  /** Good and archived copies that are locked for as long again as if they were stored now. */
  readonly locked: number;
  /** Copies that somebody should heal, or that could not be read this time. */
  readonly bad: readonly BadWorkCopy[];
  /** Copies for which there was no time. */
  readonly left: readonly WorkCopy[];
}

export interface BadWorkCopy extends WorkCopy {
  readonly kind: FindingKind;
  readonly detail: string;
}

const readsAtOnce = 2;

/**
 * Reads copies of one mirror whole, and notes in the ledger what each was like and when to read it
 * again. Writes no object. Where the mirror locks what it keeps, a copy that is good or archived is
 * locked anew, unless it is condemned: so a lock lasts as long as its object is needed. One copy that
 * cannot be read stops nothing; when time runs out, the rest is given back, also what was begun when
 * `signal` came, unless nothing at all was done. Doing it twice does no harm.
 */
export async function verifyCopies(
  mirror: Mirror,
  copies: readonly WorkCopy[],
  options: VerifyCopiesOptions,
): Promise<VerifiedCopies> {
  const waiting = [...copies];
  const bad: BadWorkCopy[] = [];
  let good = 0;
  let archived = 0;
  let bytesRead = 0;
  let locked = 0;
  const look = async (copy: WorkCopy): Promise<void> => {
    const read = await readCopy(mirror, copy.object, options.judge, options.signal);
    bytesRead += read.bytesRead;
    options.monitor.count('objectsDone', 1);
    options.monitor.count('bytesDone', read.bytesRead);
    // What was swept meanwhile is rightly gone, and must not come back.
    if (read.bad && (await options.ledger.lifeOf(copy.object)) === 'swept') return;
    if (read.bad?.kind === 'archived') {
      archived += 1;
      await postpone(mirror, copy, options);
      if (await lockAnew(copy, options)) locked += 1;
      return;
    }
    const isDoubtful = read.doubt !== undefined;
    await note(mirror, copy, { kind: read.bad?.kind, isDoubtful }, options);
    if (read.bad === undefined) {
      good += 1;
      if (await lockAnew(copy, options)) locked += 1;
    } else bad.push({ ...copy, kind: read.bad.kind, detail: read.bad.detail });
  };
  let done = 0;
  let isCutShort = false;
  const work = async (): Promise<void> => {
    while (options.hasTime()) {
      const copy = waiting.shift();
      if (copy === undefined) return;
      try {
        options.signal?.throwIfAborted();
        await look(copy);
        done += 1;
      } catch (error) {
        if (options.signal?.aborted !== true) throw error;
        waiting.push(copy);
        isCutShort = true;
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: readsAtOnce }, work));
  // Given back is what a run that came forward has left; one that did not would go round for ever.
  if (isCutShort && done === 0) options.signal?.throwIfAborted();
  return { good, bytesRead, archived, locked, bad, left: waiting };
}

/** False if there is nothing to lock, or no way to. A lock that cannot be renewed makes no copy bad. */
async function lockAnew(
  { object }: WorkCopy,
  { ledger, locking, monitor, signal }: VerifyCopiesOptions,
): Promise<boolean> {
  if (locking === undefined || !locking.locks(object)) return false;
  if ((await ledger.lifeOf(object)) !== 'live') return false;
  try {
    await locking.extendLock(object, { signal });
    return true;
  } catch (error) {
    if (!isVersionsError(error) || isVersionsError(error, 'Cancelled', 'Internal')) throw error;
    monitor.problem(error);
    return false;
  }
}

/** The state that the ledger gives a copy of which verify saw this. */
export function stateOfFinding(kind: FindingKind): CopyState {
  if (kind === 'missing') return 'absent';
  return kind === 'unreadable' ? 'suspect' : 'damaged';
}

/** It is asked again when a copy that is good would be. */
async function postpone(
  { id: mirror }: Mirror,
  { object }: WorkCopy,
  { ledger, clock, maxAgeMs }: VerifyCopiesOptions,
): Promise<void> {
  const nextDue = dueAfterGood(object, clock.now(), maxAgeMs);
  await ledger.setDue([{ object, mirror, nextDue }]);
}

async function note(
  mirror: Mirror,
  { object }: WorkCopy,
  { kind, isDoubtful }: { readonly kind: FindingKind | undefined; readonly isDoubtful: boolean },
  { ledger, clock, maxAgeMs }: VerifyCopiesOptions,
): Promise<void> {
  const at = clock.now();
  if (kind === undefined) {
    await ledger.setState(object, mirror.id, 'stored', at);
    const nextDue = isDoubtful
      ? dueAfterFailure({ at, failedBefore: undefined, maxAgeMs })
      : dueAfterGood(object, at, maxAgeMs);
    await ledger.setDue([{ object, mirror: mirror.id, nextDue }]);
    return;
  }
  const known = (await ledger.copiesOf(object)).find((copy) => copy.mirror === mirror.id);
  await ledger.setState(object, mirror.id, stateOfFinding(kind), at);
  const failedBefore = lastFailure(known, at);
  const nextDue = dueAfterFailure({ at, failedBefore, maxAgeMs });
  await ledger.setDue([{ object, mirror: mirror.id, nextDue }]);
}

/** When the look before this one failed; undefined if it did not. */
function lastFailure(known: LedgerCopy | undefined, now: number): number | undefined {
  if (known?.lastVerified === undefined || known.lastVerified > now) return undefined;
  return known.state === 'stored' ? undefined : known.lastVerified;
}
