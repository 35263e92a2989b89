import { asBuffer, type RepositoryId } from '../base/index.ts';
import { assert, type VersionsError } from '../errors/index.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { damaged, tooNew } from './failures.ts';
import { Fields } from './fields.ts';
import {
  decodeObjectHeader,
  encodeObjectHeader,
  headerBytes,
  type ObjectHeader,
} from './header.ts';

const parametersBytesMax = 4096;
const bundleBytesMax = 1_048_576;
const tagBytes = 16;

/** How the secret of a key object becomes a key. The costs are not judged here. */
export type KeyParameters = { readonly created: number } & (
  | {
      readonly kdf: 'argon2id';
      readonly version: 19;
      readonly passes: number;
      readonly memoryKiB: number;
      readonly lanes: number;
    }
  | { readonly kdf: 'hkdf' }
  | { readonly kdf: 'none' }
);

const slots = { argon2id: 'password', hkdf: 'key-file', none: 'none' } as const;

/** A key object, its bundle still sealed. */
export interface DecodedKeyObject {
  readonly header: ObjectHeader;
  readonly parameters: KeyParameters;
  /** The additional data: all bytes before the sealed bundle. */
  readonly aad: Uint8Array;
  readonly sealed: Uint8Array;
}

/**
 * Everything of a key object before the sealed bundle, which is its additional data; the object is
 * these bytes and then the `sealedBytes` bytes of the bundle.
 */
export function encodeKeyObjectStart(
  key: {
    readonly repository: RepositoryId;
    readonly salt: Uint8Array;
    readonly sealedBytes: number;
  },
  parameters: KeyParameters,
): Uint8Array {
  assert(key.sealedBytes <= bundleBytesMax, 'The key bundle is too large');
  const slot = slots[parameters.kdf];
  const suite = parameters.kdf === 'none' ? 0 : 1;
  const { repository, salt } = key;
  const body = encodeCbor(parameters);
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(body.byteLength, 0);
  lengths.writeUInt32LE(key.sealedBytes, 4);
  return Buffer.concat([
    encodeObjectHeader({ kind: 'key', suite, slot, repository, salt }),
    lengths.subarray(0, 4),
    body,
    lengths.subarray(4),
  ]);
}

/** Reads a key object. Throws `Corrupt` (code KEY_OBJECT_DAMAGED) or `Unsupported`. */
export function decodeKeyObject(bytes: Uint8Array): DecodedKeyObject {
  const header = decodeObjectHeader(bytes, { kinds: ['key'] });
  const buffer = asBuffer(bytes);
  if (buffer.length < headerBytes + 8) throw keyDamaged('it is too short');
  const bodyBytes = buffer.readUInt32LE(headerBytes);
  const bodyEnd = headerBytes + 4 + bodyBytes;
  if (bodyBytes > parametersBytesMax || bodyEnd + 4 > buffer.length) {
    throw keyDamaged('its lengths do not fit');
  }
  const sealedBytes = buffer.readUInt32LE(bodyEnd);
  const start = bodyEnd + 4;
  if (
    sealedBytes > bundleBytesMax ||
    sealedBytes < tagBytes ||
    start + sealedBytes !== buffer.length
  ) {
    throw keyDamaged('its lengths do not fit');
  }
  const parameters = decodeParameters(buffer.subarray(headerBytes + 4, bodyEnd));
  if (slots[parameters.kdf] !== header.slot) {
    throw keyDamaged('its parameters do not fit its key slot');
  }
  return { header, parameters, aad: buffer.subarray(0, start), sealed: buffer.subarray(start) };
}

function decodeParameters(bytes: Uint8Array): KeyParameters {
  const fields = new Fields(decodeCbor(bytes), keyDamaged);
  const created = fields.integer('created');
  const kdf = fields.text('kdf');
  if (kdf === 'hkdf' || kdf === 'none') return { kdf, created };
  if (kdf !== 'argon2id') throw tooNew('A key', { kdf });
  if (fields.integer('version') !== 19) throw tooNew('A key', { kdf });
  return {
    kdf,
    created,
    version: 19,
    passes: fields.integer('passes'),
    memoryKiB: fields.integer('memoryKiB'),
    lanes: fields.integer('lanes'),
  };
}

function keyDamaged(why: string): VersionsError {
  return damaged('KEY_OBJECT_DAMAGED', `A key object is not valid: ${why}`);
}
