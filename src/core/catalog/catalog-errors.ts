import { errorMessage, systemErrorCode, VersionsError } from '../errors/index.ts';

const rebuildHint =
  'Make it anew from the mirrors: `versions catalog rebuild`; a file is kept beside the new one';

export function catalogConflict(message: string): VersionsError {
  return new VersionsError('Conflict', 'CATALOG_CONFLICT', message, {
    hint: 'Another client was first; run the command again',
  });
}

export function catalogDamaged(location: string, detail: string, cause?: unknown): VersionsError {
  return new VersionsError('Corrupt', 'CATALOG_DAMAGED', `The catalog ${location} ${detail}`, {
    hint: rebuildHint,
    context: { location },
    cause,
  });
}

export function catalogForeign(location: string, cause?: unknown): VersionsError {
  return new VersionsError(
    'Corrupt',
    'CATALOG_DAMAGED',
    `${location} is not a catalog of Versions`,
    {
      hint: `Check the path. ${rebuildHint}`,
      context: { location },
      cause,
    },
  );
}

export function catalogMissing(location: string): VersionsError {
  return new VersionsError('NotFound', 'CATALOG_MISSING', `There is no catalog at ${location}`, {
    hint: 'To make it from the mirrors: `versions catalog rebuild`; for a new repository: `versions init`',
    context: { location },
  });
}

export function catalogBusy(location: string, what: string): VersionsError {
  return new VersionsError('Unavailable', 'CATALOG_BUSY', `The catalog ${location} ${what}`, {
    hint: 'Run the command again in a minute',
    context: { location },
  });
}

export function catalogReadOnly(location: string): VersionsError {
  return new VersionsError(
    'Denied',
    'CATALOG_READ_ONLY',
    `The catalog ${location} was opened for reading only`,
    { context: { location } },
  );
}

export function catalogTooNew(location: string, version: number): VersionsError {
  return new VersionsError(
    'Unsupported',
    'CATALOG_TOO_NEW',
    `The catalog ${location} has version ${version}, made by a newer version of Versions`,
    { hint: 'Update Versions', context: { location, version } },
  );
}

export function catalogReplaced(location: string): VersionsError {
  return new VersionsError(
    'Conflict',
    'CATALOG_REPLACED',
    `The catalog ${location} was removed or replaced while it was in use`,
    { hint: 'Run the command again', context: { location } },
  );
}

/** SQLite's primary result codes. */
const sqlite = {
  error: 1,
  perm: 3,
  busy: 5,
  locked: 6,
  readOnly: 8,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  constraint: 19,
  mismatch: 20,
  auth: 23,
  notDatabase: 26,
} as const;

/** What SQLite or the file system said, as an error of ours. */
export function catalogError(error: unknown, location: string): VersionsError {
  if (error instanceof VersionsError) return error;
  const details = { cause: error, context: { location } };
  switch (sqliteCode(error)) {
    case sqlite.corrupt:
      return catalogDamaged(location, 'is damaged', error);
    // Our statements fit our tables; if they do not, somebody has changed the tables.
    case sqlite.error:
    case sqlite.constraint:
    case sqlite.mismatch:
      return catalogDamaged(location, 'does not have the tables it should have', error);
    case sqlite.notDatabase:
      return catalogForeign(location, error);
    case sqlite.busy:
    case sqlite.locked:
      return new VersionsError('Unavailable', 'CATALOG_BUSY', `The catalog ${location} is in use`, {
        ...details,
        hint: 'Another run of versions writes to it; try again in a moment',
      });
    case sqlite.full:
      return catalogFull(location, error);
    case sqlite.readOnly:
      return new VersionsError(
        'Denied',
        'CATALOG_READ_ONLY',
        `The catalog ${location} can only be read`,
        {
          ...details,
          hint: 'Check the mode of the file and of its directory; on read-only media, use a copy',
        },
      );
    case sqlite.cantOpen:
    case sqlite.perm:
    case sqlite.auth:
      return catalogDenied(location, error);
    default:
      return fileError(error, location);
  }
}

function fileError(error: unknown, location: string): VersionsError {
  // Node's own complaint about an integer that no number can hold: no value of ours.
  if (systemErrorCode(error) === 'ERR_OUT_OF_RANGE') {
    return catalogDamaged(location, 'holds a value out of range', error);
  }
  switch (systemErrorCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return catalogMissing(location);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return catalogDenied(location, error);
    case 'ENOSPC':
    case 'EDQUOT':
      return catalogFull(location, error);
    default:
      return new VersionsError(
        'Unavailable',
        'CATALOG_FAILED',
        `The catalog ${location} could not be read or written: ${errorMessage(error)}`,
        {
          cause: error,
          context: { location },
          hint: 'Check the disk that holds it; a catalog needs a local disk',
        },
      );
  }
}

function catalogFull(location: string, cause: unknown): VersionsError {
  return new VersionsError('Unavailable', 'CATALOG_FULL', `No space left to write ${location}`, {
    cause,
    context: { location },
    hint: 'Free some space on that disk and run the command again; nothing was lost',
  });
}

function catalogDenied(location: string, cause: unknown): VersionsError {
  return new VersionsError('Denied', 'CATALOG_DENIED', `Not allowed to open ${location}`, {
    cause,
    context: { location },
    hint: 'Check the owner and mode of the file and of its directory',
  });
}

function sqliteCode(error: unknown): number | undefined {
  const extended = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  return typeof extended === 'number' ? extended & 0xff : undefined;
}
