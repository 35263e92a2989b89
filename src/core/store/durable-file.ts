import { constants } from 'node:fs';
import { type FileHandle, link, open, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../errors/index.ts';
import { throwIfAborted } from './cancel.ts';

/** Names that begin so are unfinished writes; no key has such a segment. */
export const temporaryPrefix = '.tmp-';

export interface DurableFile {
  readonly directory: string;
  readonly name: string;
  /** Begins with `temporaryPrefix` and is used by nobody else. */
  readonly temporaryName: string;
  readonly parts: readonly Uint8Array[];
  /** Never replace a file of this name. */
  readonly ifAbsent: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** `exclusive` is false if `ifAbsent` was asked for where no atomic way to it exists. */
export type DurableFileResult =
  | { readonly stored: true; readonly exclusive: boolean }
  | { readonly stored: false; readonly exclusive: boolean };

/**
 * Writes a file so that its name never shows anything but the whole content, also after a power
 * cut, and so that content and name are on the disk when it resolves:
 *
 * 1. a new file under the temporary name, in the same directory (a rename elsewhere need not be
 *    atomic); write; fsync;
 * 2. rename to the name, or with `ifAbsent` a hard link, which fails if the name is taken;
 * 3. fsync of the directory.
 *
 * `stored` is false if `ifAbsent` and the name was taken. Whatever fails, the temporary file is
 * removed as far as that is possible.
 */
export async function writeDurably(file: DurableFile): Promise<DurableFileResult> {
  const temporary = join(file.directory, file.temporaryName);
  const target = join(file.directory, file.name);
  throwIfAborted(file.signal);
  const handle = await open(temporary, 'wx', 0o600);
  let result: DurableFileResult;
  try {
    try {
      await writeParts(handle, file.parts, file.signal);
      await syncFile(handle);
    } finally {
      await handle.close();
    }
    throwIfAborted(file.signal);
    if (file.ifAbsent) {
      result = await takeName(temporary, target);
    } else {
      await rename(temporary, target);
      result = { stored: true, exclusive: true };
    }
  } catch (error) {
    await removeQuietly(temporary);
    throw error;
  }
  if (result.stored) await syncDirectory(file.directory);
  return result;
}

/** Makes the names in a directory durable, where the file system knows how. */
export async function syncDirectory(directory: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    // One may write to a directory without being allowed to read it, and then not sync it either.
    if (systemErrorCode(error) === 'EACCES') return;
    throw error;
  }
  try {
    await handle.sync();
  } catch (error) {
    // Network file systems that cannot do this for directories answer with almost any code.
    if (directorySyncFailures.has(systemErrorCode(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

const directorySyncFailures: ReadonlySet<string> = new Set(['EIO', 'ENOSPC', 'EDQUOT', 'ESTALE']);
const fileSyncUnknown: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);
const linkFailures: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'ESTALE',
]);

/** Bytes for one system call, so that a signal is heard within a large object. */
const writeBytesMax = 16 * 1024 * 1024;
const writePartsMax = 1024;

async function writeParts(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  signal: AbortSignal | undefined,
): Promise<void> {
  let batch: Uint8Array[] = [];
  let batchBytes = 0;
  const flush = async (): Promise<void> => {
    throwIfAborted(signal);
    await writeAll(handle, batch);
    batch = [];
    batchBytes = 0;
  };
  for (const part of parts) {
    for (let offset = 0; offset < part.byteLength;) {
      const bytes = Math.min(part.byteLength - offset, writeBytesMax - batchBytes);
      batch.push(part.subarray(offset, offset + bytes));
      batchBytes += bytes;
      offset += bytes;
      if (batchBytes === writeBytesMax || batch.length === writePartsMax) await flush();
    }
  }
  if (batch.length > 0) await flush();
}

/** A system call may write less than it was given, for instance when a quota is near. */
async function writeAll(handle: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest);
    rest = withoutFirst(rest, bytesWritten);
  }
}

function withoutFirst(parts: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  let index = 0;
  for (const part of parts) {
    if (skip < part.byteLength) return [part.subarray(skip), ...parts.slice(index + 1)];
    skip -= part.byteLength;
    index += 1;
  }
  return [];
}

async function syncFile(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if (!fileSyncUnknown.has(systemErrorCode(error) ?? '')) throw error;
  }
}

async function takeName(temporary: string, target: string): Promise<DurableFileResult> {
  try {
    await link(temporary, target);
  } catch (error) {
    const code = systemErrorCode(error) ?? '';
    if (linkFailures.has(code)) throw error;
    if (code !== 'EEXIST') return renameIfAbsent(temporary, target);
    // Over NFS the answer to a link that succeeded can be lost and the repeated call told EEXIST.
    const linked = (await stat(temporary)).nlink === 2;
    await removeQuietly(temporary);
    return { stored: linked, exclusive: true };
  }
  await removeQuietly(temporary);
  return { stored: true, exclusive: true };
}

/** For file systems without hard links (exFAT, many shares): two clients at once are not noticed. */
async function renameIfAbsent(temporary: string, target: string): Promise<DurableFileResult> {
  const taken = await stat(target).then(
    () => true,
    (error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
  if (taken) {
    await removeQuietly(temporary);
    return { stored: false, exclusive: false };
  }
  await rename(temporary, target);
  return { stored: true, exclusive: false };
}

async function removeQuietly(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch {
    // It stays as an unfinished write that nobody reads; the sweep of old ones takes it.
  }
}
