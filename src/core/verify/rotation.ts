const hourMs = 60 * 60 * 1000;

/** When a copy that was found good is read again, as a share of the promised age. */
const earliestShare = 0.8;
const spreadShare = 0.15;

/**
 * When a copy that was found good is to be verified next: before `maxAgeMs` is over, and for each
 * object at a moment of its own, so that what was stored in one night is not read in one night for
 * ever. Always the same for the same object.
 */
export function dueAfterGood(object: string, at: number, maxAgeMs: number): number {
  return at + Math.floor(maxAgeMs * (earliestShare + spreadShare * shareOf(object)));
}

/** What is known of a copy when a look at it has failed. */
export interface FailedLook {
  readonly at: number;
  /** When somebody looked before, if that failed too. */
  readonly failedBefore: number | undefined;
  readonly maxAgeMs: number;
}

/**
 * When a copy that was bad, or could not be read, is looked at next: after an hour, then after
 * twice the time since the look before, but within half the promised age. So a copy that can never
 * be read costs less and less of what the others need.
 */
export function dueAfterFailure({ at, failedBefore, maxAgeMs }: FailedLook): number {
  const longest = Math.max(hourMs, maxAgeMs / 2);
  const waited = failedBefore === undefined ? 0 : Math.max(0, at - failedBefore);
  return at + Math.floor(Math.min(longest, Math.max(hourMs, 2 * waited)));
}

/** Between 0 and 1, evenly spread, for names that end in a hash. */
function shareOf(object: string): number {
  const digits = /[0-9a-f]{8}$/.exec(object)?.[0];
  return digits === undefined ? 0.5 : Number.parseInt(digits, 16) / 0x1_0000_0000;
}
