import { VersionsError } from '../errors/index.ts';

/** There is no object under `key`. */
export function objectNotFound(key: string, location: string, cause?: unknown): VersionsError {
  return new VersionsError('NotFound', 'OBJECT_NOT_FOUND', `There is no ${key} in ${location}`, {
    context: { key, location },
    cause,
  });
}

/** A `put` with `ifAbsent` met an object. */
export function objectExists(key: string, location: string): VersionsError {
  return new VersionsError('Conflict', 'OBJECT_EXISTS', `${key} exists already in ${location}`, {
    context: { key, location },
  });
}

/** Something is under `key` that no store puts there: a link, a device, far too many bytes. */
export function objectUnreadable(key: string, location: string, what: string): VersionsError {
  return new VersionsError(
    'Denied',
    'OBJECT_UNREADABLE',
    `${key} in ${location} is ${what} and is not read`,
    {
      hint: 'Look at what put it there and move it away; then run `versions verify`',
      context: { key, location },
    },
  );
}

export function storeReadOnly(location: string): VersionsError {
  return new VersionsError('Denied', 'STORE_READ_ONLY', `${location} is open for reading only`, {
    context: { location },
  });
}

/** The place itself is not there, or is no longer the one that was opened. */
export function storeAbsent(location: string, what: string, cause?: unknown): VersionsError {
  return new VersionsError('Unavailable', 'STORE_ABSENT', `${location} ${what}`, {
    hint: 'Mount the disk or share, or correct the path; `versions config show` shows the paths',
    context: { location },
    cause,
  });
}
