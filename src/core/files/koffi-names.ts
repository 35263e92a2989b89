import type { ByteString } from '../base/index.ts';
import type { NativeFunction, NativeLibrary } from './koffi-library.ts';
import type { NativeCalls } from './native-calls.ts';

const bufferBytes = 32 * 1024;
/** Where `struct linux_dirent64` has its length and its name, which a NUL ends. */
const lengthAt = 16;
const nameAt = 19;

/**
 * `getdents64` for Linux on little-endian machines, or nothing where the C library is too old for
 * it. The descriptor may be one that serves for other things too: `node:fs` opens a directory for
 * each list, and so does whoever asks after the names.
 */
export function koffiNames(library: NativeLibrary): Pick<NativeCalls, 'namesIn'> {
  let getdents: NativeFunction;
  try {
    getdents = library.func('int64_t getdents64(int fd, void *entries, size_t bytes)');
  } catch {
    return { namesIn: () => undefined };
  }
  const buffer = Buffer.alloc(bufferBytes);
  return {
    namesIn(directory) {
      const names: ByteString[] = [];
      for (;;) {
        const filled = getdents(directory, buffer, bufferBytes);
        if (filled < 0) return undefined;
        if (filled === 0) return names;
        for (let at = 0; at < filled;) {
          const start = at + nameAt;
          let end = start;
          while (end < filled && buffer[end] !== 0) end += 1;
          const name = buffer.toString('latin1', start, end);
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- latin1 gives one character a byte
          if (name !== '.' && name !== '..') names.push(name as ByteString);
          const length = buffer.readUInt16LE(at + lengthAt);
          if (length === 0) return undefined;
          at += length;
        }
      }
    },
  };
}
