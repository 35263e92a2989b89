import { byteStringFromText, type ByteString } from '../base/index.ts';
import { resolvePath } from './asked-paths.ts';
import { hasIdentity, statFollowing, type FileStat } from './file-stat.ts';
import { byteSlice } from './long-path.ts';

/**
 * Paths that no walk may enter, known by their names and by what they are, so that another mount
 * or a symlink on the way does not hide them.
 */
export class NeverSet {
  readonly #paths = new Set<ByteString>();
  readonly #names = new Set<ByteString>();
  readonly #devices = new Map<bigint, Set<bigint>>();

  constructor(paths: readonly ByteString[]) {
    for (const given of paths) {
      const path = resolvePath(given, byteStringFromText('/'));
      this.#paths.add(path);
      this.#names.add(byteSlice(path, path.lastIndexOf('/') + 1));
      const stat = statOrNothing(path);
      if (stat === undefined || !hasIdentity(stat)) continue;
      // By inode first, because that differs more often.
      const devices = this.#devices.get(stat.ino) ?? new Set();
      this.#devices.set(stat.ino, devices.add(stat.dev));
    }
  }

  /** `name` is the last part of `path`. */
  has(path: ByteString, name: ByteString, stat: FileStat): boolean {
    if (this.#paths.size === 0) return false;
    if (this.#devices.get(stat.ino)?.has(stat.dev)) return true;
    return this.#names.has(name) && this.#paths.has(path);
  }
}

function statOrNothing(path: ByteString): FileStat | undefined {
  try {
    return statFollowing(path);
  } catch {
    // What cannot be reached cannot be walked into either; its name is still known.
    return undefined;
  }
}
