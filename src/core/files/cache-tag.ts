import { byteStringFromText, type ByteString } from '../base/index.ts';
import { readBeginning } from './open-for-reading.ts';

/** Name of the file that marks a cache directory (bford.info/cachedir). */
export const cacheTagName: ByteString = byteStringFromText('CACHEDIR.TAG');

const signature = Buffer.from('Signature: 8a477f597d28d172789f06886806bc55');

/** Is the file at `path` a real tag? What cannot be read is none: rather save too much. */
export function isCacheTag(path: ByteString): boolean {
  try {
    return readBeginning(path, signature.length).equals(signature);
  } catch {
    return false;
  }
}
