/**
 * Making bad copies good, without a key: every object is named by the SHA-256 of its bytes.
 *
 * Invariants:
 *
 * - nothing is written under a name unless its whole SHA-256 is that name: the source is re-hashed
 *   before a copy, the target re-read after it;
 * - a good copy is never written over or deleted; a damaged one is set aside, never thrown away;
 * - what cannot be read now may be good: it is not written over either;
 * - one object that cannot be mended stops nothing.
 */
export { copyObject, type Copied, type CopyOptions } from './copy-object.ts';
export { payDebt, payDebts, type PaidDebts, type PayOptions } from './pay-debts.ts';
