import { errorMessage, systemErrorCode, VersionsError } from '../errors/index.ts';

/** What the system said about a file of the journal, as an error of ours. */
export function journalError(error: unknown, path: string): VersionsError {
  if (error instanceof VersionsError) return error;
  const systemCode = systemErrorCode(error);
  const details = { cause: error, context: { path } };
  switch (systemCode) {
    case 'ENOENT':
      return new VersionsError('NotFound', 'JOURNAL_MISSING', `There is no journal at ${path}`, {
        ...details,
      });
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new VersionsError('Unavailable', 'JOURNAL_FULL', `No space left to write ${path}`, {
        ...details,
        hint: 'Free some space on that disk and run the command again; it goes on where it stopped',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new VersionsError('Denied', 'JOURNAL_DENIED', `Not allowed to open ${path}`, {
        ...details,
        hint: 'Check the owner and mode of the file and of its directory',
      });
    case 'EISDIR':
      return notJournal(path);
    default:
      return new VersionsError(
        'Unavailable',
        'JOURNAL_FAILED',
        `The journal ${path} could not be read or written: ${errorMessage(error)}`,
        { ...details, hint: 'Check the disk that holds it, then run the command again' },
      );
  }
}

export function journalBusy(path: string): VersionsError {
  return new VersionsError('Conflict', 'JOURNAL_BUSY', `The journal ${path} is in use`, {
    context: { path },
    hint: 'Another run of versions works with it; wait until that one has ended',
  });
}

export function journalChanged(path: string): VersionsError {
  return new VersionsError(
    'Conflict',
    'JOURNAL_CHANGED',
    `The journal ${path} was cleared or taken over since it was opened`,
    { context: { path }, hint: 'Run the command again' },
  );
}

export function journalDamaged(path: string, detail: string): VersionsError {
  return new VersionsError('Corrupt', 'JOURNAL_DAMAGED', `The journal ${path} ${detail}`, {
    context: { path },
    hint: 'Move it away; the next `versions backup` then reads again what it held',
  });
}

export function notJournal(path: string): VersionsError {
  return new VersionsError('Corrupt', 'JOURNAL_DAMAGED', `${path} is not a journal of Versions`, {
    context: { path },
    hint: 'Check the path; nothing was written there',
  });
}

export function journalTooNew(path: string, version: number): VersionsError {
  return new VersionsError(
    'Unsupported',
    'JOURNAL_TOO_NEW',
    `The journal ${path} has format ${version}, made by a newer version of Versions`,
    { context: { path, version }, hint: 'Update Versions' },
  );
}
