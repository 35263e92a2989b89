import { packBytesMax } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { clampRange, partsBytes } from './byte-range.ts';
import { throwIfAborted } from './cancel.ts';
import { assertKeyPrefix, assertObjectKey } from './object-key.ts';
import type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoreProperties,
} from './object-store.ts';
import { objectExists, objectNotFound } from './store-errors.ts';

/** A store in memory: for tests, and for trying things out. */
export class MemoryStore implements ObjectStore {
  readonly properties: StoreProperties;
  readonly #objects = new Map<string, Uint8Array>();

  constructor(properties: Partial<StoreProperties> = {}) {
    this.properties = {
      location: 'memory',
      connectionsMax: 8,
      objectBytesMax: packBytesMax,
      conditionalPut: true,
      ...properties,
    };
  }

  async put(key: string, parts: readonly Uint8Array[], options: PutOptions = {}): Promise<void> {
    assertObjectKey(key);
    throwIfAborted(options.signal);
    const bytesTotal = partsBytes(parts);
    assert(
      bytesTotal <= this.properties.objectBytesMax,
      `${key} is too large: ${bytesTotal} bytes`,
    );
    const bytes = new Uint8Array(bytesTotal);
    if (options.ifAbsent === true && this.properties.conditionalPut && this.#objects.has(key)) {
      throw objectExists(key, this.properties.location);
    }
    let offset = 0;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.byteLength;
    }
    this.#objects.set(key, bytes);
  }

  async get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    assertObjectKey(key);
    throwIfAborted(options.signal);
    const bytes = this.#objects.get(key);
    if (bytes === undefined) throw objectNotFound(key, this.properties.location);
    const { offset, length } = clampRange(options.range, bytes.byteLength);
    return bytes.slice(offset, offset + length);
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    assertObjectKey(key);
    throwIfAborted(options.signal);
    const bytes = this.#objects.get(key);
    return bytes === undefined ? undefined : { key, bytes: bytes.byteLength };
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    assertKeyPrefix(prefix);
    throwIfAborted(options.signal);
    const after = options.after ?? '';
    const keys = [...this.#objects.keys()].filter((key) => key.startsWith(prefix) && key > after);
    for (const key of keys.sort()) {
      throwIfAborted(options.signal);
      const bytes = this.#objects.get(key);
      if (bytes !== undefined) yield { key, bytes: bytes.byteLength };
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    assertObjectKey(key);
    throwIfAborted(options.signal);
    this.#objects.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
