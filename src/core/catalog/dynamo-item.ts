import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { toHex } from '../base/index.ts';
import { catalogDamaged } from './catalog-errors.ts';

/** The attributes of one item, by name. */
export type Attributes = Record<string, AttributeValue>;

export const text = (value: string): AttributeValue => ({ S: value });
export const number = (value: number): AttributeValue => ({ N: String(value) });
export const bytes = (value: Uint8Array): AttributeValue => ({ B: value });

/** One item, whose values are read with a check of their kind. */
export class DynamoItem {
  readonly attributes: Attributes;
  readonly #location: string;

  constructor(location: string, attributes: Attributes) {
    this.#location = location;
    this.attributes = attributes;
  }

  has(name: string): boolean {
    return this.attributes[name] !== undefined;
  }

  text(name: string): string {
    const value = this.attributes[name]?.S;
    return value ?? this.#wrongKind(name);
  }

  optionalText(name: string): string | undefined {
    return this.has(name) ? this.text(name) : undefined;
  }

  /** Text that is one of `known`. */
  word<T extends string>(name: string, known: readonly T[]): T {
    const value = this.attributes[name]?.S;
    return known.find((word) => word === value) ?? this.#wrongKind(name);
  }

  number(name: string): number {
    const value = Number(this.attributes[name]?.N ?? Number.NaN);
    return Number.isSafeInteger(value) ? value : this.#wrongKind(name);
  }

  optionalNumber(name: string): number | undefined {
    return this.has(name) ? this.number(name) : undefined;
  }

  bytes(name: string): Uint8Array {
    const value = this.attributes[name]?.B;
    return value === undefined ? this.#wrongKind(name) : new Uint8Array(value);
  }

  /** Bytes in hexadecimal, of exactly the length that is expected. */
  hex(name: string, byteCount: number): string {
    const value = this.bytes(name);
    if (value.length !== byteCount) this.#wrongKind(name);
    return toHex(value);
  }

  #wrongKind(name: string): never {
    throw catalogDamaged(this.#location, `holds a value of the wrong kind in attribute ${name}`);
  }
}
