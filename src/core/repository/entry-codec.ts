import {
  payloadBytesMax,
  type LineageId,
  type ObjectHash,
  type RepositoryId,
  type WriterId,
} from '../base/index.ts';
import { compressBlock, decompress } from '../compression/index.ts';
import { open, seal, sealTagBytes, type RepositoryKeys } from '../crypto/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  decodeEntryObject,
  decodePayloadObject,
  decodePayloadPlaintext,
  decodeRecords,
  encodeEntryStart,
  encodePayloadPlaintext,
  encodePayloadStart,
  encodeRecords,
  objectHashOf,
  type EntryEnvelope,
  type JournalRecord,
  type SealedObject,
} from '../format/index.ts';

/** A payload of more bytes than this becomes an object of its own. */
const inlinePayloadBytesMax = 64 * 1024;

export interface EntryPlace {
  readonly number: number;
  readonly lineage: LineageId;
  readonly previous: ObjectHash;
  readonly writer: WriterId;
  readonly entryId: string;
  readonly time: number;
}

export interface SealingContext {
  readonly keys: RepositoryKeys;
  readonly repository: RepositoryId;
  /** Fresh salts, 32 bytes each. */
  readonly salt: () => Uint8Array;
}

/** A journal entry ready to be stored. */
export interface SealedEntry {
  readonly bytes: Uint8Array;
  readonly hash: ObjectHash;
  readonly payload?: { readonly bytes: Uint8Array; readonly name: ObjectHash };
}

/** Encodes, compresses and encrypts the records of one entry. */
export function sealEntry(
  records: readonly JournalRecord[],
  place: EntryPlace,
  context: SealingContext,
): SealedEntry {
  const plain = encodeRecords(records);
  // An entry that nobody can read would close the repository to everybody, for good.
  decodeRecords(plain);
  const plaintext = encodePayloadPlaintext(compressBlock(plain), plain.byteLength);
  if (plaintext.byteLength <= inlinePayloadBytesMax) {
    return finishEntry(plaintext, place, undefined, context);
  }
  const payload = sealPayload(plaintext, context);
  const name = objectHashOf(payload);
  const entry = finishEntry(new Uint8Array(0), place, name, context);
  return { ...entry, payload: { bytes: payload, name } };
}

/**
 * Decrypts and decodes an entry. `payloadOf` gets the bytes of a payload object and has checked
 * them against the name. Throws `Corrupt` or `Unsupported`.
 */
export async function openEntry(
  bytes: Uint8Array,
  keys: RepositoryKeys,
  payloadOf: (name: ObjectHash) => Promise<Uint8Array>,
): Promise<{ readonly envelope: EntryEnvelope; readonly records: readonly JournalRecord[] }> {
  const entry = decodeEntryObject(bytes);
  const inline = openSealed(entry, keys);
  const plaintext =
    entry.payload === undefined
      ? inline
      : openPayload(await payloadOf(entry.payload), entry.header.repository, keys);
  const { codec, plainBytes, encoded } = decodePayloadPlaintext(plaintext);
  if (plainBytes > payloadBytesMax) {
    throw new VersionsError(
      'Corrupt',
      'PAYLOAD_DAMAGED',
      'A journal payload claims to be too large',
    );
  }
  const records = decodeRecords(decompress(codec, encoded, plainBytes));
  return { envelope: entry, records };
}

function openPayload(bytes: Uint8Array, of: RepositoryId, keys: RepositoryKeys): Uint8Array {
  const object = decodePayloadObject(bytes);
  assertOwn(object.header.repository, of);
  return openSealed(object, keys);
}

/** Throws `Corrupt` (HEADER_UNEXPECTED) if an object of the journal says that it is of another repository. */
export function assertOwn(repository: RepositoryId, own: RepositoryId): void {
  if (repository === own) return;
  throw new VersionsError(
    'Corrupt',
    'HEADER_UNEXPECTED',
    'A journal object says that it is of another repository',
  );
}

/** Where an entry lies: what its key, and the repository that it was found in, say of it. */
export interface FoundAt {
  readonly repository: RepositoryId;
  readonly lineage: LineageId;
  readonly number: number;
}

/**
 * Was an entry written for this place by a holder of the repository's keys? Anyone who can write
 * into a mirror can put an object there whose name fits, also a true one from elsewhere; only seal,
 * lineage and number tell. The payload object is not looked at.
 */
export function isAuthenticEntry(
  bytes: Uint8Array,
  keys: RepositoryKeys,
  { repository, lineage, number }: FoundAt,
): boolean {
  try {
    const entry = decodeEntryObject(bytes);
    openSealed(entry, keys);
    const { header } = entry;
    return header.repository === repository && entry.lineage === lineage && entry.number === number;
  } catch (error) {
    if (isVersionsError(error, 'Corrupt', 'Unsupported')) return false;
    throw error;
  }
}

function finishEntry(
  plaintext: Uint8Array,
  place: EntryPlace,
  payload: ObjectHash | undefined,
  context: SealingContext,
): SealedEntry {
  const { keys, repository } = context;
  const salt = context.salt();
  const sealedBytes = plaintext.byteLength + sealTagBytes;
  const start = encodeEntryStart(
    { suite: keys.suite, epoch: keys.epoch, repository, salt, sealedBytes },
    { ...place, payload },
  );
  const key = keys.sealingKey('journal', keys.epoch, salt);
  const bytes = Buffer.concat([start, seal(key, 0, start, plaintext)]);
  return { bytes, hash: objectHashOf(bytes) };
}

function sealPayload(plaintext: Uint8Array, context: SealingContext): Uint8Array {
  const { keys, repository } = context;
  const salt = context.salt();
  const sealedBytes = plaintext.byteLength + sealTagBytes;
  const start = encodePayloadStart({
    suite: keys.suite,
    epoch: keys.epoch,
    repository,
    salt,
    sealedBytes,
  });
  const key = keys.sealingKey('journal', keys.epoch, salt);
  return Buffer.concat([start, seal(key, 0, start, plaintext)]);
}

/** Opens what is sealed as the journal is. Throws `Corrupt` (SEAL_BROKEN, SUITE_MIXED). */
export function openSealed(object: SealedObject, keys: RepositoryKeys): Uint8Array {
  const { header, aad, sealed } = object;
  if (header.suite !== keys.suite) {
    throw new VersionsError(
      'Corrupt',
      'SUITE_MIXED',
      'A journal object was sealed in another way than its repository',
    );
  }
  return open(keys.sealingKey('journal', header.epoch, header.salt), 0, aad, sealed);
}
