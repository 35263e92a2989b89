import type { ObjectHash, Random, RepositoryId } from '../base/index.ts';
import {
  kdfParametersFor,
  MasterBundle,
  openBundle,
  sealBundle,
  sealTagBytes,
  type KdfCosts,
  type Secret,
  type Suite,
} from '../crypto/index.ts';
import { VersionsError } from '../errors/index.ts';
import { encodeKeyObjectStart, objectHashOf, saltBytes } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import type { SecretSource } from './context.ts';
import { keyCandidates, noteFailure, type KeyFailures } from './key-candidates.ts';

export interface KeyObject {
  readonly bytes: Uint8Array;
  readonly name: ObjectHash;
}

/** Wraps the bundle for a secret: one more way to unlock the repository. */
export async function createKeyObject(
  bundle: MasterBundle,
  secret: Secret,
  context: { readonly repository: RepositoryId; readonly random: Random; readonly created: number },
  costs?: KdfCosts,
): Promise<KeyObject> {
  const parameters = kdfParametersFor(secret, costs);
  const salt = context.random.bytes(saltBytes);
  const plain = bundle.encode();
  const start = encodeKeyObjectStart(
    { repository: context.repository, salt, sealedBytes: plain.byteLength + sealTagBytes },
    { ...parameters, created: context.created },
  );
  const suite: Suite = secret.kind === 'none' ? 0 : 1;
  const sealed = await sealBundle(plain, secret, parameters, { suite, salt, aad: start });
  plain.fill(0);
  const bytes = Buffer.concat([start, sealed]);
  return { bytes, name: objectHashOf(bytes) };
}

/**
 * Opens the master bundle with whichever key object the secret fits. Throws `Denied` (code
 * WRONG_SECRET) if it fits none, `Corrupt` (code NO_KEY_OBJECT) if none can be read.
 */
export async function unlock(
  mirrors: MirrorSet,
  repository: RepositoryId,
  suite: Suite,
  source: SecretSource,
): Promise<MasterBundle> {
  const failures: KeyFailures = {};
  const candidates = keyCandidates(mirrors, repository, suite, failures);
  let secret: Secret | undefined;
  for await (const object of candidates) {
    secret ??=
      suite === 0 ? { kind: 'none' } : typeof source === 'function' ? await source() : source;
    try {
      const place = { suite, salt: object.header.salt, aad: object.aad };
      const plain = await openBundle(object.sealed, secret, object.parameters, place);
      return MasterBundle.decode(plain, repository);
    } catch (error) {
      noteFailure(failures, error);
    }
  }
  if (failures.wrong !== undefined) throw failures.wrong;
  throw new VersionsError(
    'Corrupt',
    'NO_KEY_OBJECT',
    'No mirror has a key object that can be read',
    {
      hint: 'Add a mirror that is whole, or copy its keys/ directory into this one',
      cause: failures.damaged,
    },
  );
}
