/**
 * Verifying without a key: every object is named by the SHA-256 of its bytes, so anyone who can
 * read a mirror can tell good from bad.
 *
 * Invariants: nothing is ever written; existence and size are only hints, and level `data` alone
 * says that a copy is good; a bad read counts only when a second one agrees; one bad object stops
 * nothing.
 */
export { eachAtOnce } from './each-at-once.ts';
export { sortedByKey, type ExpectedObject } from './expected-objects.ts';
export { HashThreads } from './hash-threads.ts';
export { HealthRecorder } from './health-recorder.ts';
export { judgeFor, type Judge, type Verdict } from './judge.ts';
export { listMirror, type ListedMirror } from './list-mirror.ts';
export { readCopy, type BadRead, type ReadCopy } from './read-copy.ts';
export { KnownCopies, selectCopies, type SelectOptions, type Subset } from './select-copies.ts';
export * from './verify-mirrors.ts';
export * from './census.ts';
export * from './plan-verification.ts';
export * from './rotation.ts';
export * from './verify-copies.ts';
export * from './work-message.ts';
