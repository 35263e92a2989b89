import { isHex16 } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import type { CopyState, LedgerCopy, LedgerEvent, NextDue, ObjectLife } from './ledger.ts';

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

/** True if a copy in that state can be verified: there is something to read, or there should be. */
export function isVerifiable(state: CopyState): boolean {
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

export function assertNextDue({ object, mirror, nextDue }: NextDue): void {
  assert(object !== '' && isHex16(mirror), `Ledger: ${object} has no valid mirror`);
  assert(Number.isSafeInteger(nextDue), `Ledger: the next time of ${object} is invalid`);
}

export function assertLimit(limit: number): void {
  assert(Number.isSafeInteger(limit) && limit >= 0, 'Ledger: a limit is a whole number');
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
