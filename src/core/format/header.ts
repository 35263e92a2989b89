import { createHash } from 'node:crypto';
import {
  asBuffer,
  isZero,
  toHex,
  type ObjectHash,
  type PackName,
  type RepositoryId,
} from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { damaged, tooNew } from './failures.ts';
import { bytesOfHex } from './fields.ts';

/** Bytes of the header that every object begins with. */
export const headerBytes = 64;
/** Bytes of a salt. */
export const saltBytes = 32;

/** The first bytes of every object. */
export const magic: Buffer = Buffer.from('VERSIONS', 'latin1');
const formatVersion = 1;

/** Kinds of objects in the order of their numbers, which begin at 1. */
const objectKinds = [
  'data-pack',
  'tree-pack',
  'journal-entry',
  'payload',
  'checkpoint',
  'key',
  'config',
  'mirror',
] as const;

/** How the sealing key is found, in the order of the numbers, which begin at 0. */
const keySlots = ['none', 'epoch', 'password', 'key-file'] as const;

export type ObjectKind = (typeof objectKinds)[number];
export type KeySlot = (typeof keySlots)[number];

/** What the first 64 bytes of every object say. */
export interface ObjectHeader {
  readonly kind: ObjectKind;
  readonly suite: 0 | 1;
  readonly slot: KeySlot;
  /** The epoch for slot `epoch`, else 0. */
  readonly epoch: number;
  readonly repository: RepositoryId;
  /** 32 bytes, fresh for every encryption; zero for `config` and `mirror`. */
  readonly salt: Uint8Array;
}

/** What is needed to write a header. */
export interface NewObjectHeader {
  readonly kind: ObjectKind;
  readonly suite: 0 | 1;
  /** Only for key objects of suite 1; for everything else it follows from kind and suite. */
  readonly slot?: KeySlot | undefined;
  /** The epoch to seal with; not used where nothing is sealed with it. */
  readonly epoch?: number | undefined;
  readonly repository: RepositoryId;
  /** Absent for `config` and `mirror`. */
  readonly salt?: Uint8Array | undefined;
}

export function encodeObjectHeader(header: NewObjectHeader): Buffer {
  const { kind, suite, repository } = header;
  const sealed = kind !== 'config' && kind !== 'mirror';
  const usesEpoch = sealed && kind !== 'key' && suite === 1;
  const slot = usesEpoch ? 'epoch' : (header.slot ?? 'none');
  const epoch = usesEpoch ? (header.epoch ?? 0) : 0;
  const salt = header.salt ?? Buffer.alloc(saltBytes);
  assert(salt.byteLength === saltBytes, 'A salt has 32 bytes');
  const bytes = Buffer.alloc(headerBytes);
  magic.copy(bytes);
  bytes[8] = formatVersion;
  bytes[9] = objectKinds.indexOf(kind) + 1;
  bytes[10] = suite;
  bytes[11] = keySlots.indexOf(slot);
  bytes.writeUInt32LE(epoch, 12);
  bytesOfHex(repository).copy(bytes, 16);
  bytes.set(salt, 32);
  const why = inconsistency({ kind, suite, slot, epoch, repository, salt });
  assert(why === undefined, `A header cannot be written: ${why}`);
  return bytes;
}

/**
 * Reads the header of an object. Throws `Corrupt` (code HEADER_DAMAGED), or `Unsupported` (code
 * FORMAT_TOO_NEW) for what a newer version wrote; if `expected` is given, also `Corrupt` (code
 * HEADER_UNEXPECTED) for an object of another kind or repository.
 */
export function decodeObjectHeader(
  bytes: Uint8Array,
  expected: { readonly kinds?: readonly ObjectKind[]; readonly repository?: RepositoryId } = {},
): ObjectHeader {
  const buffer = asBuffer(bytes);
  if (buffer.length < headerBytes) throw headerDamaged('it is too short');
  if (!buffer.subarray(0, magic.length).equals(magic)) throw headerDamaged('the magic is missing');
  if (buffer[8] === 0) throw headerDamaged('the format version is 0');
  if (buffer[8] !== formatVersion) throw tooNew('An object', { formatVersion: buffer[8] ?? 0 });
  const kindNumber = buffer[9] ?? 0;
  const kind = objectKinds[kindNumber - 1];
  const suite = buffer[10] ?? 0;
  const slot = keySlots[buffer[11] ?? 0];
  if (kindNumber === 0) throw headerDamaged('the kind is 0');
  if (kind === undefined) throw tooNew('An object', { kind: kindNumber });
  if (suite !== 0 && suite !== 1) throw tooNew('An object', { suite });
  if (slot === undefined) throw tooNew('An object', { slot: buffer[11] ?? 0 });
  const header: ObjectHeader = {
    kind,
    suite,
    slot,
    epoch: buffer.readUInt32LE(12),
    repository: toHex(buffer.subarray(16, 32)) as RepositoryId,
    salt: new Uint8Array(buffer.subarray(32, headerBytes)),
  };
  const why = inconsistency(header);
  if (why !== undefined) throw headerDamaged(why);
  if (expected.kinds !== undefined && !expected.kinds.includes(kind)) {
    throw headerUnexpected(`it is of kind ${kind}`);
  }
  if (expected.repository !== undefined && expected.repository !== header.repository) {
    throw headerUnexpected('it belongs to another repository');
  }
  return header;
}

/** The name of an object: SHA-256 of all its bytes, given whole or in parts, in hexadecimal. */
export function objectHashOf(...parts: readonly Uint8Array[]): ObjectHash {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex') as ObjectHash;
}

/** The name of a pack: SHA-256 of all its bytes. */
export function packNameOf(...parts: readonly Uint8Array[]): PackName {
  return objectHashOf(...parts) as string as PackName;
}

/** Why a header cannot be, or undefined. */
function inconsistency(header: ObjectHeader): string | undefined {
  const { kind, suite, slot, epoch, salt } = header;
  const inClear = kind === 'config' || kind === 'mirror';
  if (inClear !== isZero(salt)) return 'the salt does not fit the kind';
  if ((slot === 'epoch') !== epoch > 0) return 'the key id does not fit the key slot';
  if (suite === 0 || inClear) return slot === 'none' ? undefined : 'there should be no key slot';
  const fits = kind === 'key' ? slot === 'password' || slot === 'key-file' : slot === 'epoch';
  return fits ? undefined : 'the key slot does not fit the kind';
}

function headerDamaged(why: string): Error {
  return damaged('HEADER_DAMAGED', `The header of an object is not valid: ${why}`);
}

function headerUnexpected(why: string): Error {
  return damaged('HEADER_UNEXPECTED', `An object is not the one that was asked for: ${why}`);
}
