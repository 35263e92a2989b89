import type { ByteString } from '../base/index.ts';
import { isVersionsError, systemErrorCode } from '../errors/index.ts';
import { resolvePath } from './asked-paths.ts';
import { DirectoryHandles } from './directory-handles.ts';
import { byteSlice } from './long-path.ts';
import { replacedError, sourceError } from './source-error.ts';

/**
 * Leads to names below the paths that were asked for, never through a symlink that took the place
 * of a directory since: the way to an asked path is the user's, everything below may belong to
 * somebody else, who must not have files from elsewhere saved as his.
 */
export class SourcePaths implements Disposable {
  /** The longest first: one inside another is nearer. */
  readonly #roots: readonly ByteString[];
  readonly #handles = new Map<ByteString, DirectoryHandles>();

  constructor(asked: readonly ByteString[]) {
    this.#roots = asked
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ASCII
      .map((path) => resolvePath(path, '/' as ByteString))
      .toSorted((a, b) => b.length - a.length);
  }

  /** What to hand to the kernel for `path` until the next call. Throws kind `Source`. */
  at(path: ByteString): ByteString {
    const root = this.#roots.find((each) => path.startsWith(each === '/' ? each : `${each}/`));
    // The asked path itself, or what leads to it.
    if (root === undefined) return path;
    try {
      let handles = this.#handles.get(root);
      if (handles === undefined) {
        handles = new DirectoryHandles(root);
        this.#handles.set(root, handles);
      }
      return handles.reach(byteSlice(path, root === '/' ? 1 : root.length + 1));
    } catch (error) {
      const code = systemErrorCode(error);
      const isReplaced = code === 'ELOOP' || code === 'ENOTDIR' || isVersionsError(error);
      if (isReplaced) throw replacedError(path);
      throw sourceError(error, path, 'reach');
    }
  }

  [Symbol.dispose](): void {
    for (const handles of this.#handles.values()) handles[Symbol.dispose]();
    this.#handles.clear();
  }
}
