import { isHex16, isHex32, toHex, type ByteString, byteStringOf } from '../base/index.ts';
import { assert, type VersionsError } from '../errors/index.ts';
import type { CborRecord, CborValue } from './cbor-reader.ts';
import { tooNew } from './failures.ts';

/** True for a map with text keys; an empty map counts as one. */
export function isCborRecord(value: CborValue | undefined): value is CborRecord {
  return (
    typeof value === 'object' &&
    !(value instanceof Uint8Array) &&
    !(value instanceof Map) &&
    !Array.isArray(value)
  );
}

/**
 * Takes typed values out of a decoded map; a missing or ill-typed one is the error that `fail`
 * makes. Keys that nobody asks for are left alone.
 */
export class Fields {
  readonly #record: CborRecord;
  readonly #fail: (why: string) => VersionsError;

  constructor(value: CborValue | undefined, fail: (why: string) => VersionsError) {
    if (!isCborRecord(value)) throw fail('a map with text keys is missing');
    this.#record = value;
    this.#fail = fail;
  }

  has(key: string): boolean {
    return this.#record[key] !== undefined;
  }

  value(key: string): CborValue {
    const value = this.#record[key];
    if (value === undefined) throw this.#wrong(key);
    return value;
  }

  /** An integer from `least` to `most`. */
  integer(key: string, least = 0, most: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.value(key);
    if (typeof value !== 'number' || value < least || value > most) throw this.#wrong(key);
    return value;
  }

  text(key: string): string {
    const value = this.value(key);
    if (typeof value !== 'string') throw this.#wrong(key);
    return value;
  }

  /** One of several texts; another is of a newer version. */
  oneOf<T extends string>(key: string, texts: readonly T[]): T {
    const value = this.value(key);
    const found = texts.find((text) => text === value);
    if (found !== undefined) return found;
    if (typeof value === 'string') throw tooNew('A record of the journal', { [key]: value });
    throw this.#wrong(key);
  }

  /** True, or absent for false. */
  flag(key: string): boolean {
    const value = this.#record[key];
    if (value !== undefined && value !== true) throw this.#wrong(key);
    return value === true;
  }

  bytes(key: string, length: number): Uint8Array {
    return this.#bytesOf(key, this.value(key), length);
  }

  /** 16 bytes in hexadecimal. */
  hex16(key: string): string {
    return toHex(this.bytes(key, 16));
  }

  /** 32 bytes in hexadecimal. */
  hex32(key: string): string {
    return toHex(this.bytes(key, 32));
  }

  array(key: string): readonly CborValue[] {
    const value = this.value(key);
    if (!Array.isArray(value)) throw this.#wrong(key);
    return value as readonly CborValue[];
  }

  hexes<T extends string>(key: string, length: 16 | 32): T[] {
    return this.array(key).map((item) => toHex(this.#bytesOf(key, item, length)) as T);
  }

  texts(key: string): string[] {
    return this.array(key).map((item) => {
      if (typeof item !== 'string') throw this.#wrong(key);
      return item;
    });
  }

  byteStrings(key: string): ByteString[] {
    return this.array(key).map((item) => {
      if (!(item instanceof Uint8Array)) throw this.#wrong(key);
      return byteStringOf(item);
    });
  }

  /** A map below `key`. */
  fields(key: string): Fields {
    return new Fields(this.value(key), (why) => this.#fail(`${key}: ${why}`));
  }

  /** A map from integers to texts; an empty one may be missing. */
  names(key: string): ReadonlyMap<number, string> {
    const value = this.value(key);
    if (isCborRecord(value) && Object.keys(value).length === 0) return new Map();
    if (!(value instanceof Map)) throw this.#wrong(key);
    const names = new Map<number, string>();
    for (const [id, name] of value as ReadonlyMap<number, CborValue>) {
      if (id < 0 || typeof name !== 'string') throw this.#wrong(key);
      names.set(id, name);
    }
    return names;
  }

  #bytesOf(key: string, value: CborValue, length: number): Uint8Array {
    if (!(value instanceof Uint8Array) || value.byteLength !== length) throw this.#wrong(key);
    return value;
  }

  #wrong(key: string): VersionsError {
    return this.#fail(`"${key}" is missing or not what it should be`);
  }
}

/** The bytes of an id in hexadecimal, for encoding. Throws `Internal` if it is not one. */
export function bytesOfHex(text: string): Buffer {
  assert(isHex16(text) || isHex32(text), 'An id must be 16 or 32 bytes in hexadecimal');
  return Buffer.from(text, 'hex');
}

export function isCount(value: CborValue | undefined): value is number {
  return typeof value === 'number' && value >= 0;
}
