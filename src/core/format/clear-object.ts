import { asBuffer, bytesEqual } from '../base/index.ts';
import { createHash } from 'node:crypto';
import { headerBytes } from './header.ts';

const bodyBytesMax = 65_536;
const hashBytes = 32;

/** Header, length and body of an object in clear: `config` or `mirror`. */
export function joinClearObject(header: Uint8Array, body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.byteLength);
  return Buffer.concat([header, length, body]);
}

/** Appends the SHA-256 of all bytes before it. */
export function withOwnHash(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, sha256(bytes)]);
}

/**
 * The parts of an object that carries its own hash, or undefined if the hash or a length is wrong.
 * `tailBytes` is what stands between body and hash.
 */
export function splitClearObject(
  bytes: Uint8Array,
  tailBytes: number,
): { readonly body: Buffer; readonly beforeTail: Buffer; readonly tail: Buffer } | undefined {
  const buffer = asBuffer(bytes);
  const bodyOffset = headerBytes + 4;
  if (buffer.length < bodyOffset + tailBytes + hashBytes) return undefined;
  const bodyBytes = buffer.readUInt32LE(headerBytes);
  const bodyEnd = bodyOffset + bodyBytes;
  const hashOffset = buffer.length - hashBytes;
  if (bodyBytes > bodyBytesMax || bodyEnd + tailBytes !== hashOffset) return undefined;
  if (!bytesEqual(sha256(buffer.subarray(0, hashOffset)), buffer.subarray(hashOffset))) {
    return undefined;
  }
  return {
    body: buffer.subarray(bodyOffset, bodyEnd),
    beforeTail: buffer.subarray(0, bodyEnd),
    tail: buffer.subarray(bodyEnd, hashOffset),
  };
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
