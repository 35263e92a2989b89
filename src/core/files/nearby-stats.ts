import { closeSync, constants, openSync } from 'node:fs';
import { fsPath, type ByteString } from '../base/index.ts';
import { hasIdentity, statOfFd, type FileStat } from './file-stat.ts';
import {
  byteSlice,
  descriptorPath,
  hasDescriptorPaths,
  joinPath,
  openPathOnly,
  reach,
} from './long-path.ts';
import { nativeCalls } from './native.ts';
import type { NativeCalls } from './native-calls.ts';
import { sourceError } from './source-error.ts';

/** Directories that are kept open: those that are entered last. */
const openMax = 8;

/** A directory that was entered and not left. */
interface Level {
  fd: number | undefined;
  /** What it was when it was entered; undefined: the way to it is the user's and is trusted. */
  readonly stat: FileStat | undefined;
}

/**
 * The directories that a walk is in. Each is opened through the one above it, to be listed and for
 * the stats of its names: whatever is put in the place of one of them meanwhile, nothing that lies
 * elsewhere is taken for a part of it, and the kernel need not walk along the path for each name.
 * Directories are entered and left as a walk does; few descriptors at most, however deep it is.
 * Where there are no descriptor paths (outside Linux), paths are used.
 */
export class NearbyStats implements Disposable {
  readonly #native: NativeCalls;
  readonly #levels: Level[] = [];

  constructor(native: NativeCalls = nativeCalls()) {
    this.#native = native;
  }

  /**
   * From now on names are asked for in another directory, until it is left. `stat`: of one inside
   * that which was entered last.
   */
  enter(stat?: FileStat): void {
    this.#levels.push({ fd: undefined, stat });
    const level = this.#levels.at(-1 - openMax);
    if (level !== undefined) close(level);
  }

  /**
   * The names in the directory that was entered last, whose path is given, in no order. Undefined
   * if they are to be read at `at(path)`, for whatever reason. Throws kind `Source`.
   */
  names(path: ByteString): ByteString[] | undefined {
    const level = this.#levels.at(-1);
    const isNative = this.#native.capabilities.missingBecause === undefined;
    if (level === undefined || !isNative || !hasDescriptorPaths()) return undefined;
    close(level);
    try {
      level.fd = this.#open(this.#levels.length - 1, path, constants.O_RDONLY);
    } catch {
      // What is wrong with it shows when it is opened less boldly.
      return undefined;
    }
    const names = this.#native.namesIn(level.fd);
    // What cannot be listed may be something that is best left alone.
    if (names === undefined) close(level);
    return names;
  }

  /**
   * What to hand to the kernel for the directory that was entered last, whose path is given. Throws
   * kind `Source` if something else is in its place now.
   */
  at(path: ByteString): ByteString {
    const level = this.#levels.at(-1);
    if (level === undefined || !hasDescriptorPaths()) return path;
    try {
      level.fd ??= this.#open(this.#levels.length - 1, path, openPathOnly);
    } catch (error) {
      throw sourceError(error, path, 'open');
    }
    return descriptorPath(level.fd);
  }

  leave(): void {
    const level = this.#levels.pop();
    if (level !== undefined) close(level);
  }

  /**
   * What `name` in the directory that was entered last stands for, a symlink for itself. Undefined
   * if that is to be asked at `at(path)`, for whatever reason.
   */
  lstat(name: ByteString): FileStat | undefined {
    const fd = this.#levels.at(-1)?.fd;
    return fd === undefined ? undefined : this.#native.lstatIn(fd, fsPath(name));
  }

  [Symbol.dispose](): void {
    for (const level of this.#levels) close(level);
    this.#levels.length = 0;
  }

  #open(index: number, path: ByteString, how: number): number {
    const { stat } = this.#levels[index] ?? {};
    if (stat === undefined) return openDirectory(path, how);
    const above = this.#levels[index - 1]?.fd;
    if (above !== undefined) return openDirectory(within(above, path), how);
    // Only deep trees come here, on the way back: where each step from above would cost too much.
    const known = openIfSame(path, how, stat);
    if (known !== undefined) return known;
    const fd = this.#open(index - 1, byteSlice(path, 0, path.lastIndexOf('/')), openPathOnly);
    try {
      return openDirectory(within(fd, path), how);
    } finally {
      closeSync(fd);
    }
  }
}

function close(level: Level): void {
  if (level.fd !== undefined) closeSync(level.fd);
  level.fd = undefined;
}

function within(directory: number, path: ByteString): ByteString {
  return joinPath(descriptorPath(directory), byteSlice(path, path.lastIndexOf('/') + 1));
}

function openDirectory(path: ByteString, how: number): number {
  const flags = how | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  return reach(path, (reachable) => openSync(reachable, flags));
}

/** By its path, which may lead elsewhere by now. */
function openIfSame(path: ByteString, how: number, stat: FileStat): number | undefined {
  let fd: number;
  try {
    fd = openDirectory(path, how);
  } catch {
    return undefined;
  }
  const now = statOfFd(fd, path);
  if (hasIdentity(stat) && now.dev === stat.dev && now.ino === stat.ino) return fd;
  closeSync(fd);
  return undefined;
}
