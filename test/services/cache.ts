import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where built and fetched programs are kept between runs, outside the working copy. */
export function cacheDirectory(): string {
  const { VERSIONS_SERVICES_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  const directory = own ?? join(xdg ?? join(homedir(), '.cache'), 'versions-services');
  mkdirSync(directory, { recursive: true });
  return directory;
}

/**
 * The directory `name` of the cache, filled by `fill` if it is not there yet. It appears whole or not
 * at all; of several processes that want it at once, one fills it and the others wait.
 */
export async function cached(
  name: string,
  fill: (directory: string) => Promise<void>,
): Promise<string> {
  const root = cacheDirectory();
  const path = join(root, name);
  if (isDirectory(path)) return path;
  const lock = join(root, `${name}.lock`);
  while (!takeLock(lock)) {
    await sleep(300);
    if (isDirectory(path)) return path;
  }
  try {
    if (isDirectory(path)) return path;
    const work = await mkdtemp(join(root, `${name}.part-`));
    try {
      await fill(work);
      renameSync(work, path);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    return path;
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** True if this process has the lock now. One whose owner died is taken away first. */
function takeLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    writeFileSync(join(lock, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    if (isStale(lock)) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function isStale(lock: string): boolean {
  try {
    // Its owner may be between the two calls that make it.
    if (Date.now() - statSync(lock).mtimeMs < 2000) return false;
    const pid = Number(readFileSync(join(lock, 'pid'), 'utf8'));
    return pid === 0 || !isAlive(pid);
  } catch {
    return isDirectory(lock);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
