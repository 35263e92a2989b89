import type { ObjectHash, Random, RepositoryId } from '../base/index.ts';
import {
  defaultKdfCosts,
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
import { encodeKeyObjectStart, objectHashOf, saltBytes } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import type { SecretSource } from './context.ts';
import {
  costOf,
  keyCandidates,
  noteFailure,
  type KeyFailures,
  type KeyPlace,
} from './key-candidates.ts';

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

/** A password is tried on as many key objects as cost what 1,024 of the usual costs do, some minutes. */
const triesCostMax = 1024 * defaultKdfCosts.passes * defaultKdfCosts.memoryKiB;

/**
 * Opens the master bundle with whichever key object the secret fits. Throws `Denied` (codes
 * WRONG_SECRET if it fits none, KEY_TRIES_EXCEEDED if more are there than may be tried), `Corrupt`
 * (code NO_KEY_OBJECT) if none can be read.
 */
export async function unlock(
  mirrors: MirrorSet,
  { repository, suite, kept }: KeyPlace & { readonly suite: Suite },
  source: SecretSource,
  costMax: number = triesCostMax,
): Promise<MasterBundle> {
  const failures: KeyFailures = {};
  let spent = 0;
  const candidates = keyCandidates(mirrors, { repository, suite, kept }, failures);
  let secret: Secret | undefined;
  for await (const object of candidates) {
    secret ??=
      suite === 0 ? { kind: 'none' } : typeof source === 'function' ? await source() : source;
    // Anybody who can write to a mirror can put any number of objects there.
    if (spent >= costMax) throw triesExceeded();
    try {
      const place = { suite, salt: object.header.salt, aad: object.aad };
      const plain = await openBundle(object.sealed, secret, object.parameters, place);
      return MasterBundle.decode(plain, repository);
    } catch (error) {
      noteFailure(failures, error);
      // What is refused for its costs has cost nothing.
      if (isVersionsError(error, 'Denied') && secret.kind === 'password') spent += costOf(object);
    }
  }
  if (failures.wrong !== undefined)
    throw failures.damaged === undefined ? failures.wrong : wrongOrDamaged(failures);
  throw new VersionsError(
    'Corrupt',
    'NO_KEY_OBJECT',
    'No mirror has a key object that can be read, and this machine keeps none',
    {
      hint: 'Add a mirror that is whole, or run "versions heal" on a machine that has used the repository: it writes the keys back',
      cause: failures.damaged,
    },
  );
}

/** The one that fits may be one of those that cannot be read. */
function wrongOrDamaged({ wrong, damaged }: KeyFailures): VersionsError {
  return new VersionsError(
    'Denied',
    'WRONG_SECRET',
    'The password or key fits none of the key objects that can be read, and not all of them can be read',
    {
      hint: 'Check the password or key file that was given; then run "versions heal", here or on a machine that has used the repository: it mends key objects, or writes back those that the machine keeps',
      cause: wrong ?? damaged,
    },
  );
}

function triesExceeded(): VersionsError {
  return new VersionsError(
    'Denied',
    'KEY_TRIES_EXCEEDED',
    'The password fits none of the key objects that were tried, and there are more than may be tried',
    {
      hint: 'Somebody may have put key objects into a mirror: use another mirror, or delete those from its keys/ directory that nobody of you added; a key file is not held up by them',
    },
  );
}
