import { bytesEqual, type ByteString } from '../base/index.ts';
import type { FileStat } from '../files/index.ts';

const none: Uint8Array = new Uint8Array(0);

/** Has it other names? Directories count theirs differently. */
export function isLinked(stat: FileStat): boolean {
  return stat.linkCount > 1 && stat.kind !== 'directory';
}

/**
 * Gives all names of a file with hard links the same file id, in one snapshot: that of the name
 * that comes first. Remembers a file until all its names have come.
 */
export class HardLinks {
  readonly #computedId: (path: ByteString) => Uint8Array;
  readonly #open: Map<string, { readonly id: Uint8Array; left: number }> = new Map();

  /** `computedId`: the id that a path has if its entry carries none. */
  constructor(computedId: (path: ByteString) => Uint8Array) {
    this.#computedId = computedId;
  }

  /**
   * The id that the entry of a name must carry; empty if the computed one is right. `kept`: what
   * the entry of the last snapshot carries, if it is to be used again. Asked once for each name.
   */
  idFor(path: ByteString, stat: FileStat, kept: Uint8Array = none): Uint8Array {
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#open.get(key);
    if (known === undefined) {
      const id = kept.byteLength > 0 ? kept : this.#computedId(path);
      this.#open.set(key, { id: new Uint8Array(id), left: stat.linkCount - 1 });
      return kept;
    }
    known.left -= 1;
    if (known.left === 0) this.#open.delete(key);
    return bytesEqual(known.id, this.#computedId(path)) ? none : known.id;
  }
}
