/**
 * Verifying without a key: every object is named by the SHA-256 of its bytes, so anyone who can
 * read a mirror can tell good from bad.
 *
 * Invariants: nothing is ever written; existence and size are only hints, and level `data` alone
 * says that a copy is good; a bad read counts only when a second one agrees; one bad object stops
 * nothing.
 */
export * from './expected-objects.ts';
export * from './judge.ts';
export * from './read-copy.ts';
export * from './verify-mirrors.ts';
export * from './census.ts';
export * from './plan-verification.ts';
export * from './rotation.ts';
export * from './verify-copies.ts';
export * from './work-message.ts';
