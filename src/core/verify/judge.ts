import type { ObjectHash, RepositoryId } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  decodeConfig,
  decodeMarker,
  type ObjectName,
  objectHashOf,
  parseObjectName,
} from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';

/** Says whether the bytes under a key are the object: needs no key, believes nothing but bytes. */
export type Judge = (
  key: string,
  bytes: Uint8Array,
  mirror: Pick<Mirror, 'id'>,
) => Promise<Verdict>;

/** Undefined if the bytes are the object; else why not, in one sentence. */
export type Verdict = string | undefined;

export interface JudgeOptions {
  readonly repository: RepositoryId;
  /** Default: computed here. It may take the memory of the bytes. */
  readonly hash?: ((bytes: Uint8Array) => ObjectHash | Promise<ObjectHash>) | undefined;
}

/** Judges every object of a repository by the SHA-256 that its name or its end gives. */
export function judgeFor(options: JudgeOptions): Judge {
  const { repository, hash = objectHashOf } = options;
  return async (key, bytes, mirror) => {
    const name = parseObjectName(key);
    if (name?.hash === undefined) return clearVerdict(key, bytes, { name, repository, mirror });
    return hashVerdict(name.hash, await hash(bytes));
  };
}

/** Judges an object by the SHA-256 in its name, once that of its bytes is known. */
export function hashVerdict(wanted: ObjectHash, found: ObjectHash): Verdict {
  return found === wanted ? undefined : `Its bytes have the SHA-256 ${found}`;
}

/** `config` and `mirror` carry their hash inside, and must be this repository's and mirror's. */
function clearVerdict(
  key: string,
  bytes: Uint8Array,
  expected: {
    readonly name: ObjectName | undefined;
    readonly repository: RepositoryId;
    readonly mirror: Pick<Mirror, 'id'>;
  },
): Verdict {
  const { name, repository, mirror } = expected;
  try {
    if (name?.part === 'config') {
      const found = decodeConfig(bytes).config.repository;
      return found === repository ? undefined : `It is that of repository ${found}`;
    }
    if (name?.part === 'marker') {
      const found = decodeMarker(bytes);
      const isOwn = found.repository === repository && found.mirror === mirror.id;
      return isOwn ? undefined : `It is that of mirror ${found.mirror} of ${found.repository}`;
    }
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'Unsupported')) throw error;
    return error.message;
  }
  throw new VersionsError('Internal', 'OBJECT_UNNAMED', `${key} names no object of a mirror`);
}
