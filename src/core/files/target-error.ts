import { displayPath, type ByteString } from '../base/index.ts';
import { isVersionsError, systemErrorCode, VersionsError } from '../errors/index.ts';
import { reasonOf } from './source-error.ts';

/**
 * Turns what a system call threw while something was written into an error of kind `Source`.
 * `action` completes "Could not … PATH". A VersionsError passes through unchanged.
 */
export function targetError(error: unknown, path: ByteString, action: string): VersionsError {
  if (isVersionsError(error)) return error;
  const shown = displayPath(path);
  const systemCode = systemErrorCode(error);
  const details = {
    cause: error,
    context: { path: shown, ...(systemCode === undefined ? {} : { systemCode }) },
  };
  switch (systemCode) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new VersionsError('Source', 'TARGET_FULL', `No space left to ${action} ${shown}`, {
        ...details,
        hint: 'Make room and run the same "versions restore" again: it goes on where it stopped',
      });
    case 'EACCES':
    case 'EPERM':
      return new VersionsError('Source', 'TARGET_DENIED', `No permission to ${action} ${shown}`, {
        ...details,
        hint: 'Run "versions restore" as a user who may write there, or with another --target',
      });
    case 'EROFS':
      return new VersionsError(
        'Source',
        'TARGET_READ_ONLY',
        `Could not ${action} ${shown}: the file system is read-only`,
        details,
      );
    default:
      return new VersionsError(
        'Source',
        'TARGET_UNWRITABLE',
        `Could not ${action} ${shown}: ${reasonOf(error)}`,
        details,
      );
  }
}

/** Something that must not be replaced stands in the way. */
export function inTheWayError(path: ByteString, what: string): VersionsError {
  const shown = displayPath(path);
  return new VersionsError(
    'Source',
    'TARGET_EXISTS',
    `${shown} was not restored: a ${what} stands in its place`,
    { context: { path: shown }, hint: 'Move it away, or give "versions restore" another --target' },
  );
}

/** A directory on the way is a symlink or something else now. */
export function replacedInTargetError(path: ByteString): VersionsError {
  const shown = displayPath(path);
  return new VersionsError(
    'Source',
    'TARGET_REPLACED',
    `${shown} was not restored: something on the way to it is not a directory`,
    { context: { path: shown } },
  );
}

/** A path from a repository that would lead out of its directory. */
export function unsafeNameError(path: ByteString): VersionsError {
  const shown = displayPath(path);
  return new VersionsError(
    'Corrupt',
    'TARGET_NAME_UNSAFE',
    `The repository holds a name that no file can have: ${shown}`,
    { context: { path: shown } },
  );
}
