import { lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeDirectories } from '../base/index.ts';
import { systemErrorCode, VersionsError } from '../errors/index.ts';
import { syncDirectory } from './durable-file.ts';
import { objectUnreadable, storeAbsent } from './store-errors.ts';
import { isMissing, storeErrorFrom } from './system-errors.ts';

/**
 * The directory that a `DirectoryStore` lives in, and the directories below it.
 *
 * It remembers which directory it was (device and inode): when a share is unmounted during a run,
 * the empty mount point under the same path must not be taken for a mirror that lost everything,
 * and nothing may be written there. Directories below are real ones, never links to elsewhere.
 */
export class DirectoryRoot {
  readonly path: string;
  readonly #device: bigint;
  readonly #inode: bigint;
  /** Relative paths of directories that were seen to be real ones. */
  readonly #seen = new Set<string>();
  /** Relative paths of directories whose names are durable in their parents. */
  readonly #durable = new Map<string, Promise<void>>();

  private constructor(path: string, identity: { readonly dev: bigint; readonly ino: bigint }) {
    this.path = path;
    this.#device = identity.dev;
    this.#inode = identity.ino;
  }

  static async open(path: string, options: { readonly create: boolean }): Promise<DirectoryRoot> {
    const absolute = resolve(path);
    try {
      if (options.create) await createDurably(absolute);
      const found = await stat(absolute, { bigint: true });
      if (!found.isDirectory()) {
        throw new VersionsError('Usage', 'STORE_NOT_DIRECTORY', `${absolute} is not a directory`, {
          hint: 'Name a directory as the mirror; `versions config show` shows the paths',
          context: { location: absolute },
        });
      }
      return new DirectoryRoot(absolute, found);
    } catch (error) {
      if (isMissing(error)) throw storeAbsent(absolute, 'does not exist', error);
      throw storeErrorFrom(error, { action: 'open', location: absolute });
    }
  }

  /** Throws `Unavailable` (STORE_ABSENT) unless the path still leads to the same directory. */
  async check(): Promise<void> {
    const found = await stat(this.path, { bigint: true }).catch((error: unknown) => {
      if (isMissing(error)) throw storeAbsent(this.path, 'is no longer there', error);
      throw error;
    });
    if (found.dev !== this.#device || found.ino !== this.#inode) {
      throw storeAbsent(this.path, 'is no longer the directory that was opened');
    }
  }

  absolute(relative: string): string {
    return relative === '' ? this.path : join(this.path, relative);
  }

  /** Throws unless `relative` and what leads to it are real directories (or missing: `ENOENT`). */
  async checkBelow(relative: string): Promise<void> {
    if (relative === '' || this.#seen.has(relative)) return;
    await this.checkBelow(parentOf(relative));
    const found = await lstat(this.absolute(relative));
    if (found.isSymbolicLink()) throw objectUnreadable(relative, this.path, 'a symbolic link');
    // A file in the way: keys below it do not exist.
    if (!found.isDirectory()) return;
    this.#remember(relative);
  }

  /** Makes the directory, if need be, and its name durable: one fsync of the parent in a run. */
  ensure(relative: string): Promise<void> {
    if (relative === '') return Promise.resolve();
    const known = this.#durable.get(relative);
    if (known !== undefined) return known;
    if (this.#durable.size >= rememberedMax) this.#durable.clear();
    const made = this.#make(relative);
    this.#durable.set(relative, made);
    made.catch(() => this.#durable.delete(relative));
    return made;
  }

  /** Forgets what is known of the directories, because one turned out to be gone. */
  forget(): void {
    this.#seen.clear();
    this.#durable.clear();
  }

  async #make(relative: string): Promise<void> {
    const parent = parentOf(relative);
    await this.ensure(parent);
    try {
      await mkdir(this.absolute(relative), { mode: 0o700 });
      this.#remember(relative);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
      await this.checkBelow(relative);
      if (!this.#seen.has(relative)) throw objectUnreadable(relative, this.path, 'not a directory');
    }
    // Also if it was there: a run that was killed may have made it without coming to this line.
    await syncDirectory(this.absolute(parent));
  }

  #remember(relative: string): void {
    if (this.#seen.size >= rememberedMax) this.#seen.clear();
    this.#seen.add(relative);
  }
}

/** The directory part of a key; the empty string for a key of one segment. */
export function parentOf(relative: string): string {
  const slash = relative.lastIndexOf('/');
  return slash < 0 ? '' : relative.slice(0, slash);
}

const rememberedMax = 20_000;

async function createDurably(path: string): Promise<void> {
  const first = await makeDirectories(path);
  if (first === undefined) return;
  // From the new directory's parent up to the parent of the first one that was made.
  const last = dirname(await realpath(first));
  let parent = dirname(await realpath(path));
  await syncDirectory(parent);
  while (parent !== last && parent !== dirname(parent)) {
    parent = dirname(parent);
    await syncDirectory(parent);
  }
}
