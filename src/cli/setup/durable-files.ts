import { randomBytes } from 'node:crypto';
import { link, open, realpath, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectories, systemErrorCode } from '../../core/index.ts';

const privateMode = 0o600;

/** What file systems without hard links answer. */
const noHardLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

const syncFailures: ReadonlySet<string> = new Set(['EIO', 'ENOSPC', 'EDQUOT', 'ESTALE']);

/**
 * Replaces a file by a new one with this text, readable by its owner only: after a crash there is
 * the old one or the new one, whole. A symbolic link stays one; the file it leads to is replaced.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realTarget(path);
  const temporary = await writeTemporary(target, text);
  try {
    await rename(temporary, target);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncDirectory(dirname(target));
}

/**
 * Makes a file with this text, readable by its owner only, and returns true; or returns false,
 * without touching it, if there is one already.
 */
export async function createFile(path: string, text: string): Promise<boolean> {
  const temporary = await writeTemporary(path, text);
  try {
    // Unlike `rename`, `link` never replaces; and unlike opening it exclusively, it is whole at once.
    await link(temporary, path);
  } catch (error) {
    const code = systemErrorCode(error) ?? '';
    if (code === 'EEXIST') return false;
    if (!noHardLinks.has(code)) throw error;
    await (await open(path, 'wx', privateMode)).close();
    await rename(temporary, path);
    return true;
  } finally {
    await unlink(temporary).catch(() => {});
  }
  await syncDirectory(dirname(path));
  return true;
}

async function writeTemporary(path: string, text: string): Promise<string> {
  await makeDurableDirectories(dirname(path));
  const temporary = join(dirname(path), `.tmp-${randomBytes(8).toString('hex')}`);
  const file = await open(temporary, 'wx', privateMode);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  } finally {
    await file.close();
  }
  return temporary;
}

/**
 * Makes a directory and those above it that are missing. A directory's name is in the directory
 * above, which must be on disk too.
 */
export async function makeDurableDirectories(path: string): Promise<void> {
  const first = await makeDirectories(path);
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
}

async function realTarget(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return path;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch((error: unknown) => {
    // One may write to a directory without being allowed to read it, and then not sync it either.
    if (systemErrorCode(error) === 'EACCES') return undefined;
    throw error;
  });
  if (directory === undefined) return;
  try {
    await directory.sync();
  } catch (error) {
    // Network file systems that cannot do this for directories answer with almost any code.
    if (syncFailures.has(systemErrorCode(error) ?? '')) throw error;
  } finally {
    await directory.close();
  }
}
