import { closeSync, constants, openSync, statSync } from 'node:fs';
import { byteStringFromText, fsPath, type ByteString } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';

/** Paths up to this many bytes go to the kernel as they are (PATH_MAX is 4096 with the NUL). */
export const pathBytesDirectMax = 4000;

/** `O_PATH`, which Node does not name: a handle on what a name stands for, without opening it. */
export const openPathOnly = 0o10000000;

/**
 * Calls `use` with a short path to the same place: the leading directories are opened one hop of
 * at most `pathBytesDirectMax` bytes after another, each through its predecessor's descriptor, so
 * that two descriptors suffice for any depth. The short path is valid only inside `use`.
 */
export function viaDirectories<T>(path: ByteString, use: (reachable: string | Buffer) => T): T {
  if (!hasDescriptorPaths()) {
    throw new VersionsError(
      'Source',
      'SOURCE_PATH_TOO_LONG',
      'Paths of more than 4000 bytes can be reached only where /proc/self/fd exists',
      { context: { bytes: path.length } },
    );
  }
  let fd = -1;
  try {
    let rest = path;
    while (rest.length > pathBytesDirectMax) {
      const cut = rest.lastIndexOf('/', pathBytesDirectMax);
      if (cut <= 0) throw nameTooLong();
      const hop = through(fd, byteSlice(rest, 0, cut));
      const next = openSync(fsPath(hop), openPathOnly | constants.O_DIRECTORY);
      if (fd !== -1) closeSync(fd);
      fd = next;
      rest = byteSlice(rest, cut + 1);
    }
    return use(fsPath(through(fd, rest)));
  } finally {
    if (fd !== -1) closeSync(fd);
  }
}

/** Calls `use` with a path the kernel accepts for `path`, however long it is. */
export function reach<T>(path: ByteString, use: (reachable: string | Buffer) => T): T {
  return path.length > pathBytesDirectMax ? viaDirectories(path, use) : use(fsPath(path));
}

/** The path that leads to what descriptor `fd` stands for. */
export function descriptorPath(fd: number): ByteString {
  return byteStringFromText(`/proc/self/fd/${fd}`);
}

/** True if `/proc/self/fd/N/name` works here. Looked up once. */
export function hasDescriptorPaths(): boolean {
  descriptorPaths ??= statSync('/proc/self/fd', { throwIfNoEntry: false })?.isDirectory() ?? false;
  return descriptorPaths;
}

let descriptorPaths: boolean | undefined;

function through(fd: number, rest: ByteString): ByteString {
  return fd === -1 ? rest : joinPath(descriptorPath(fd), rest);
}

/** A part of a byte string is one too. */
export function byteSlice(text: ByteString, start: number, end?: number): ByteString {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- slicing keeps every character a byte
  return text.slice(start, end) as ByteString;
}

/** `directory/name`; nothing is doubled when the directory is `/` or the empty path. */
export function joinPath(directory: ByteString, name: ByteString): ByteString {
  const joined = directory === '' ? name : directory === '/' ? `/${name}` : `${directory}/${name}`;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- joined from byte strings
  return joined as ByteString;
}

function nameTooLong(): Error {
  return Object.assign(new Error('ENAMETOOLONG: name too long, open'), { code: 'ENAMETOOLONG' });
}
