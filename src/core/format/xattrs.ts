import { byteStringOf } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { CborReader } from './cbor-reader.ts';
import { CborWriter } from './cbor-writer.ts';
import { damaged } from './failures.ts';
import type { Xattr } from './tree-entry.ts';

/** The plaintext of a data chunk that holds extended attributes too large for their entry. */
export function encodeXattrs(xattrs: readonly Xattr[]): Uint8Array {
  assert(cborXattrBytes(xattrs) !== undefined, 'Extended attributes are stored in order of names');
  const writer = new CborWriter();
  writeXattrs(writer, xattrs);
  return writer.toBytes();
}

/** Reads such a chunk. Throws `Corrupt` (codes XATTRS_DAMAGED, CBOR_INVALID). */
export function decodeXattrs(bytes: Uint8Array): Xattr[] {
  const reader = new CborReader(bytes);
  const xattrs = readXattrs(reader);
  if (!reader.done || cborXattrBytes(xattrs) === undefined) {
    throw damaged('XATTRS_DAMAGED', 'The extended attributes of an entry are not valid');
  }
  return xattrs;
}

export function writeXattrs(writer: CborWriter, xattrs: readonly Xattr[]): void {
  writer.array(xattrs.length);
  for (const { name, value } of xattrs) {
    writer.array(2);
    writer.latin1(name);
    writer.bytes(value);
  }
}

/** Reads the array only; whether it is in order `cborXattrBytes` tells. */
export function readXattrs(reader: CborReader): Xattr[] {
  const count = reader.array();
  const xattrs: Xattr[] = [];
  for (let read = 0; read < count; read++) {
    if (reader.array() !== 2) {
      throw damaged('XATTRS_DAMAGED', 'The extended attributes of an entry are not valid');
    }
    xattrs.push({ name: byteStringOf(reader.byteString()), value: reader.byteString() });
  }
  return xattrs;
}

/** Encoded bytes, or undefined if there are none, a name is empty or has a NUL, or they are not in order. */
export function cborXattrBytes(xattrs: readonly Xattr[]): number | undefined {
  if (xattrs.length === 0) return undefined;
  let bytes = headBytes(xattrs.length);
  let last = '';
  for (const { name, value } of xattrs) {
    if (name <= last || name.includes('\0')) return undefined;
    last = name;
    bytes +=
      1 + headBytes(name.length) + name.length + headBytes(value.byteLength) + value.byteLength;
  }
  return bytes;
}

function headBytes(argument: number): number {
  if (argument < 24) return 1;
  if (argument < 0x100) return 2;
  return argument < 0x1_0000 ? 3 : 5;
}
