import { closeSync, constants, openSync } from 'node:fs';
import { fsPath, type ByteString } from '../base/index.ts';
import type { FileStat } from './file-stat.ts';
import { hasDescriptorPaths, openPathOnly, pathBytesDirectMax } from './long-path.ts';
import { nativeCalls } from './native.ts';
import type { NativeCalls } from './native-calls.ts';

/** To open a directory costs as much as what it saves for a few names. */
const namesMin = 3;
/** Directories that are kept open: those that are entered last. */
const openMax = 8;

/** A directory that was entered and not left. */
interface Level {
  fd: number | undefined;
  /** Names that were asked for since it was closed, or not opened. */
  inARow: number;
}

/**
 * Stats of names of which many in a row are in one directory: that is opened once, to be listed
 * too, and the kernel need not walk along the path for each of them. Directories are entered and
 * left as a walk does; few descriptors at most, however deep it is.
 */
export class NearbyStats implements Disposable {
  readonly #native: NativeCalls;
  readonly #levels: Level[] = [];

  constructor(native: NativeCalls = nativeCalls()) {
    this.#native = native;
  }

  /** From now on names are asked for in another directory, until it is left. */
  enter(): void {
    this.#levels.push({ fd: undefined, inARow: 0 });
    const level = this.#levels.at(-1 - openMax);
    if (level !== undefined) close(level);
  }

  /**
   * The names in the directory that was entered last, whose path is given, in no order. Undefined
   * if they are to be read by its path, for whatever reason.
   */
  names(path: ByteString): ByteString[] | undefined {
    const level = this.#levels.at(-1);
    if (level === undefined || this.#native.capabilities.missingBecause !== undefined) {
      return undefined;
    }
    close(level);
    level.fd = openDirectory(path, constants.O_RDONLY);
    const names = level.fd === undefined ? undefined : this.#native.namesIn(level.fd);
    // What cannot be listed may be something that is best left alone.
    if (names === undefined) close(level);
    return names;
  }

  leave(): void {
    const level = this.#levels.pop();
    if (level !== undefined) close(level);
  }

  /**
   * What `name` in the directory that was entered last stands for, a symlink for itself. Undefined
   * if that is to be asked by its path, for whatever reason.
   */
  lstat(path: ByteString, name: ByteString): FileStat | undefined {
    const level = this.#levels.at(-1);
    if (level === undefined) return undefined;
    if (level.fd === undefined && ++level.inARow === namesMin) {
      level.fd = openDirectory(path, openPathOnly);
    }
    return level.fd === undefined ? undefined : this.#native.lstatIn(level.fd, fsPath(name));
  }

  [Symbol.dispose](): void {
    for (const level of this.#levels) close(level);
    this.#levels.length = 0;
  }
}

function close(level: Level): void {
  if (level.fd !== undefined) closeSync(level.fd);
  level.fd = undefined;
  level.inARow = 0;
}

function openDirectory(path: ByteString, how: number): number | undefined {
  if (path.length > pathBytesDirectMax || !hasDescriptorPaths()) return undefined;
  try {
    return openSync(fsPath(path), how | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch {
    // What is wrong with it shows when the names are asked for by their paths.
    return undefined;
  }
}
