import {
  asBuffer,
  isZero,
  payloadBytesMax,
  toHex,
  type LineageId,
  type ObjectHash,
  type RepositoryId,
  type WriterId,
} from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { damaged, tooNew } from './failures.ts';
import { bytesOfHex } from './fields.ts';
import {
  decodeObjectHeader,
  encodeObjectHeader,
  headerBytes,
  type ObjectHeader,
} from './header.ts';

const envelopeBytes = 196;
/** Where the length of its sealed part stands in a journal entry. */
export const entryLengthAt = 192;
const tagBytes = 16;
/** What sealing and framing add to a payload of the largest size, generously. */
const sealedBytesMax: number = payloadBytesMax + 1024 * 1024;

/** The tip's hash before the first entry. */
export const noHash: ObjectHash = '0'.repeat(64) as ObjectHash;

/** What an entry says about itself without a key. */
export interface EntryEnvelope {
  readonly number: number;
  readonly lineage: LineageId;
  /** 16 random bytes in hexadecimal: a lost answer is recognised as one's own success. */
  readonly entryId: string;
  readonly writer: WriterId;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** SHA-256 of the entry before; `noHash` for number 1. */
  readonly previous: ObjectHash;
  /** Name of the payload object; undefined if the payload is inline. */
  readonly payload?: ObjectHash | undefined;
}

/** What is needed to write the header of an entry or payload object. */
export interface SealedObjectStart {
  readonly suite: 0 | 1;
  readonly epoch: number;
  readonly repository: RepositoryId;
  readonly salt: Uint8Array;
  /** Bytes of the sealed part that will follow. */
  readonly sealedBytes: number;
}

/** An entry or payload object, its payload still sealed. */
export interface SealedObject {
  readonly header: ObjectHeader;
  /** The additional data: all bytes before the sealed part. */
  readonly aad: Uint8Array;
  readonly sealed: Uint8Array;
}

/**
 * Everything of an entry before its sealed part, which is its additional data; the object is these
 * bytes and then the sealed payload, or a sealed empty text if the payload is an object.
 */
export function encodeEntryStart(start: SealedObjectStart, envelope: EntryEnvelope): Uint8Array {
  const { number, time, previous, payload } = envelope;
  assert(Number.isSafeInteger(number) && number >= 1, 'Entries are numbered from 1');
  assert(
    (number === 1) === (previous === noHash),
    'Every entry but the first names the one before',
  );
  assert(payload === undefined || start.sealedBytes === tagBytes, 'A payload is here or there');
  const bytes = Buffer.alloc(envelopeBytes);
  bytes.set(encodeObjectHeader({ kind: 'journal-entry', ...start }));
  bytes.writeBigUInt64LE(BigInt(number), 64);
  bytesOfHex(envelope.lineage).copy(bytes, 72);
  bytesOfHex(envelope.entryId).copy(bytes, 88);
  bytesOfHex(envelope.writer).copy(bytes, 104);
  bytes.writeBigUInt64LE(BigInt(time), 120);
  bytesOfHex(previous).copy(bytes, 128);
  if (payload !== undefined) bytesOfHex(payload).copy(bytes, 160);
  bytes.writeUInt32LE(start.sealedBytes, entryLengthAt);
  return bytes;
}

/** Reads a journal entry. Throws `Corrupt` (code ENTRY_DAMAGED) or `Unsupported`. */
export function decodeEntryObject(bytes: Uint8Array): SealedObject & EntryEnvelope {
  const header = decodeObjectHeader(bytes, { kinds: ['journal-entry'] });
  const buffer = asBuffer(bytes);
  if (buffer.length < envelopeBytes) throw entryDamaged('it is too short');
  const number = safeNumber(buffer.readBigUInt64LE(64));
  const time = safeNumber(buffer.readBigUInt64LE(120));
  const sealedBytes = buffer.readUInt32LE(entryLengthAt);
  const fits = sealedBytes >= tagBytes && envelopeBytes + sealedBytes === buffer.length;
  if (!fits || number === undefined || number === 0 || time === undefined) {
    throw entryDamaged('its lengths or numbers do not fit');
  }
  const previous = toHex(buffer.subarray(128, 160)) as ObjectHash;
  if ((number === 1) !== (previous === noHash)) throw entryDamaged('the chain of hashes is broken');
  const payload = buffer.subarray(160, 192);
  if (!isZero(payload) && sealedBytes !== tagBytes) throw entryDamaged('it has two payloads');
  return {
    header,
    number,
    lineage: toHex(buffer.subarray(72, 88)) as LineageId,
    entryId: toHex(buffer.subarray(88, 104)),
    writer: toHex(buffer.subarray(104, 120)) as WriterId,
    time,
    previous,
    payload: isZero(payload) ? undefined : (toHex(payload) as ObjectHash),
    aad: buffer.subarray(0, envelopeBytes),
    sealed: buffer.subarray(envelopeBytes),
  };
}

/** Everything of a payload object before its sealed part, which is its additional data. */
export function encodePayloadStart(start: SealedObjectStart): Uint8Array {
  assert(start.sealedBytes <= sealedBytesMax, 'A payload is too large');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(start.sealedBytes);
  return Buffer.concat([encodeObjectHeader({ kind: 'payload', ...start }), length]);
}

/** Reads a payload object. Throws `Corrupt` (code PAYLOAD_DAMAGED) or `Unsupported`. */
export function decodePayloadObject(bytes: Uint8Array): SealedObject {
  const header = decodeObjectHeader(bytes, { kinds: ['payload'] });
  const buffer = asBuffer(bytes);
  const start = headerBytes + 4;
  const sealedBytes = buffer.length < start ? 0 : buffer.readUInt32LE(headerBytes);
  if (
    sealedBytes < tagBytes ||
    sealedBytes > sealedBytesMax ||
    start + sealedBytes !== buffer.length
  ) {
    throw damaged('PAYLOAD_DAMAGED', 'A payload object is not valid: its lengths do not fit');
  }
  return { header, aad: buffer.subarray(0, start), sealed: buffer.subarray(start) };
}

/** The plaintext of a payload: codec, length after decoding, encoded records. */
export function encodePayloadPlaintext(
  encoded: { readonly codec: 0 | 1; readonly bytes: Uint8Array },
  plainBytes: number,
): Uint8Array {
  assert(plainBytes <= payloadBytesMax, 'The records of an entry are too many');
  assert(encoded.codec === 1 || encoded.bytes.byteLength === plainBytes, 'Lengths must fit');
  const start = Buffer.alloc(5);
  start[0] = encoded.codec;
  start.writeUInt32LE(plainBytes, 1);
  return Buffer.concat([start, encoded.bytes]);
}

/** Takes the plaintext of a payload apart. Throws `Corrupt` (code PAYLOAD_DAMAGED). */
export function decodePayloadPlaintext(bytes: Uint8Array): {
  readonly codec: 0 | 1;
  readonly plainBytes: number;
  readonly encoded: Uint8Array;
} {
  const buffer = asBuffer(bytes);
  const codec = buffer[0];
  const plainBytes = buffer.length < 5 ? payloadBytesMax + 1 : buffer.readUInt32LE(1);
  if (codec !== undefined && codec > 1) throw tooNew('A journal payload', { codec });
  const known = codec === 0 || codec === 1;
  if (!known || plainBytes > payloadBytesMax || (codec === 0 && buffer.length !== 5 + plainBytes)) {
    throw damaged('PAYLOAD_DAMAGED', 'A payload is not valid: its codec or length does not fit');
  }
  return { codec, plainBytes, encoded: buffer.subarray(5) };
}

function safeNumber(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

function entryDamaged(why: string): Error {
  return damaged('ENTRY_DAMAGED', `A journal entry is not valid: ${why}`);
}
