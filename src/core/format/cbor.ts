import { encode, rfc8949EncodeOptions } from 'cborg';
import { assert } from '../errors/index.ts';
import { CborReader, type CborValue } from './cbor-reader.ts';
import { damaged } from './failures.ts';

const encodeOptions = { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true };

/** Deterministic CBOR. Properties that are undefined are left out. */
export function encodeCbor(value: unknown): Uint8Array {
  const bytes = encode(value, encodeOptions);
  // Nothing is stored that could not be read again, such as a fraction or half a surrogate pair.
  assert(isReadable(bytes), 'A value cannot be stored as deterministic CBOR');
  return bytes;
}

/** The value of deterministic CBOR. Throws `Corrupt` (code CBOR_INVALID) for anything else. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const reader = new CborReader(bytes);
  const value = reader.value();
  if (!reader.done) {
    throw damaged('CBOR_INVALID', 'Stored data goes on behind its end', { at: reader.at });
  }
  return value;
}

function isReadable(bytes: Uint8Array): boolean {
  try {
    decodeCbor(bytes);
    return true;
  } catch {
    return false;
  }
}
