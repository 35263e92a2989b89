import type { Suite } from './sealing.ts';

/** The keys of one epoch, 32 bytes each. */
export interface EpochKeys {
  readonly epoch: number;
  readonly created: number;
  readonly data: Uint8Array;
  readonly trees: Uint8Array;
  readonly index: Uint8Array;
  readonly journal: Uint8Array;
  readonly mac: Uint8Array;
}

/** The keys of one epoch that a thread was given. */
export type EpochKeysInPart = Pick<EpochKeys, 'epoch' | 'data' | 'trees' | 'index'> &
  Partial<Pick<EpochKeys, 'journal' | 'mac'>>;

/**
 * Keys as plain data, which `postMessage` can carry. They are secrets in clear: nothing else may be
 * done with them than to make `RepositoryKeys` of them.
 */
export interface WorkerKeys {
  readonly suite: Suite;
  readonly idKey: Uint8Array;
  readonly chunkerSecret: Uint8Array;
  /** Ascending; new objects use the last. */
  readonly epochs: readonly EpochKeysInPart[];
}
