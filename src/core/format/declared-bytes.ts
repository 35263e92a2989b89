import { asBuffer } from '../base/index.ts';
import { headerBytes, magic } from './header.ts';
import { entryLengthAt } from './journal-entry.ts';
import type { MirrorPart } from './object-name.ts';

const lengthBytes = 4;

/**
 * How many bytes an object must have by the lengths that stand in it, whole or damaged; undefined
 * if it does not begin as an object does, or its kind tells no length. A hint: the lengths may be
 * what is damaged.
 */
export function declaredBytes(part: MirrorPart, object: Uint8Array): number | undefined {
  const bytes = asBuffer(object);
  if (bytes.length < headerBytes || !bytes.subarray(0, magic.length).equals(magic)) {
    return undefined;
  }
  const behind = (at: number): number | undefined =>
    at + lengthBytes > bytes.length ? undefined : at + lengthBytes + bytes.readUInt32LE(at);
  if (part === 'payload') return behind(headerBytes);
  if (part === 'entry') return behind(entryLengthAt);
  if (part !== 'key') return undefined;
  const sealed = behind(headerBytes);
  return sealed === undefined ? undefined : behind(sealed);
}
