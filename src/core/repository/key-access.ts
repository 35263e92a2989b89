import { isObjectHash, type ObjectHash, type Random, type RepositoryId } from '../base/index.ts';
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
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeKeyObject, encodeKeyObjectStart, objectHashOf, saltBytes } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import type { SecretSource } from './context.ts';
import { keyObjectKey } from './object-keys.ts';

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
  const names = await keyObjectNames(mirrors);
  let secret: Secret | undefined;
  let wrong: VersionsError | undefined;
  let damaged: unknown;
  for (const name of names) {
    try {
      const bytes = await mirrors.get(keyObjectKey(name), {
        accept: (read) => objectHashOf(read) === name,
      });
      const object = decodeKeyObject(bytes);
      if (object.header.repository !== repository) continue;
      secret ??=
        suite === 0 ? { kind: 'none' } : typeof source === 'function' ? await source() : source;
      const place = { suite: object.header.suite, salt: object.header.salt, aad: object.aad };
      if (place.suite !== suite) continue;
      const plain = await openBundle(object.sealed, secret, object.parameters, place);
      return MasterBundle.decode(plain, repository);
    } catch (error) {
      if (isVersionsError(error, 'Denied')) wrong = error;
      else if (isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) damaged = error;
      else throw error;
    }
  }
  if (wrong !== undefined) throw wrong;
  throw new VersionsError(
    'Corrupt',
    'NO_KEY_OBJECT',
    'No mirror has a key object that can be read',
    {
      hint: 'Add a mirror that is whole, or copy its keys/ directory into this one',
      cause: damaged,
    },
  );
}

/** What any mirror lists: one may lack some, or not be listable at all. */
async function keyObjectNames(mirrors: MirrorSet): Promise<readonly ObjectHash[]> {
  const names = new Set<ObjectHash>();
  let failure: VersionsError | undefined;
  for (const { store } of mirrors.mirrors) {
    try {
      for await (const { key } of store.list('keys/')) {
        const name = key.slice('keys/'.length);
        if (isObjectHash(name)) names.add(name);
      }
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) throw error;
      failure = error;
    }
  }
  if (names.size === 0 && failure !== undefined) throw failure;
  return [...names];
}
