/**
 * Several stores as one: writes at a quorum, reads that fail over, debts.
 *
 * Invariants:
 *
 * - no write goes to a place whose marker was not read in this run; other places are *absent*: one
 *   finding each, never written to, and their stores cannot be reached through a `MirrorSet`;
 * - `put` resolves only when at least `mirrorsMin` mirrors have confirmed the whole object, and as
 *   soon as they have: a slow mirror holds up nobody;
 * - each mirror that then lacks the object is reported as a debt, once, before `settled` resolves.
 *   (Absent places have no id to report; an object is owed to every mirror that is not in
 *   `Settled.stored`);
 * - `confirm` reads the markers of those that stored something again, before it is relied on: a place
 *   that was taken away in mid-run, and took what it was given all the same, is down and owed that;
 * - a mirror that fails several times in a row, is full, gone or does not answer is down for the
 *   rest of the run: one note, and what follows is owed to it at once;
 * - the bytes in flight are bounded: `put` waits, and `ready` tells when to make the next object;
 * - bytes that `accept` refuses are never given to a caller; what it does not look at is as the
 *   mirror gave it.
 */
export type { FailoverOptions } from './failover-read.ts';
export {
  type AbsentPlace,
  type MarkerContent,
  markerKey,
  type MarkerReader,
  type Mirror,
  type OwnerReader,
  type Place,
} from './mirror.ts';
export {
  type MirrorLimits,
  MirrorSet,
  type MirrorSetOptions,
  type MirrorSetStatus,
  type MirrorStatus,
} from './mirror-set.ts';
export { lookAgain } from './look-again.ts';
export { mirrorForeign } from './mirror-errors.ts';
export { mirrorsMinOf } from './open-mirrors.ts';
export type { Debt, Settled, Stored } from './quorum-write.ts';
export { thawObject } from './thaw-object.ts';
export {
  digestIn,
  type FileHasher,
  type LockingStore,
  type ObjectDigest,
  type ObjectInfo,
  type ObjectStore,
  type Thaw,
  versionedStoreIn,
} from '../store/index.ts';
