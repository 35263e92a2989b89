import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  timingSafeEqual,
  type CipherGCM,
  type DecipherGCM,
  type KeyObject,
} from 'node:crypto';
import { assert, VersionsError } from '../errors/index.ts';

/** 0: no encryption, a plain checksum in place of the tag. 1: AES-256-GCM with HKDF-SHA-256. */
export type Suite = 0 | 1;

/** Every sealed part is this much longer than its plaintext. */
export const sealTagBytes = 16;

const cipherName = 'aes-256-gcm';

/**
 * The key of one object (one salt). Opaque: it hands its bytes to nobody. Making it is the
 * caller's promise that no other object was sealed with the same salt.
 */
export class SealingKey {
  readonly suite: Suite;
  readonly #key: KeyObject | undefined;

  private constructor(suite: Suite, key: KeyObject | undefined) {
    this.suite = suite;
    this.#key = key;
  }

  /** HKDF(secret, salt, info, 32); for suite 0 the secret is not used. */
  static derive(
    suite: Suite,
    secret: Uint8Array | KeyObject,
    salt: Uint8Array,
    info: string,
  ): SealingKey {
    if (suite === 0) return new SealingKey(0, undefined);
    const key = new Uint8Array(hkdfSync('sha256', secret, salt, info, 32));
    const sealingKey = new SealingKey(1, createSecretKey(key));
    key.fill(0);
    return sealingKey;
  }

  /** Suite 0 needs no key. */
  static readonly none: SealingKey = new SealingKey(0, undefined);

  /** For this file only: a cipher that encrypts under the key. */
  createCipher(nonce: Uint8Array): CipherGCM {
    assert(this.#key !== undefined, 'Suite 0 has no cipher');
    return createGcmCipher(this.#key, nonce);
  }

  /** For this file only: a decipher. */
  createDecipher(nonce: Uint8Array): DecipherGCM {
    assert(this.#key !== undefined, 'Suite 0 has no cipher');
    return createGcmDecipher(this.#key, nonce);
  }

  toJSON(): string {
    return '[sealing key]';
  }
}

/**
 * Seals a plaintext, in one piece or in parts, and writes ciphertext and tag to `target` from
 * `offset`. Returns the bytes written: the plaintext's and `sealTagBytes`. The caller draws a new
 * salt for every object and gives each position of it once.
 */
// oxlint-disable-next-line max-params -- called for every block; no object is made for its arguments
export function sealInto(
  key: SealingKey,
  position: number,
  aad: Uint8Array,
  plaintext: Uint8Array | readonly Uint8Array[],
  target: Uint8Array,
  offset: number,
): number {
  const parts = plaintext instanceof Uint8Array ? [plaintext] : plaintext;
  const sealedBytes = parts.reduce((sum, part) => sum + part.byteLength, sealTagBytes);
  assert(offset + sealedBytes <= target.byteLength, 'The target is too small for the sealed part');
  const nonce = nonceOf(position);
  let end = offset;
  if (key.suite === 0) {
    const checksum = createHash('sha256').update(aad).update(nonce);
    for (const part of parts) {
      checksum.update(part);
      target.set(part, end);
      end += part.byteLength;
    }
    target.set(checksum.digest().subarray(0, sealTagBytes), end);
  } else {
    const cipher = key.createCipher(nonce);
    cipher.setAAD(aad);
    for (const part of parts) {
      // One update and one copy a part: measured faster than smaller pieces (3.3 against 2.9 GB/s).
      target.set(cipher.update(part), end);
      end += part.byteLength;
    }
    cipher.final();
    target.set(cipher.getAuthTag(), end);
  }
  return end + sealTagBytes - offset;
}

/** Like `sealInto`, into new bytes. */
export function seal(
  key: SealingKey,
  position: number,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const sealed = new Uint8Array(plaintext.byteLength + sealTagBytes);
  sealInto(key, position, aad, plaintext, sealed, 0);
  return sealed;
}

/**
 * The plaintext of a sealed part. Throws `Corrupt` (code SEAL_BROKEN) unless it was sealed with
 * this key, position and additional data. For suite 0 the result is a view of `sealed`.
 */
export function open(
  key: SealingKey,
  position: number,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  if (sealed.byteLength < sealTagBytes) throw sealBroken();
  const body = sealed.subarray(0, sealed.byteLength - sealTagBytes);
  const tag = sealed.subarray(sealed.byteLength - sealTagBytes);
  const nonce = nonceOf(position);
  if (key.suite === 0) {
    const checksum = createHash('sha256').update(aad).update(nonce).update(body).digest();
    if (!timingSafeEqual(checksum.subarray(0, sealTagBytes), tag)) throw sealBroken();
    return body;
  }
  const decipher = key.createDecipher(nonce);
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(body);
  try {
    decipher.final();
  } catch {
    throw sealBroken();
  }
  return plaintext;
}

function createGcmCipher(key: KeyObject, nonce: Uint8Array): CipherGCM {
  return createCipheriv(cipherName, key, nonce, { authTagLength: sealTagBytes });
}

function createGcmDecipher(key: KeyObject, nonce: Uint8Array): DecipherGCM {
  return createDecipheriv(cipherName, key, nonce, { authTagLength: sealTagBytes });
}

function nonceOf(position: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(position);
  return nonce;
}

function sealBroken(): VersionsError {
  return new VersionsError(
    'Corrupt',
    'SEAL_BROKEN',
    'A sealed part does not match its tag: it is damaged, in the wrong place, or of another key',
  );
}
