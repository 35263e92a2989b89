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
import { releaseMemory } from '../base/index.ts';
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
      passThrough(cipher, part, target, end);
      end += part.byteLength;
    }
    cipher.final();
    target.set(cipher.getAuthTag(), end);
  }
  return end + sealTagBytes - offset;
}

/** What goes through a cipher at once: it stays in the processor's caches until it is copied. */
const cipherBytes = 64 * 1024;

/**
 * A cipher gives memory of its own for whatever it is given. Left to the garbage collection, which
 * does not look before there are 64 MB of it in each thread, that was a third of the memory of a
 * backup, and half as fast.
 */
function passThrough(
  cipher: CipherGCM | DecipherGCM,
  bytes: Uint8Array,
  target: Uint8Array,
  offset: number,
): void {
  for (let at = 0; at < bytes.byteLength; at += cipherBytes) {
    const passed = cipher.update(bytes.subarray(at, at + cipherBytes));
    target.set(passed, offset + at);
    releaseMemory(passed);
  }
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
  const { decipher, body } = openingOf(key, position, aad, sealed);
  if (decipher === undefined) return body;
  const plaintext = decipher.update(body);
  finish(decipher);
  return plaintext;
}

/**
 * Like `open`, into memory that is there already: the result is a view of `target`, which holds
 * nothing that may be used if this throws. For suite 0 it is a view of `sealed`.
 */
// oxlint-disable-next-line max-params -- called for every block, as `sealInto`
export function openInto(
  key: SealingKey,
  position: number,
  aad: Uint8Array,
  sealed: Uint8Array,
  target: Uint8Array,
): Uint8Array {
  const { decipher, body } = openingOf(key, position, aad, sealed);
  if (decipher === undefined) return body;
  assert(body.byteLength <= target.byteLength, 'The target is too small for the plaintext');
  passThrough(decipher, body, target, 0);
  finish(decipher);
  return target.subarray(0, body.byteLength);
}

/** What is left to do with a sealed part; for suite 0 nothing, its checksum holds. */
function openingOf(
  key: SealingKey,
  position: number,
  aad: Uint8Array,
  sealed: Uint8Array,
): { readonly decipher: DecipherGCM | undefined; readonly body: Uint8Array } {
  if (sealed.byteLength < sealTagBytes) throw sealBroken();
  const body = sealed.subarray(0, sealed.byteLength - sealTagBytes);
  const tag = sealed.subarray(sealed.byteLength - sealTagBytes);
  const nonce = nonceOf(position);
  if (key.suite === 0) {
    const checksum = createHash('sha256').update(aad).update(nonce).update(body).digest();
    if (!timingSafeEqual(checksum.subarray(0, sealTagBytes), tag)) throw sealBroken();
    return { decipher: undefined, body };
  }
  const decipher = key.createDecipher(nonce);
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  return { decipher, body };
}

function finish(decipher: DecipherGCM): void {
  try {
    decipher.final();
  } catch {
    throw sealBroken();
  }
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
