import { isHex16 } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import type { CopyState, LedgerCopy, LedgerEvent, ObjectLife } from './catalog.ts';

export const copyStates: readonly CopyState[] = [
  'stored',
  'debt',
  'suspect',
  'damaged',
  'quarantined',
  'absent',
];

export const objectLives: readonly ObjectLife[] = ['live', 'condemned', 'swept'];

/** True if a copy in that state was looked at: somebody read it, or found that it is not there. */
export function isLookedAt(state: CopyState): boolean {
  return state !== 'debt' && state !== 'quarantined';
}

/** The copy without a date that `now` shows to be wrong. */
export function withoutFuture(copy: LedgerCopy, now: number | undefined): LedgerCopy {
  const { lastVerified } = copy;
  if (now === undefined || lastVerified === undefined || lastVerified <= now) return copy;
  return { ...copy, lastVerified: undefined };
}

export function assertCopy(copy: LedgerCopy): void {
  assert(copy.object !== '' && isHex16(copy.mirror), `Ledger: ${copy.object} has no valid mirror`);
  assert(isCount(copy.bytes), `Ledger: the size of ${copy.object} is invalid`);
  assert(isTime(copy.lastVerified) && isTime(copy.nextDue), `Ledger: a time of ${copy.object}`);
}

export function assertEvent(event: LedgerEvent): void {
  assert(isTime(event.at), `Ledger: the time of an event (${event.kind}) is invalid`);
  assert(
    event.mirror === undefined || isHex16(event.mirror),
    'Ledger: an event has no valid mirror',
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isTime(value: number | undefined): boolean {
  return value === undefined || Number.isSafeInteger(value);
}
