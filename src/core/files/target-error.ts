import { displayPath, type ByteString } from '../base/index.ts';
import { isVersionsError, systemErrorCode, VersionsError } from '../errors/index.ts';
import { systemReason } from './source-error.ts';

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
        `Could not ${action} ${shown}: ${systemReason(error)}`,
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

/** A name that the system of the target would change, split, or take for a device. */
export function notHeldError(path: ByteString, why: string): VersionsError {
  const shown = displayPath(path);
  return new VersionsError(
    'Source',
    'TARGET_NAME_NOT_HELD',
    `${shown} was not restored: this system cannot hold the name, because ${why}`,
    {
      context: { path: shown },
      hint: 'Run "versions restore" on the system that it was saved on, or take the content with "versions cat"',
    },
  );
}

/** The file system takes two names for one. */
export function nameTakenError(path: ByteString, taken: ByteString): VersionsError {
  const shown = displayPath(path);
  return new VersionsError(
    'Source',
    'TARGET_NAME_TAKEN',
    `${shown} was not restored: this file system takes its name and that of ${displayPath(taken)} for one`,
    {
      context: { path: shown, taken: displayPath(taken) },
      hint: 'Give "versions restore" a --target on a file system that tells them apart',
    },
  );
}
