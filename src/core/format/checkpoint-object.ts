import {
  asBuffer,
  checkpointPayloadBytesMax,
  isZero,
  payloadBytesMax,
  toHex,
  type LineageId,
  type ObjectHash,
} from '../base/index.ts';
import { assert } from '../errors/index.ts';
import type { CborValue } from './cbor-reader.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { damaged, tooNew } from './failures.ts';
import { bytesOfHex, Fields, isCount } from './fields.ts';
import { decodeObjectHeader, encodeObjectHeader, objectHashOf, saltBytes } from './header.ts';
import {
  decodeEntryObject,
  type EntryEnvelope,
  type SealedObject,
  type SealedObjectStart,
} from './journal-entry.ts';

/** Bytes of a checkpoint object before its sealed part: they tell what it covers. */
export const checkpointStartBytes = 136;
/** Bytes that go before each entry in a run. */
export const runItemBytes = 8;
const tagBytes = 16;
const sealedBytesMax: number = payloadBytesMax + tagBytes;

/** In the order of their numbers, which begin at 1. */
const partNames = ['checkpoint', 'run'] as const;

/** What an object below `checkpoints/` says about itself without a key. */
export interface CheckpointEnvelope {
  /** A list of runs, or one of them. */
  readonly part: (typeof partNames)[number];
  /** The first and the last entry that it covers. */
  readonly first: number;
  readonly last: number;
  /** Of the last entry. */
  readonly lineage: LineageId;
  readonly hash: ObjectHash;
}

/** An object below `checkpoints/`, as others name it: enough to make it again from the entries. */
export interface CheckpointPart {
  readonly name: ObjectHash;
  readonly bytes: number;
  readonly salt: Uint8Array;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
}

/** One entry of a run. */
export interface RunEntry {
  readonly envelope: EntryEnvelope;
  readonly hash: ObjectHash;
  /** The entry object. */
  readonly bytes: Uint8Array;
  /** Its payload object, if it has one that is not too large to go along. */
  readonly payload?: Uint8Array | undefined;
}

/** Everything before the sealed part, which is its additional data. */
export function encodeCheckpointStart(
  start: SealedObjectStart,
  { part, first, last, lineage, hash }: CheckpointEnvelope,
): Uint8Array {
  assert(Number.isSafeInteger(last) && first >= 1 && first <= last, 'A run has an entry');
  assert(part === 'run' || first === 1, 'A checkpoint covers the journal from its beginning');
  assert(start.sealedBytes <= sealedBytesMax, 'A run is too large');
  const bytes = Buffer.alloc(checkpointStartBytes);
  bytes.set(encodeObjectHeader({ kind: 'checkpoint', ...start }));
  bytes[64] = partNames.indexOf(part) + 1;
  bytes.writeBigUInt64LE(BigInt(first), 68);
  bytes.writeBigUInt64LE(BigInt(last), 76);
  bytesOfHex(lineage).copy(bytes, 84);
  bytesOfHex(hash).copy(bytes, 100);
  bytes.writeUInt32LE(start.sealedBytes, 132);
  return bytes;
}

/**
 * Reads the beginning of an object below `checkpoints/`, of which more may follow. Throws `Corrupt`
 * (code CHECKPOINT_DAMAGED) or `Unsupported`.
 */
export function decodeCheckpointStart(
  bytes: Uint8Array,
): Omit<SealedObject, 'sealed'> & CheckpointEnvelope & { readonly sealedBytes: number } {
  const header = decodeObjectHeader(bytes, { kinds: ['checkpoint'] });
  const buffer = asBuffer(bytes);
  if (buffer.length < checkpointStartBytes) throw checkpointDamaged('it is too short');
  const partNumber = buffer[64] ?? 0;
  const part = partNames[partNumber - 1];
  if (partNumber === 0 || !isZero(buffer.subarray(65, 68))) {
    throw checkpointDamaged('it does not say what it is');
  }
  if (part === undefined) throw tooNew('A checkpoint', { part: partNumber });
  const [first, last] = [buffer.readBigUInt64LE(68), buffer.readBigUInt64LE(76)];
  const fits = first >= 1n && first <= last && last <= BigInt(Number.MAX_SAFE_INTEGER);
  if (!fits || (part === 'checkpoint' && first !== 1n)) {
    throw checkpointDamaged('its numbers do not fit');
  }
  const sealedBytes = buffer.readUInt32LE(132);
  if (sealedBytes < tagBytes || sealedBytes > sealedBytesMax) {
    throw checkpointDamaged('its length does not fit');
  }
  return {
    header,
    part,
    first: Number(first),
    last: Number(last),
    lineage: toHex(buffer.subarray(84, 100)) as LineageId,
    hash: toHex(buffer.subarray(100, 132)) as ObjectHash,
    sealedBytes,
    aad: buffer.subarray(0, checkpointStartBytes),
  };
}

/** Reads a whole object below `checkpoints/`. Throws as `decodeCheckpointStart`. */
export function decodeCheckpointObject(bytes: Uint8Array): SealedObject & CheckpointEnvelope {
  const { sealedBytes, ...start } = decodeCheckpointStart(bytes);
  if (bytes.byteLength !== checkpointStartBytes + sealedBytes) {
    throw checkpointDamaged('its length does not fit');
  }
  return { ...start, sealed: bytes.subarray(checkpointStartBytes) };
}

/** The plaintext of a checkpoint: the runs that it consists of. */
export function encodeCheckpointRuns(runs: readonly CheckpointPart[]): Uint8Array {
  assert(faultOf(runs, runs.at(-1)?.last) === undefined, 'Runs follow each other without a gap');
  return encodeCbor({ runs: runs.map((run) => checkpointPartValue(run)) });
}

/** The runs of a checkpoint, oldest first, without a gap from entry 1. Throws `Corrupt`. */
export function decodeCheckpointRuns(
  bytes: Uint8Array,
  { last }: Pick<CheckpointEnvelope, 'last'>,
): readonly CheckpointPart[] {
  const fields = new Fields(decodeCbor(bytes), checkpointDamaged);
  const runs = fields.array('runs').map((run) => checkpointPartOf(run, checkpointDamaged));
  const fault = faultOf(runs, last);
  if (fault !== undefined) throw checkpointDamaged(fault);
  return runs;
}

/** Why runs are none that cover the entries from 1 to `last`, or undefined. */
export function faultOf(
  runs: readonly Pick<CheckpointPart, 'first' | 'last'>[],
  last: number | undefined,
): string | undefined {
  let next = 1;
  for (const run of runs) {
    if (run.first !== next) return 'its runs leave something out';
    next = run.last + 1;
  }
  return next === 1 || next - 1 !== last ? 'its runs do not end where it does' : undefined;
}

export function checkpointPartValue(part: CheckpointPart): readonly unknown[] {
  const { name, bytes, salt, epoch, first, last } = part;
  return [bytesOfHex(name), bytes, salt, epoch, first, last];
}

export function checkpointPartOf(value: CborValue, fail: (why: string) => Error): CheckpointPart {
  if (!Array.isArray(value) || value.length !== 6) throw fail('a run is malformed');
  const [name, bytes, salt, epoch, first, last] = value as readonly CborValue[];
  const fits =
    name instanceof Uint8Array &&
    name.byteLength === 32 &&
    isCount(bytes) &&
    salt instanceof Uint8Array &&
    salt.byteLength === saltBytes &&
    isCount(epoch) &&
    epoch <= 0xffff_ffff &&
    isCount(first) &&
    first >= 1 &&
    isCount(last) &&
    last >= first;
  if (!fits) throw fail('a run is malformed');
  return { name: toHex(name) as ObjectHash, bytes, salt, epoch, first, last };
}

/** The plaintext of a run: entry objects and payload objects as they are, with their lengths. */
export function encodeRun(entries: readonly Pick<RunEntry, 'bytes' | 'payload'>[]): Uint8Array {
  const items = entries.flatMap(({ bytes, payload = new Uint8Array() }) => {
    const lengths = Buffer.alloc(runItemBytes);
    lengths.writeUInt32LE(bytes.byteLength);
    lengths.writeUInt32LE(payload.byteLength, 4);
    assert(payload.byteLength <= checkpointPayloadBytesMax, 'Such a payload does not go along');
    return [lengths, bytes, payload];
  });
  return Buffer.concat(items);
}

/**
 * The entries of a run, which follow each other by number and hash and end as the envelope says.
 * Throws `Corrupt` (code CHECKPOINT_DAMAGED, ENTRY_DAMAGED) or `Unsupported`.
 */
export function decodeRun(
  bytes: Uint8Array,
  { first, last, lineage, hash }: CheckpointEnvelope,
): readonly RunEntry[] {
  const buffer = asBuffer(bytes);
  const entries: RunEntry[] = [];
  for (let at = 0; at < buffer.length;) {
    if (buffer.length - at < runItemBytes) throw checkpointDamaged('it ends within an entry');
    const entryEnd = at + runItemBytes + buffer.readUInt32LE(at);
    const payloadBytes = buffer.readUInt32LE(at + 4);
    const end = entryEnd + payloadBytes;
    if (end > buffer.length || payloadBytes > checkpointPayloadBytesMax) {
      throw checkpointDamaged('its lengths do not fit');
    }
    const entry = buffer.subarray(at + runItemBytes, entryEnd);
    const payload = payloadBytes > 0 ? buffer.subarray(entryEnd, end) : undefined;
    entries.push(runEntryOf(entry, payload, first + entries.length, entries.at(-1)));
    at = end;
  }
  const end = entries.at(-1);
  if (end?.envelope.number !== last || end.hash !== hash || end.envelope.lineage !== lineage) {
    throw checkpointDamaged('it does not end where it says');
  }
  return entries;
}

function runEntryOf(
  bytes: Uint8Array,
  payload: Uint8Array | undefined,
  number: number,
  before: RunEntry | undefined,
): RunEntry {
  const { header: _header, aad: _aad, sealed: _sealed, ...envelope } = decodeEntryObject(bytes);
  if (envelope.number !== number || (before && envelope.previous !== before.hash)) {
    throw checkpointDamaged('an entry does not follow the one before');
  }
  if (payload && objectHashOf(payload) !== envelope.payload) {
    throw checkpointDamaged('a payload is not that of its entry');
  }
  return { envelope, hash: objectHashOf(bytes), bytes, payload };
}

function checkpointDamaged(why: string): ReturnType<typeof damaged> {
  return damaged('CHECKPOINT_DAMAGED', `A checkpoint is not valid: ${why}`);
}
