import { displayPath, type ByteString } from '../base/index.ts';
import { errorMessage, isVersionsError, systemErrorCode, VersionsError } from '../errors/index.ts';

/**
 * Turns what a system call threw while something was read into a `Source` error. `action`
 * completes "Could not … PATH". A VersionsError passes through unchanged.
 */
export function sourceError(error: unknown, path: ByteString, action: string): VersionsError {
  if (isVersionsError(error)) return error;
  const shown = displayPath(path);
  const systemCode = systemErrorCode(error);
  const details = {
    cause: error,
    context: { path: shown, ...(systemCode === undefined ? {} : { systemCode }) },
  };
  switch (systemCode) {
    case 'ENOENT':
    case 'ENOTDIR':
      return vanishedError(path, error);
    case 'EACCES':
    case 'EPERM':
      return new VersionsError('Source', 'SOURCE_DENIED', `No permission to ${action} ${shown}`, {
        ...details,
        hint: 'Run "versions backup" as a user who may read it, or leave it out with --exclude',
      });
    case 'ELOOP':
      return replacedError(path);
    case 'ENAMETOOLONG':
      return new VersionsError(
        'Source',
        'SOURCE_PATH_TOO_LONG',
        `The path is too long for this system: ${shortened(shown)}`,
        details,
      );
    default:
      return new VersionsError(
        'Source',
        'SOURCE_UNREADABLE',
        `Could not ${action} ${shown}: ${systemReason(error)}`,
        details,
      );
  }
}

/** The error for a name that was there a moment ago. */
export function vanishedError(path: ByteString, cause?: unknown): VersionsError {
  const shown = displayPath(path);
  return new VersionsError('Source', 'SOURCE_VANISHED', `${shown} is no longer there`, {
    cause,
    context: { path: shown },
  });
}

/** The error for a name under which something of another kind stands now. */
export function replacedError(path: ByteString): VersionsError {
  const shown = displayPath(path);
  return new VersionsError(
    'Source',
    'SOURCE_REPLACED',
    `${shown} was replaced by something of another kind while it was being read`,
    { context: { path: shown } },
  );
}

/** The system's reason without Node's repetition of call and path. */
export function systemReason(error: unknown): string {
  const message = errorMessage(error);
  const comma = message.lastIndexOf(', ');
  return comma === -1 ? message : message.slice(0, comma);
}

function shortened(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 100)}…${text.slice(-80)}`;
}
