/**
 * Everything that needs a key: chunk ids, sealing, the master bundle, and how a password or key
 * file unlocks it (docs/format.md sections 4, 6, 8 and 10). No I/O; randomness and times are handed in.
 *
 * Invariants:
 * - no nonce twice: a sealing key belongs to one salt, a salt to one object, a position to one part;
 * - nothing is returned that did not pass its tag, and no secret is reachable through an error,
 *   `JSON.stringify` or `util.inspect` of what this room hands out. The one exception is
 *   `WorkerKeys`, which exists to carry keys to a worker thread;
 * - what a key object asks for is checked against limits before anything is computed or allocated;
 * - a password never opens an object that claims to need none, so that a mirror cannot slip in keys
 *   of its own.
 */
export * from './chunk-id-hasher.ts';
export * from './identity-hasher.ts';
export * from './key-costs.ts';
export * from './key-file.ts';
export * from './master-bundle.ts';
export * from './repository-keys.ts';
export * from './seal-bundle.ts';
export * from './sealing.ts';
export * from './secret.ts';
export type { WorkerKeys } from './worker-keys.ts';
