import { errorMessage, systemErrorCode, VersionsError } from './versions-error.ts';

/** What SQLite says when it cannot write for want of space; the other one when it maps memory. */
const sqliteFull = 13;
const sqliteSharedMemorySize = 10 | (19 << 8);
const sqliteInputOutput = 10;
/** Not allowed, read-only, cannot be opened. */
const sqliteDenied = new Set([3, 8, 14]);
const systemDenied = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EMFILE', 'ENFILE']);

/**
 * Does work that keeps files of this machine's own. When their disk is full or fails, or they may not
 * be used, system calls and SQLite say so each in their way; it leaves as `Unavailable`
 * (LOCAL_DISK_FULL, LOCAL_DISK_FAILED) or `Denied` (LOCAL_DISK_DENIED).
 */
export async function withLocalDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof VersionsError ? error : (localDiskError(error) ?? error);
  }
}

function localDiskError(error: unknown): VersionsError | undefined {
  const [code, sqlite] = [systemErrorCode(error), sqliteCode(error)];
  const primary = sqlite & 0xff;
  if (
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    primary === sqliteFull ||
    sqlite === sqliteSharedMemorySize
  ) {
    return new VersionsError(
      'Unavailable',
      'LOCAL_DISK_FULL',
      'The disk that holds the cache of this machine is full',
      {
        hint: 'Make room there, or choose another place with --cache-dir; nothing that was stored is lost',
        cause: error,
      },
    );
  }
  if (sqliteDenied.has(primary) || systemDenied.has(code ?? '')) {
    return new VersionsError(
      'Denied',
      'LOCAL_DISK_DENIED',
      `The files that this machine keeps for itself cannot be used (${errorMessage(error)})`,
      {
        hint: 'Check owner and mode of that directory and how many files may be open (`ulimit -n`), or choose another place with --cache-dir',
        cause: error,
      },
    );
  }
  if (code !== 'EIO' && primary !== sqliteInputOutput) return undefined;
  return new VersionsError(
    'Unavailable',
    'LOCAL_DISK_FAILED',
    `The disk that holds the cache of this machine fails (${errorMessage(error)})`,
    {
      hint: 'Check that disk, or choose another place with --cache-dir; nothing that was stored is lost',
      cause: error,
    },
  );
}

/** SQLite's extended result code, of which the low byte is the primary one; 0 if it is not SQLite's. */
function sqliteCode(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error)) return 0;
  return typeof error.errcode === 'number' ? error.errcode : 0;
}
