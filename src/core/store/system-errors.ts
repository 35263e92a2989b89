import { systemErrorCode, VersionsError } from '../errors/index.ts';

/** What was tried where; for the message. */
export interface FailedCall {
  readonly action: 'read' | 'write' | 'list' | 'delete' | 'open' | 'thaw';
  readonly location: string;
  readonly key?: string | undefined;
}

/** A failed system call on a directory store, in the words of `ObjectStore`. */
export function storeErrorFrom(error: unknown, call: FailedCall): VersionsError {
  if (error instanceof VersionsError) return error;
  const code = systemErrorCode(error) ?? 'unknown';
  const what = call.key === undefined ? call.location : `${call.key} in ${call.location}`;
  const details = {
    context: { location: call.location, systemCode: code, ...(call.key && { key: call.key }) },
    cause: error,
  };
  if (fullCodes.has(code)) {
    return new VersionsError('Unavailable', 'STORE_FULL', `No space is left in ${call.location}`, {
      ...details,
      hint: 'Make room there, then run the command again; `versions verify` says what is missing where',
    });
  }
  if (deniedCodes.has(code)) {
    return new VersionsError('Denied', 'STORE_DENIED', `No permission to ${call.action} ${what}`, {
      ...details,
      hint: deniedHint(code),
    });
  }
  return new VersionsError(
    'Unavailable',
    'STORE_UNAVAILABLE',
    `Could not ${call.action} ${what} (${code})`,
    details,
  );
}

/** `ENOENT`, or a file where a directory should be on the way. */
export function isMissing(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
const deniedCodes: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

function deniedHint(code: string): string {
  return code === 'EROFS'
    ? 'The file system is mounted for reading only; mount it for writing and run the command again'
    : 'Run the command as the user who owns the directory, or correct its owner and permissions';
}
