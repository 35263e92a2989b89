import { closeSync, constants, openSync } from 'node:fs';
import { fsPath, type ByteString } from '../base/index.ts';
import type { FileStat } from './file-stat.ts';
import { hasDescriptorPaths, openPathOnly, pathBytesDirectMax } from './long-path.ts';
import { nativeCalls } from './native.ts';
import type { NativeCalls } from './native-calls.ts';

/** To open a directory costs as much as what it saves for a few names. */
const namesMin = 3;

/**
 * Stats of names of which many in a row are in one directory: that is opened once, and the kernel
 * need not walk along the path for each of them. One descriptor at most.
 */
export class NearbyStats implements Disposable {
  readonly #native: NativeCalls;
  #directory: object | undefined;
  #inARow = 0;
  #fd: number | undefined;

  constructor(native: NativeCalls = nativeCalls()) {
    this.#native = native;
  }

  /**
   * What `name` in the directory at `path` stands for, a symlink for itself. Undefined if that is
   * to be asked by its path, for whatever reason. `directory` is what tells two visits to a path
   * from one.
   */
  lstat(directory: object, path: ByteString, name: ByteString): FileStat | undefined {
    if (this.#directory !== directory) {
      this[Symbol.dispose]();
      this.#directory = directory;
      this.#inARow = 0;
    }
    this.#inARow += 1;
    if (this.#inARow === namesMin) this.#fd = openDirectory(path);
    return this.#fd === undefined ? undefined : this.#native.lstatIn(this.#fd, fsPath(name));
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#directory = undefined;
  }
}

const flags = openPathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;

function openDirectory(path: ByteString): number | undefined {
  if (path.length > pathBytesDirectMax || !hasDescriptorPaths()) return undefined;
  try {
    return openSync(fsPath(path), flags);
  } catch {
    // What is wrong with it shows when the names are asked for by their paths.
    return undefined;
  }
}
