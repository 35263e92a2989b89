import { asBuffer } from '../base/index.ts';
import { damaged } from './failures.ts';

/** Major types of CBOR (RFC 8949 section 3.1). */
export const cborMajor = {
  uint: 0,
  negative: 1,
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  simple: 7,
} as const;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const depthMax = 32;

/** What deterministic CBOR of this format can hold. Maps have text keys or integer keys. */
export type CborValue =
  | number
  | boolean
  | string
  | Uint8Array
  | readonly CborValue[]
  | CborRecord
  | ReadonlyMap<number, CborValue>;

/** A map with text keys. It has no prototype, so that no key means anything to JavaScript. */
export interface CborRecord {
  readonly [key: string]: CborValue;
}

/**
 * Reads deterministic CBOR value by value, and nothing else: every deviation is `Corrupt` (code
 * CBOR_INVALID). Byte strings are views. A count is never believed beyond the bytes that are there.
 */
export class CborReader {
  readonly bytes: Buffer;
  at = 0;
  /** Major type of the last head. */
  major = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = asBuffer(bytes);
  }

  get done(): boolean {
    return this.at === this.bytes.length;
  }

  /** Reads the head of an item: its argument is returned, its major type left in `major`. */
  head(): number {
    const { bytes } = this;
    const at = this.at;
    if (at >= bytes.length) throw invalid(at);
    const first = bytes[at] as number;
    const info = first & 31;
    this.major = first >> 5;
    if (info < 24) {
      this.at = at + 1;
      return info;
    }
    if (this.major === cborMajor.simple || info > 27) throw invalid(at);
    return this.#longArgument(at, info);
  }

  #longArgument(at: number, info: number): number {
    const { bytes } = this;
    const end = at + 1 + (1 << (info - 24));
    if (end > bytes.length) throw invalid(at);
    this.at = end;
    let value: number;
    let shorterMax: number;
    if (info === 24) {
      value = bytes[at + 1] as number;
      shorterMax = 23;
    } else if (info === 25) {
      value = bytes.readUInt16BE(at + 1);
      shorterMax = 0xff;
    } else if (info === 26) {
      value = bytes.readUInt32BE(at + 1);
      shorterMax = 0xffff;
    } else {
      value = bytes.readUInt32BE(at + 1) * 0x1_0000_0000 + bytes.readUInt32BE(at + 5);
      shorterMax = 0xffff_ffff;
    }
    if (value <= shorterMax || value > Number.MAX_SAFE_INTEGER) throw invalid(at);
    return value;
  }

  uint(): number {
    const at = this.at;
    const value = this.head();
    if (this.major !== cborMajor.uint) throw invalid(at);
    return value;
  }

  int(): number {
    const at = this.at;
    const value = this.head();
    if (this.major === cborMajor.uint) return value;
    // -1 - value must be exact too.
    if (this.major !== cborMajor.negative || value === Number.MAX_SAFE_INTEGER) throw invalid(at);
    return -1 - value;
  }

  /** A byte string of `least` to `most` bytes, as a view. */
  byteString(least = 0, most: number = Number.MAX_SAFE_INTEGER): Buffer {
    const at = this.at;
    const length = this.head();
    if (this.major !== cborMajor.bytes || length < least || length > most) throw invalid(at);
    return this.#take(length);
  }

  #take(length: number): Buffer {
    const start = this.at;
    if (length > this.bytes.length - start) throw invalid(start);
    this.at = start + length;
    return this.bytes.subarray(start, this.at);
  }

  /** The number of items of an array that begins here. */
  array(): number {
    const at = this.at;
    const count = this.head();
    if (this.major !== cborMajor.array || count > this.bytes.length - this.at) throw invalid(at);
    return count;
  }

  /** The number of pairs of a map that begins here. */
  map(): number {
    const at = this.at;
    const count = this.head();
    if (this.major !== cborMajor.map || 2 * count > this.bytes.length - this.at) throw invalid(at);
    return count;
  }

  /** Any value of this format. */
  value(depth = 0): CborValue {
    const start = this.at;
    if (depth > depthMax) throw invalid(start);
    const argument = this.head();
    switch (this.major) {
      case cborMajor.uint:
        return argument;
      case cborMajor.negative:
        this.at = start;
        return this.int();
      case cborMajor.bytes:
        return this.#take(argument);
      case cborMajor.text:
        return this.#text(argument);
      case cborMajor.array: {
        this.at = start;
        const count = this.array();
        const items: CborValue[] = [];
        for (let item = 0; item < count; item++) items.push(this.value(depth + 1));
        return items;
      }
      case cborMajor.map:
        this.at = start;
        return this.#mapValue(depth);
      case cborMajor.simple:
        if (argument === 20 || argument === 21) return argument === 21;
    }
    throw invalid(start);
  }

  #text(length: number): string {
    const at = this.at;
    const bytes = this.#take(length);
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw invalid(at);
    }
  }

  #mapValue(depth: number): CborRecord | ReadonlyMap<number, CborValue> {
    const count = this.map();
    const record = Object.create(null) as Record<string, CborValue>;
    const numbered = new Map<number, CborValue>();
    let lastKey: Buffer | undefined;
    for (let pair = 0; pair < count; pair++) {
      const at = this.at;
      const key = this.value(depth + 1);
      const keyBytes = this.bytes.subarray(at, this.at);
      if (lastKey !== undefined && Buffer.compare(lastKey, keyBytes) >= 0) throw invalid(at);
      lastKey = keyBytes;
      if (typeof key === 'string' && numbered.size === 0) record[key] = this.value(depth + 1);
      else if (typeof key === 'number' && pair === numbered.size) {
        numbered.set(key, this.value(depth + 1));
      } else throw invalid(at);
    }
    return numbered.size > 0 ? numbered : record;
  }
}

function invalid(at: number): Error {
  return damaged('CBOR_INVALID', `Stored data is not deterministic CBOR at byte ${at}`, { at });
}
