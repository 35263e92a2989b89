import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { assert } from '../errors/index.ts';

/** Kinds of chunks as stored: 0 data, 1 tree page, 2 list page, 3 snapshot record. */
export type IdKind = 0 | 1 | 2 | 3;

/**
 * Computes chunk ids: HMAC-SHA-256 under a key of the chunk's kind, so that a chunk of one kind
 * never passes for another. Holds the keys as KeyObjects, which saves a third of the time.
 */
export class ChunkIdHasher {
  readonly #keys: readonly KeyObject[];

  constructor(idKey: Uint8Array) {
    assert(idKey.byteLength === 32, 'The id key must have 32 bytes');
    this.#keys = [0, 1, 2, 3].map((kind) =>
      createSecretKey(
        createHmac('sha256', idKey).update('versions/1/id/').update(Buffer.of(kind)).digest(),
      ),
    );
  }

  /** The id of a chunk; of a part of `bytes` if `start` and `end` are given. */
  idOf(kind: IdKind, bytes: Uint8Array, start = 0, end: number = bytes.byteLength): Buffer {
    const key = this.#keys[kind];
    assert(key !== undefined, 'Chunks have kinds 0 to 3');
    const part = start === 0 && end === bytes.byteLength ? bytes : bytes.subarray(start, end);
    return createHmac('sha256', key).update(part).digest();
  }
}
