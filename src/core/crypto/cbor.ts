import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { bytesEqual } from '../base/index.ts';

/** Deterministic CBOR of a map with text keys. */
export function encodeCbor(value: Readonly<Record<string, unknown>>): Uint8Array {
  return encode(value, rfc8949EncodeOptions);
}

/** The value of deterministic CBOR, or undefined if the bytes are anything else. */
export function decodeCbor(bytes: Uint8Array): unknown {
  try {
    const value: unknown = decode(bytes, { strict: true, rejectDuplicateMapKeys: true });
    return bytesEqual(encode(value, rfc8949EncodeOptions), bytes) ? value : undefined;
  } catch {
    return undefined;
  }
}
