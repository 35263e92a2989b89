/**
 * Making bad copies good, without a key: every object is named by the SHA-256 of its bytes.
 *
 * Invariants:
 *
 * - nothing is written under a name unless its whole SHA-256 is that name: the source is re-hashed
 *   before a copy, the target re-read after it;
 * - a good copy is never written over or deleted; a damaged one is set aside, never thrown away;
 * - what was set aside goes once a later run has read everything whole from every mirror;
 * - what cannot be read now may be good: it is not written over either;
 * - what was written counts only if the mirror shows its marker afterwards;
 * - where too much is wrong in a mirror at once, nothing in it is written over;
 * - one object that cannot be mended stops nothing.
 *
 * The way of one object: a whole copy in another mirror; what this machine keeps; an older version,
 * where a store keeps versions; put together from the damaged copies, quarantined ones included.
 */
export { applyHeal, type HealOptions, type HealResult } from './apply-heal.ts';
export { copyObject, type Copied, type CopyOptions } from './copy-object.ts';
export { emptyQuarantine } from './empty-quarantine.ts';
export type { GoodBytes, Sources } from './find-good-bytes.ts';
export { healMarkers, type MarkerOptions } from './heal-markers.ts';
export {
  planHeal,
  type HealChoice,
  type HealItem,
  type HealPlan,
  type TrippedMirror,
} from './heal-plan.ts';
export { mendable } from './mendable.ts';
export { payDebt, payDebts, type PaidDebts, type PayOptions } from './pay-debts.ts';
export { goneMeanwhile } from './still-there.ts';
export { setAside } from './quarantine.ts';
export { unlistedMirrors } from './unlisted-mirrors.ts';
export {
  breakerTripped,
  verifyKeyless,
  type KeylessHealOptions,
  type KeylessOptions,
  type KeylessSummary,
} from './verify-keyless.ts';
export { healCopies, type HealCopiesOptions, type HealedCopies } from './heal-copies.ts';
