import { fromHex, isHex16, isZero, toHex, type Random, type RepositoryId } from '../base/index.ts';
import { assert, VersionsError } from '../errors/index.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { RepositoryKeys } from './repository-keys.ts';
import type { Suite } from './sealing.ts';
import type { EpochKeys, WorkerKeys } from './worker-keys.ts';

const keyBytes = 32;
const epochsMax = 4096;

/** All secrets of a repository. Shows none of them when printed, inspected or made into JSON. */
export class MasterBundle {
  readonly repository: RepositoryId;
  readonly #idKey: Uint8Array;
  readonly #chunkerSecret: Uint8Array;
  readonly #epochs: readonly EpochKeys[];

  private constructor(
    repository: RepositoryId,
    idKey: Uint8Array,
    chunkerSecret: Uint8Array,
    epochs: readonly EpochKeys[],
  ) {
    this.repository = repository;
    this.#idKey = idKey;
    this.#chunkerSecret = chunkerSecret;
    this.#epochs = epochs;
  }

  /** The bundle of a new repository, with epoch 1. `created` is in milliseconds since 1970. */
  static create(repository: RepositoryId, created: number, random: Random): MasterBundle {
    assert(isHex16(repository), 'A repository id has 16 bytes');
    const epoch = createEpoch(1, created, random);
    return new MasterBundle(repository, freshKey(random), freshKey(random), [epoch]);
  }

  /** The same bundle with one epoch more, which new objects use from then on. */
  rotate(created: number, random: Random): MasterBundle {
    const epoch = createEpoch(this.epoch + 1, created, random);
    return new MasterBundle(this.repository, this.#idKey, this.#chunkerSecret, [
      ...this.#epochs,
      epoch,
    ]);
  }

  /** The epoch that new objects use. */
  get epoch(): number {
    return this.#epochs.at(-1)?.epoch ?? 0;
  }

  /** The plaintext of a key object. Whoever sees it has the repository: seal it, then forget it. */
  encode(): Uint8Array {
    return encodeCbor({
      version: 1,
      repository: fromHex(this.repository),
      idKey: this.#idKey,
      chunkerSecret: this.#chunkerSecret,
      epochs: this.#epochs,
    });
  }

  /**
   * Reads a bundle. Throws `Corrupt` (code BUNDLE_DAMAGED) if it is not one or belongs to another
   * repository, `Unsupported` (code BUNDLE_TOO_NEW) if a newer version made it.
   */
  static decode(bytes: Uint8Array, repository: RepositoryId): MasterBundle {
    const bundle = decodeCbor(bytes);
    if (!isRecord(bundle)) throw damaged('it is not a deterministic CBOR map');
    const { version, idKey, chunkerSecret, epochs } = bundle;
    if (typeof version === 'number' && version > 1) {
      throw new VersionsError(
        'Unsupported',
        'BUNDLE_TOO_NEW',
        'The key bundle was made by a newer version of Versions',
        { hint: 'Install the newest version of Versions', context: { version } },
      );
    }
    const keysKnown = Object.keys(bundle).length === 5 && version === 1;
    if (!keysKnown || !isKey(idKey) || !isKey(chunkerSecret)) throw damaged('a key is missing');
    if (!isBytes(bundle['repository']) || toHex(bundle['repository']) !== repository) {
      throw damaged('it belongs to another repository');
    }
    if (!Array.isArray(epochs) || epochs.length === 0 || epochs.length > epochsMax) {
      throw damaged('it has no epochs');
    }
    return new MasterBundle(repository, idKey, chunkerSecret, decodeEpochs(epochs));
  }

  /** The keys in the form that the rest of the program works with. */
  repositoryKeys(suite: Suite): RepositoryKeys {
    return new RepositoryKeys({
      suite,
      idKey: this.#idKey,
      chunkerSecret: this.#chunkerSecret,
      epochs: this.#epochs,
    });
  }

  /** What a worker thread needs to chunk and pack: the keys of journal and `config` are left out. */
  workerKeys(suite: Suite): WorkerKeys {
    return {
      suite,
      idKey: this.#idKey,
      chunkerSecret: this.#chunkerSecret,
      epochs: this.#epochs.map(({ epoch, data, trees, index }) => ({ epoch, data, trees, index })),
    };
  }

  toJSON(): string {
    return '[master bundle]';
  }
}

function createEpoch(epoch: number, created: number, random: Random): EpochKeys {
  return {
    epoch,
    created,
    data: freshKey(random),
    trees: freshKey(random),
    index: freshKey(random),
    journal: freshKey(random),
    mac: freshKey(random),
  };
}

function freshKey(random: Random): Uint8Array {
  const key = random.bytes(keyBytes);
  assert(key.byteLength === keyBytes && !isZero(key), 'The random source must give random bytes');
  return key;
}

function decodeEpochs(values: readonly unknown[]): EpochKeys[] {
  const epochs = values.map((value) => decodeEpoch(value));
  const ascending = epochs.every(({ epoch }, at) => epoch > (epochs[at - 1]?.epoch ?? 0));
  if (!ascending) throw damaged('its epochs are out of order');
  return epochs;
}

function decodeEpoch(value: unknown): EpochKeys {
  if (!isRecord(value) || Object.keys(value).length !== 7) throw damaged('an epoch is malformed');
  const { epoch, created, data, trees, index, journal, mac } = value;
  const numbersFit = isCount(epoch) && epoch <= 0xffff_ffff && isCount(created);
  if (!numbersFit) throw damaged('an epoch is malformed');
  if (!isKey(data) || !isKey(trees) || !isKey(index) || !isKey(journal) || !isKey(mac)) {
    throw damaged('an epoch is malformed');
  }
  return { epoch, created, data, trees, index, journal, mac };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBytes(value);
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function isKey(value: unknown): value is Uint8Array {
  return isBytes(value) && value.byteLength === keyBytes;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function damaged(why: string): VersionsError {
  return new VersionsError('Corrupt', 'BUNDLE_DAMAGED', `The key bundle is not valid: ${why}`);
}
