import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { fsPath, type ByteString } from '../base/index.ts';
import {
  byteSlice,
  descriptorPath,
  hasDescriptorPaths,
  joinPath,
  openPathOnly,
} from './long-path.ts';
import { replacedInTargetError } from './target-error.ts';

/** A directory that was reached without following any symlink below the root. */
interface Handle {
  readonly fd: number | undefined;
  /** What to put before a name in it. */
  readonly path: ByteString;
}

export interface PinnedName extends Disposable {
  /** What to hand to the kernel. */
  readonly at: ByteString;
}

const openMax = 64;

/**
 * Leads to names below a root directory, each directory on the way opened through its parent's
 * descriptor and never through a symlink: whatever is planted or swapped on the way, nothing
 * outside the root is reached, and paths may be of any length. The directories used last stay open.
 *
 * Where there are no descriptor paths (outside Linux), each directory on the way is looked at
 * instead, which does not hold against somebody who swaps them at the right moment.
 */
export class DirectoryHandles implements Disposable {
  readonly #root: Handle;
  readonly #byDescriptor = hasDescriptorPaths();
  /** Ascending by last use. */
  readonly #open = new Map<string, Handle>();
  #last: { readonly path: ByteString; readonly handle: Handle };

  /** The root itself may be reached through symlinks: it is what the user named. */
  constructor(root: ByteString) {
    const flags = openPathOnly | constants.O_DIRECTORY;
    const fd = this.#byDescriptor ? openSync(fsPath(root), flags) : undefined;
    this.#root = { fd, path: fd === undefined ? root : descriptorPath(fd) };
    this.#last = { path: noPath, handle: this.#root };
  }

  /** What to hand to the kernel for `path`, relative to the root. Valid until the next call. */
  reach(path: ByteString): ByteString {
    if (path === '') return joinPath(this.#root.path, dot);
    const slash = path.lastIndexOf('/');
    const directory = slash === -1 ? noPath : byteSlice(path, 0, slash);
    return joinPath(this.#handleOf(directory).path, byteSlice(path, slash + 1));
  }

  /**
   * As `reach`, but held until it is disposed of, whatever is reached meanwhile: for calls that
   * take two names.
   */
  pin(path: ByteString): PinnedName {
    const slash = path.lastIndexOf('/');
    const { path: directory } = this.#handleOf(slash === -1 ? noPath : byteSlice(path, 0, slash));
    const name = byteSlice(path, slash + 1);
    if (!this.#byDescriptor) return { at: joinPath(directory, name), [Symbol.dispose]: () => {} };
    const fd = openSync(fsPath(joinPath(directory, dot)), openPathOnly | constants.O_DIRECTORY);
    return {
      at: joinPath(descriptorPath(fd), name),
      [Symbol.dispose]: () => closeSync(fd),
    };
  }

  /** Call it before a directory is removed, renamed or replaced. */
  forget(path: ByteString): void {
    this.#last = { path: noPath, handle: this.#root };
    for (const [known, handle] of this.#open) {
      if (known === path || known.startsWith(`${path}/`)) {
        this.#open.delete(known);
        close(handle);
      }
    }
  }

  [Symbol.dispose](): void {
    for (const handle of this.#open.values()) close(handle);
    this.#open.clear();
    close(this.#root);
  }

  #handleOf(path: ByteString): Handle {
    if (this.#last.path === path) return this.#last.handle;
    const handle = path === '' ? this.#root : (this.#known(path) ?? this.#openFromNearest(path));
    this.#last = { path, handle };
    return handle;
  }

  #known(path: ByteString): Handle | undefined {
    const handle = this.#open.get(path);
    if (handle === undefined) return undefined;
    this.#open.delete(path);
    this.#open.set(path, handle);
    return handle;
  }

  #openFromNearest(path: ByteString): Handle {
    let end = path.lastIndexOf('/');
    let handle: Handle | undefined;
    while (end > 0) {
      handle = this.#known(byteSlice(path, 0, end));
      if (handle !== undefined) break;
      end = path.lastIndexOf('/', end - 1);
    }
    handle ??= this.#root;
    let start = handle === this.#root ? 0 : end + 1;
    while (start < path.length) {
      const slash = path.indexOf('/', start);
      const next = slash === -1 ? path.length : slash;
      handle = this.#enter(handle, byteSlice(path, start, next));
      this.#keep(byteSlice(path, 0, next), handle);
      start = next + 1;
    }
    return handle;
  }

  #enter(parent: Handle, name: ByteString): Handle {
    const path = joinPath(parent.path, name);
    if (this.#byDescriptor) {
      const flags = openPathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;
      const fd = openSync(fsPath(path), flags);
      return { fd, path: descriptorPath(fd) };
    }
    if (!lstatSync(fsPath(path)).isDirectory()) {
      throw replacedInTargetError(path);
    }
    return { fd: undefined, path };
  }

  #keep(path: ByteString, handle: Handle): void {
    this.#open.set(path, handle);
    for (const [oldest, old] of this.#open) {
      if (this.#open.size <= openMax) break;
      this.#open.delete(oldest);
      close(old);
      if (this.#last.handle === old) this.#last = { path: noPath, handle: this.#root };
    }
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no bytes at all
const noPath = '' as ByteString;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ASCII
const dot = '.' as ByteString;

function close({ fd }: Handle): void {
  if (fd !== undefined) closeSync(fd);
}
