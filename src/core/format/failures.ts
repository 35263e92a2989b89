import { VersionsError, type ErrorContext } from '../errors/index.ts';

/** An error for stored bytes that are not what the format says. */
export function damaged(code: string, message: string, context: ErrorContext = {}): VersionsError {
  return new VersionsError('Corrupt', code, message, { context });
}

/** An error for values that version 1 of the format reserves. */
export function tooNew(what: string, context: ErrorContext = {}): VersionsError {
  return new VersionsError(
    'Unsupported',
    'FORMAT_TOO_NEW',
    `${what} was made by a newer version of Versions`,
    { hint: 'Install the newest version of Versions', context },
  );
}
