import { assert } from '../errors/index.ts';
import {
  isLineageId,
  isObjectHash,
  type LineageId,
  type ObjectHash,
  type PackName,
} from '../base/index.ts';

/** Keys of the objects of a mirror (docs/format.md section 2). */
export const configKey = 'config';
export const markerKey = 'mirror';

const numberDigits = 12;

export function packKey(name: PackName): string {
  return `packs/${name.slice(0, 2)}/${name}`;
}

export function keyObjectKey(name: ObjectHash): string {
  return `keys/${name}`;
}

export function payloadKey(name: ObjectHash): string {
  return `payloads/${name}`;
}

export function checkpointKey(name: ObjectHash): string {
  return `checkpoints/${name}`;
}

export function entryKey(lineage: LineageId, number: number, hash: ObjectHash): string {
  return `journal/${lineage}/${paddedNumber(number)}-${hash}`;
}

/** Sorts before every entry with a higher number of the lineage, and after all others. */
export function afterEntries(lineage: LineageId, number: number): string {
  return `journal/${lineage}/${paddedNumber(number)}-~`;
}

/** Sorts after every entry of the lineage. */
export function afterLineage(lineage: LineageId): string {
  return `journal/${lineage}/~`;
}

const entryPattern = /^journal\/([0-9a-f]{32})\/(\d{12})-([0-9a-f]{64})$/;

/** The parts of an entry's key. */
export interface EntryAddress {
  readonly lineage: LineageId;
  readonly number: number;
  readonly hash: ObjectHash;
}

/** Undefined if it is not the key of an entry. */
export function parseEntryKey(key: string): EntryAddress | undefined {
  const match = entryPattern.exec(key);
  if (!match) return undefined;
  const [, lineage = '', number, hash = ''] = match;
  assert(isLineageId(lineage) && isObjectHash(hash), 'The pattern of entry keys is wrong');
  return { lineage, number: Number(number), hash };
}

function paddedNumber(number: number): string {
  return String(number).padStart(numberDigits, '0');
}
