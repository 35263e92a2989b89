import { bytesEqual, isZero } from '../base/index.ts';
import { type Checksums, checksumBytes, type Frontier } from './frames.ts';
import type { LogFile } from './log-file.ts';

/**
 * What the header says. It stands there twice, in slots that are written in turn, so that a torn
 * or damaged one leaves the other.
 */
export interface Slot {
  /** Counts the writes of slots; the valid slot with the higher turn is the header. */
  readonly turn: number;
  /** Random, new at every clear. */
  readonly generation: Uint8Array;
  /** Random, new at every opening for writing: who may write. */
  readonly writer: Uint8Array;
  /** The first record that is not cleared. */
  readonly start: Frontier;
}

export interface Slots {
  readonly current: Slot;
  /** Index of the slot that holds it. */
  readonly index: number;
  readonly other: Slot | undefined;
}

const magic: Buffer = Buffer.from('VERSJRNL', 'latin1');
const formatVersion = 1;
const slotBytes = 96;
const checksumAt = 88;
/** A page each: a power cut while one is written cannot tear the other. */
const slotPositions = [0, 4096] as const;
/** Where the first record stands after a clear. */
export const headerBytes = 8192;
export const generationBytes = 16;

export const noChain: Uint8Array = new Uint8Array(checksumBytes);

export function encodeSlot(slot: Slot, checksums: Checksums): Buffer {
  const bytes = Buffer.alloc(slotBytes);
  bytes.set(magic, 0);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeBigUInt64LE(BigInt(slot.turn), 16);
  bytes.set(slot.generation, 24);
  bytes.set(slot.writer, 40);
  bytes.writeBigUInt64LE(BigInt(slot.start.position), 56);
  bytes.set(slot.start.chain, 64);
  bytes.set(checksums.of(bytes.subarray(0, checksumAt)), checksumAt);
  return bytes;
}

/** The whole header area of a new log, with the same content in both slots. */
export function encodeHeader(slot: Slot, checksums: Checksums): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.set(encodeSlot(slot, checksums), slotPositions[0]);
  bytes.set(encodeSlot({ ...slot, turn: slot.turn + 1 }, checksums), slotPositions[1]);
  return bytes;
}

export function writeSlot(file: LogFile, index: number, bytes: Uint8Array): void {
  file.write(bytes, index === 0 ? slotPositions[0] : slotPositions[1]);
}

/** The header, the number of a newer format, or undefined if no slot is valid. */
export function readSlots(file: LogFile, checksums: Checksums): Slots | number | undefined {
  const [first, second] = slotPositions.map((position) => readSlot(file, position, checksums));
  const newer = [first, second].find((slot) => typeof slot === 'number');
  if (newer !== undefined) return newer;
  const a = typeof first === 'object' ? first : undefined;
  const b = typeof second === 'object' ? second : undefined;
  if (a !== undefined && (b === undefined || a.turn > b.turn)) {
    return { current: a, index: 0, other: b };
  }
  return b === undefined ? undefined : { current: b, index: 1, other: a };
}

function readSlot(
  file: LogFile,
  position: number,
  checksums: Checksums,
): Slot | number | undefined {
  const bytes = Buffer.alloc(slotBytes);
  if (file.readNow(bytes, position) < slotBytes) return undefined;
  if (!bytesEqual(bytes.subarray(0, magic.length), magic)) return undefined;
  const checksum = checksums.of(bytes.subarray(0, checksumAt));
  if (!bytesEqual(bytes.subarray(checksumAt), checksum)) return undefined;
  const version = bytes.readUInt32LE(8);
  if (version !== formatVersion) return version;
  return {
    turn: Number(bytes.readBigUInt64LE(16)),
    generation: new Uint8Array(bytes.subarray(24, 40)),
    writer: new Uint8Array(bytes.subarray(40, 56)),
    start: {
      position: Number(bytes.readBigUInt64LE(56)),
      chain: new Uint8Array(bytes.subarray(64, 72)),
    },
  };
}

/**
 * True if the file can only be a log whose creation was cut short: no record was ever in it. What
 * a power cut leaves of the first write is its beginning, or all of it with parts still zero.
 */
export function isUnfinished(file: LogFile): boolean {
  const size = file.size();
  if (size > headerBytes) return false;
  const bytes = Buffer.alloc(size);
  file.readNow(bytes, 0);
  if (size === headerBytes) {
    for (const position of slotPositions) bytes.fill(0, position, position + slotBytes);
    return isZero(bytes);
  }
  return isZero(bytes) || magic.indexOf(bytes.subarray(0, magic.length)) === 0;
}
