import { mkdirSync, statSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Makes a directory and those above it that are missing, mode 0700; returns the first that was made,
 * undefined if all were there. Throws what the system says.
 *
 * Node's own recursive `mkdir` never comes back where the system answers that something above is
 * missing although nothing is: below `/proc`, and where an automounter has nothing to mount.
 */
export async function makeDirectories(path: string): Promise<string | undefined> {
  const missing: string[] = [];
  let at = resolve(path);
  while (!(await exists(at))) {
    missing.push(at);
    at = dirname(at);
  }
  let first: string | undefined;
  for (const directory of missing.toReversed()) {
    try {
      await mkdir(directory, privateMode);
      first ??= directory;
    } catch (error) {
      await refuseUnlessThere(error, directory);
    }
  }
  return first;
}

/** The same at once, for what only this program uses. */
export function makeDirectoriesSync(path: string): void {
  const missing: string[] = [];
  let at = resolve(path);
  while (statSync(at, { throwIfNoEntry: false }) === undefined) {
    missing.push(at);
    at = dirname(at);
  }
  for (const directory of missing.toReversed()) {
    try {
      mkdirSync(directory, privateMode);
    } catch (error) {
      // Another run was quicker.
      if (codeOf(error) !== 'EEXIST' || !statSync(directory).isDirectory()) throw error;
    }
  }
}

const privateMode = 0o700;

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Another run may have been quicker. */
async function refuseUnlessThere(error: unknown, path: string): Promise<void> {
  if (codeOf(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
