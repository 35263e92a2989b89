import { createHmac, timingSafeEqual } from 'node:crypto';
import { toHex } from '../base/index.ts';
import { assert, VersionsError } from '../errors/index.ts';
import { ChunkIdHasher } from './chunk-id-hasher.ts';
import { IdentityHasher } from './identity-hasher.ts';
import { SealingKey, type Suite } from './sealing.ts';
import type { EpochKeysInPart, WorkerKeys } from './worker-keys.ts';

/** What a sealing key is for. */
export type SealingPurpose = 'data' | 'trees' | 'table' | 'journal';

const infos = {
  data: 'versions/1/blocks',
  trees: 'versions/1/blocks',
  table: 'versions/1/table',
  journal: 'versions/1/journal',
} as const satisfies Record<SealingPurpose, string>;

const keysCachedMax = 4096;

/**
 * The open keys of a repository, on the main thread or in a worker. Shows none of them when
 * printed, inspected or made into JSON.
 */
export class RepositoryKeys {
  readonly suite: Suite;
  readonly ids: ChunkIdHasher;
  readonly identities: IdentityHasher;
  /** The epoch that new objects use. */
  readonly epoch: number;
  readonly #chunkerSecret: Uint8Array;
  readonly #epochs: ReadonlyMap<number, EpochKeysInPart>;
  /** Keys made lately: a restore reads many blocks of one pack. */
  readonly #cached: Map<string, SealingKey> = new Map();

  constructor(keys: WorkerKeys) {
    const last = keys.epochs.at(-1);
    assert(last !== undefined, 'Keys have at least one epoch');
    this.suite = keys.suite;
    this.ids = new ChunkIdHasher(keys.idKey);
    this.identities = new IdentityHasher(keys.idKey);
    this.epoch = last.epoch;
    this.#chunkerSecret = keys.chunkerSecret;
    this.#epochs = new Map(keys.epochs.map((epoch) => [epoch.epoch, epoch]));
  }

  /** All epochs that it has keys of, the newest first. */
  get epochs(): readonly number[] {
    return [...this.#epochs.keys()].toReversed();
  }

  /**
   * The key of one object, named by its salt. Throws `Denied` (code EPOCH_UNKNOWN) if the bundle
   * that was opened does not have the epoch.
   */
  sealingKey(purpose: SealingPurpose, epoch: number, salt: Uint8Array): SealingKey {
    if (this.suite === 0) return SealingKey.none;
    const name = `${purpose}/${epoch}/${toHex(salt)}`;
    const known = this.#cached.get(name);
    if (known !== undefined) return known;
    const key = SealingKey.derive(1, this.#epochKey(purpose, epoch), salt, infos[purpose]);
    if (this.#cached.size >= keysCachedMax) {
      const oldest = this.#cached.keys().next().value;
      if (oldest !== undefined) this.#cached.delete(oldest);
    }
    this.#cached.set(name, key);
    return key;
  }

  /** Handed to `createGearTable`; for nothing else. */
  chunkerSecret(): Uint8Array {
    return this.#chunkerSecret;
  }

  /** Decides where pages of trees end; handed to the page builders. */
  pageKey(): Uint8Array {
    return createHmac('sha256', this.#chunkerSecret).update('versions/1/pages').digest();
  }

  /** The MAC of `config`, under epoch 1, over all bytes before it. */
  configMac(bytes: Uint8Array): Uint8Array {
    const mac = this.#epochs.get(1)?.mac;
    assert(mac !== undefined, 'These keys were not given the MAC key');
    return createHmac('sha256', mac).update(bytes).digest();
  }

  /** Throws `Corrupt` (code CONFIG_FORGED) if `mac` is not that of `config`'s bytes before it. */
  checkConfigMac(bytes: Uint8Array, mac: Uint8Array): void {
    const expected = this.configMac(bytes);
    if (mac.byteLength !== expected.byteLength || !timingSafeEqual(expected, mac)) {
      throw new VersionsError(
        'Corrupt',
        'CONFIG_FORGED',
        'The config object was not written by a holder of the repository keys',
        { hint: 'Compare the mirrors with "versions verify"' },
      );
    }
  }

  toJSON(): string {
    return '[repository keys]';
  }

  #epochKey(purpose: SealingPurpose, epoch: number): Uint8Array {
    const keys = this.#epochs.get(epoch);
    if (keys === undefined) {
      throw new VersionsError(
        'Denied',
        'EPOCH_UNKNOWN',
        `An object was sealed with keys of epoch ${epoch}, which the opened key bundle does not have`,
        { hint: 'Unlock with a password or key that was added later', context: { epoch } },
      );
    }
    if (purpose === 'table') return keys.index;
    if (purpose !== 'journal') return keys[purpose];
    assert(keys.journal !== undefined, 'These keys were not given the journal key');
    return keys.journal;
  }
}
