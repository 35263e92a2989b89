import type { ByteString } from '../base/index.ts';
import { systemErrorCode } from '../errors/index.ts';
import type { NativeCalls, NativePlace } from './native-calls.ts';
import type { Xattr } from './xattrs.ts';

export interface XattrPlace {
  readonly at: NativePlace;
  readonly follow: boolean;
}

/**
 * Makes the extended attributes at a place those of `wanted`: sets what differs and removes what
 * is too much, such as access lists that a new file inherits from its directory. Labels that the
 * system itself gives (SELinux and the like) are not removed. Returns true if anything was changed.
 */
export function applyXattrs(
  place: XattrPlace,
  wanted: readonly Xattr[],
  native: NativeCalls,
  onMiss: (name: ByteString, error: unknown) => void,
): boolean {
  const { at, follow } = place;
  let touched = false;
  const attempt = (name: ByteString, change: () => void): void => {
    try {
      change();
      touched = true;
    } catch (error) {
      if (systemErrorCode(error) !== 'ENODATA') onMiss(name, error);
    }
  };
  const present = presentNames(place, native);
  for (const name of present) {
    if (isRemovable(name) && !wanted.some((xattr) => xattr.name === name)) {
      attempt(name, () => native.removeXattr(at, name, follow));
    }
  }
  for (const xattr of wanted) {
    if (present.includes(xattr.name)) {
      const value = valueIfReadable(place, xattr.name, native);
      if (value?.equals(xattr.value)) continue;
    }
    attempt(xattr.name, () => native.setXattr(at, xattr, follow));
  }
  return touched;
}

function isRemovable(name: ByteString): boolean {
  return (
    name.startsWith('user.') ||
    name.startsWith('system.posix_acl_') ||
    name === 'security.capability'
  );
}

function presentNames({ at, follow }: XattrPlace, native: NativeCalls): readonly ByteString[] {
  try {
    return native.listXattrs(at, follow);
  } catch {
    // If it matters, setting one tells.
    return [];
  }
}

function valueIfReadable(
  { at, follow }: XattrPlace,
  name: ByteString,
  native: NativeCalls,
): Buffer | undefined {
  try {
    return native.getXattr(at, name, follow);
  } catch {
    return undefined;
  }
}
