import { chunkBytesMax, chunkIdBytes, pageLevelsMax } from '../base/index.ts';
import { CborReader } from './cbor-reader.ts';
import { CborWriter } from './cbor-writer.ts';
import { damaged } from './failures.ts';

/** One page of a file's long list of chunks. */
export interface ListPage {
  readonly level: number;
  readonly count: number;
  /** 32 bytes each: data chunks at level 0, list pages above. */
  readonly ids: Uint8Array;
  /** Bytes of content of each. */
  readonly lengths: readonly number[];
}

export function encodeListPage(level: number, ids: Uint8Array, lengths: readonly number[]): Buffer {
  const writer = new CborWriter();
  writer.array(3);
  writer.int(level);
  writer.bytes(ids);
  writer.array(lengths.length);
  for (const length of lengths) writer.int(length);
  return writer.toBytes();
}

/** Reads a list page; `ids` is a view of `bytes`. Throws `Corrupt` (codes LIST_DAMAGED, CBOR_INVALID). */
export function decodeListPage(bytes: Uint8Array): ListPage {
  const reader = new CborReader(bytes);
  if (reader.array() !== 3) throw listDamaged('it does not have three parts');
  const level = reader.uint();
  if (level >= pageLevelsMax) throw listDamaged('it is nested too deep');
  const ids = reader.byteString(chunkIdBytes);
  const count = reader.array();
  if (count * chunkIdBytes !== ids.byteLength) throw listDamaged('ids and lengths do not fit');
  const lengths: number[] = [];
  let sum = 0;
  for (let item = 0; item < count; item++) {
    const length = reader.uint();
    if (length === 0 || (level === 0 && length > chunkBytesMax)) {
      throw listDamaged('a length is out of range');
    }
    sum += length;
    lengths.push(length);
  }
  if (!reader.done || !Number.isSafeInteger(sum)) throw listDamaged('it is too long');
  return { level, count, ids, lengths };
}

function listDamaged(why: string): Error {
  return damaged('LIST_DAMAGED', `A page of a list of chunks is not valid: ${why}`);
}
