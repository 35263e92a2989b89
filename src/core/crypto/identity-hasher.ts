import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { bytesOfByteString, type ByteString } from '../base/index.ts';

/** Computes the UUIDs of sources, files and versions (docs/format.md section 10): 16 bytes each. */
export class IdentityHasher {
  readonly #key: KeyObject;

  constructor(idKey: Uint8Array) {
    this.#key = createSecretKey(createHmac('sha256', idKey).update('versions/1/identity').digest());
  }

  /** The id of a set of paths of one host; the order of the paths does not matter. */
  sourceId(host: string, paths: readonly ByteString[]): Buffer {
    const hmac = createHmac('sha256', this.#key).update('source');
    const sorted = paths
      .map((path) => bytesOfByteString(path))
      .sort((a, b) => Buffer.compare(a, b));
    for (const part of [Buffer.from(host, 'utf8'), ...sorted]) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(part.byteLength);
      hmac.update(length).update(part);
    }
    return uuid8(hmac.digest());
  }

  /** The id of a file that was not renamed: it follows from source and path. */
  fileId(source: Uint8Array, path: ByteString): Buffer {
    const hmac = createHmac('sha256', this.#key).update('file').update(source);
    return uuid8(hmac.update(bytesOfByteString(path)).digest());
  }

  /** The id of one state of a file, from its encoded entry without name and file id. */
  versionId(entryWithoutNameAndFileId: Uint8Array): Buffer {
    const hmac = createHmac('sha256', this.#key).update('version');
    return uuid8(hmac.update(entryWithoutNameAndFileId).digest());
  }
}

function uuid8(hash: Buffer): Buffer {
  const uuid = hash.subarray(0, 16);
  uuid[6] = 0x80 | ((uuid[6] ?? 0) & 0x0f);
  uuid[8] = 0x80 | ((uuid[8] ?? 0) & 0x3f);
  return uuid;
}
