import { VersionsError } from '../errors/index.ts';
import { argon2id } from './argon2id.ts';
import { defaultKdfCosts, type KdfCosts, type KdfParameters } from './key-costs.ts';
import { open, seal, SealingKey, type Suite } from './sealing.ts';
import type { Secret } from './secret.ts';

const sealInfo = 'versions/1/key';

/** Where a sealed bundle stands: what binds it to its key object. */
export interface BundlePlace {
  readonly suite: Suite;
  /** The salt of the key object's header: 32 fresh random bytes. */
  readonly salt: Uint8Array;
  /** All bytes of the key object before the sealed bundle. */
  readonly aad: Uint8Array;
}

/** The parameters to write into a new key object for `secret`. */
export function kdfParametersFor(secret: Secret, costs: KdfCosts = defaultKdfCosts): KdfParameters {
  if (secret.kind === 'none') return { kdf: 'none' };
  if (secret.kind === 'key') return { kdf: 'hkdf' };
  return { kdf: 'argon2id', version: 19, ...costs };
}

/** Seals an encoded bundle with a secret. */
export async function sealBundle(
  bundle: Uint8Array,
  secret: Secret,
  parameters: KdfParameters,
  place: BundlePlace,
): Promise<Uint8Array> {
  return seal(await wrappingKey(secret, parameters, place), 0, place.aad, bundle);
}

/**
 * Opens a sealed bundle and returns its plaintext for `MasterBundle.decode`. Throws `Denied` (code
 * WRONG_SECRET) if the secret does not fit; `Corrupt` (code KDF_COSTS_REFUSED) for hostile costs.
 * A secret only ever opens an object that was made for one of its kind, and never one of suite 0
 * unless the caller has none: a mirror could have put that there.
 */
export async function openBundle(
  sealed: Uint8Array,
  secret: Secret,
  parameters: KdfParameters,
  place: BundlePlace,
): Promise<Uint8Array> {
  const key = await wrappingKey(secret, parameters, place);
  try {
    return open(key, 0, place.aad, sealed);
  } catch (error) {
    if (secret.kind === 'none') throw error;
    throw wrongSecret();
  }
}

async function wrappingKey(
  secret: Secret,
  parameters: KdfParameters,
  place: BundlePlace,
): Promise<SealingKey> {
  const fits =
    secret.kind === 'password'
      ? parameters.kdf === 'argon2id' && place.suite === 1
      : secret.kind === 'key'
        ? parameters.kdf === 'hkdf' && place.suite === 1
        : parameters.kdf === 'none' && place.suite === 0;
  if (!fits) throw wrongSecret();
  if (secret.kind === 'none') return SealingKey.none;
  if (secret.kind === 'key') {
    if (secret.key.byteLength !== 32) throw wrongSecret();
    return SealingKey.derive(1, secret.key, place.salt, sealInfo);
  }
  // Nothing is ever sealed with an empty password; not every implementation would take one.
  if (parameters.kdf !== 'argon2id' || secret.password === '') throw wrongSecret();
  const derived = await argon2id(secret.password, place.salt, parameters);
  const key = SealingKey.derive(1, derived, place.salt, sealInfo);
  derived.fill(0);
  return key;
}

function wrongSecret(): VersionsError {
  return new VersionsError('Denied', 'WRONG_SECRET', 'The password or key does not fit', {
    hint: 'Check the password or key file that was given; if it is the right one, its key object is in no mirror any more: run "versions heal" on a machine that has used the repository',
  });
}
