import type { ByteString } from '../base/index.ts';
import { systemErrorCode } from '../errors/index.ts';
import { reach } from './long-path.ts';
import { nativeCalls } from './native.ts';
import type { NativeCalls } from './native-calls.ts';
import { sourceError } from './source-error.ts';

/** One extended attribute; access lists and file capabilities are such too. */
export interface Xattr {
  readonly name: ByteString;
  readonly value: Uint8Array;
}

const none: readonly Xattr[] = [];

/**
 * The extended attributes of what stands at `path`, a symlink's own, ascending by name. Empty
 * where the file system has none or they cannot be read at all here (see `NativeCapabilities`).
 * One call for a file without any. `at`: what leads there, if `path` is for messages only. Throws
 * kind `Source`.
 */
export function readXattrs(
  path: ByteString,
  native: NativeCalls = nativeCalls(),
  at: ByteString = path,
): readonly Xattr[] {
  try {
    return reach(at, (reachable) => {
      const names = native.listXattrs(reachable, false);
      return names.length === 0
        ? none
        : collect(names, (name) => native.getXattr(reachable, name, false));
    });
  } catch (error) {
    throw sourceError(error, path, 'read the extended attributes of');
  }
}

/** As `readXattrs`, of an open file; `path` is for the message only. */
export function readXattrsOfFd(
  fd: number,
  path: ByteString,
  native: NativeCalls = nativeCalls(),
): readonly Xattr[] {
  try {
    const names = native.listXattrs(fd, true);
    return names.length === 0 ? none : collect(names, (name) => native.getXattr(fd, name, true));
  } catch (error) {
    throw sourceError(error, path, 'read the extended attributes of');
  }
}

function collect(
  names: readonly ByteString[],
  get: (name: ByteString) => Uint8Array | undefined,
): readonly Xattr[] {
  const found: Xattr[] = [];
  for (const name of [...names].sort()) {
    const value = getIfAllowed(name, get);
    if (value !== undefined) found.push({ name, value });
  }
  return found;
}

/** Some names are listed for everybody and readable for root only: they are not ours to save. */
function getIfAllowed(
  name: ByteString,
  get: (name: ByteString) => Uint8Array | undefined,
): Uint8Array | undefined {
  try {
    return get(name);
  } catch (error) {
    const code = systemErrorCode(error);
    if ((code === 'EACCES' || code === 'EPERM') && !name.startsWith('user.')) return undefined;
    throw error;
  }
}
