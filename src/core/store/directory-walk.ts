import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { throwIfAborted } from './cancel.ts';
import { isKeySegment } from './object-key.ts';
import type { ObjectInfo } from './object-store.ts';
import { isMissing } from './system-errors.ts';
import { parentOf } from './directory-root.ts';

export interface WalkOptions {
  readonly prefix: string;
  readonly after: string;
  readonly signal?: AbortSignal | undefined;
  /** Absolute path of a directory below the root. */
  readonly absolute: (relative: string) => string;
}

/**
 * The objects below a directory in ascending order of their keys. Names are sorted with a `/`
 * behind directories, so that `a-b` comes before `a/b` as in the order of keys. Held in memory are
 * the names of one directory on each level. What is not a directory counts as an object, whatever
 * it is, so that it shows up; names that no key can have are passed over.
 */
export async function* walkObjects(
  options: WalkOptions,
): AsyncGenerator<ObjectInfo, void, undefined> {
  const slash = options.prefix.lastIndexOf('/');
  const start = options.prefix.slice(0, slash + 1);
  const levels = [{ base: start, names: await readNames(start, options), next: 0 }];
  for (;;) {
    throwIfAborted(options.signal);
    const level = levels.at(-1);
    if (level === undefined) return;
    const name = level.names[level.next];
    if (name === undefined) {
      levels.pop();
    } else if (name.endsWith('/')) {
      level.next += 1;
      const base = level.base + name;
      levels.push({ base, names: await readNames(base, options), next: 0 });
    } else {
      const batch = filesFrom(level.names, level.next);
      level.next += batch.length;
      const found = await Promise.all(batch.map((file) => infoOf(level.base + file, options)));
      for (const info of found) if (info !== undefined) yield info;
    }
  }
}

/** Unfinished writes below a directory: relative paths, sizes and times of last change. */
export async function* walkTemporaries(options: {
  readonly absolute: (relative: string) => string;
  readonly isTemporary: (name: string) => boolean;
  readonly signal?: AbortSignal | undefined;
}): AsyncGenerator<{ readonly path: string; readonly bytes: number; readonly changedAt: number }> {
  const bases = [''];
  for (let base = bases.pop(); base !== undefined; base = bases.pop()) {
    throwIfAborted(options.signal);
    for (const entry of await entriesOf(base, options.absolute)) {
      const relative = base + entry.name;
      if (entry.isDirectory() && isKeySegment(entry.name)) bases.push(`${relative}/`);
      if (!entry.isFile() || !options.isTemporary(entry.name)) continue;
      const found = await lstatIfThere(options.absolute(relative));
      if (found?.isFile() === true) {
        yield { path: relative, bytes: found.size, changedAt: found.mtimeMs };
      }
    }
  }
}

/** System calls under way at once for one listing. */
const batchMax = 32;

function filesFrom(names: readonly string[], from: number): readonly string[] {
  let end = from;
  while (end < names.length && end - from < batchMax && names[end]?.endsWith('/') === false) {
    end += 1;
  }
  return names.slice(from, end);
}

async function readNames(base: string, options: WalkOptions): Promise<readonly string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(base, options.absolute)) {
    if (!isKeySegment(entry.name)) continue;
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name;
    if (mayMatch(base + name, options)) names.push(name);
  }
  return names.sort();
}

/** False if neither the key, nor for a directory any key below it, is asked for. */
function mayMatch(key: string, { prefix, after }: WalkOptions): boolean {
  // No directory can be shorter than the prefix: the walk begins in the last one that it names.
  if (!key.startsWith(prefix)) return false;
  return key > after || (key.endsWith('/') && after.startsWith(key));
}

async function infoOf(key: string, options: WalkOptions): Promise<ObjectInfo | undefined> {
  const found = await lstatIfThere(options.absolute(key));
  return found === undefined ? undefined : { key, bytes: found.size };
}

async function entriesOf(
  base: string,
  absolute: WalkOptions['absolute'],
): Promise<readonly Dirent[]> {
  try {
    return await readdir(absolute(parentOf(base)), { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
