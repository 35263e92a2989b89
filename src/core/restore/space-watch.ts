import { displayPath, type ByteString } from '../base/index.ts';
import type { FileStat, FreeSpace } from '../files/index.ts';
import type { TreeEntry } from '../format/index.ts';
import type { Monitor } from '../monitor/index.ts';

const mebibyte = 1024 * 1024;

/**
 * Compares what a restore surely needs with what the target has left, while the restore is being
 * planned, and tells once, as soon as it is too much. It stops nothing: a file system may compress,
 * or grow, and what is restored before it is full is worth having.
 *
 * Counted is what takes room on any plain file system: not what is there already, nor files that
 * were sparse, since where their holes were is not kept.
 */
export class SpaceWatch {
  readonly #target: ByteString;
  readonly #free: FreeSpace;
  readonly #monitor: Monitor;
  #bytes = 0;
  #names = 0;
  #isTold = false;

  constructor(target: ByteString, free: FreeSpace, monitor: Monitor) {
    this.#target = target;
    this.#free = free;
    this.#monitor = monitor;
  }

  /** A name that is to be made, and the content of a file; `existing`: what stands there now. */
  add(entry: TreeEntry | undefined, existing: FileStat | undefined): void {
    if (existing === undefined) this.#names += 1;
    if (entry?.kind === 'file' && entry.sparse !== true) {
      const there = existing?.kind === 'file' ? existing.size : 0;
      this.#bytes += Math.max(0, entry.size - there);
    }
    const { bytes = Infinity, names = Infinity } = this.#free;
    if (this.#isTold || (this.#bytes <= bytes && this.#names <= names)) return;
    this.#isTold = true;
    const [need, left] =
      this.#bytes > bytes
        ? [mebibytes(this.#bytes), mebibytes(bytes)]
        : [`room for ${this.#names} files and directories`, `room for ${names}`];
    this.#monitor.note(
      `The restore needs at least ${need}, and ${displayPath(this.#target)} has ${left} left: it goes on until that is full; with "--include" or another --target it may fit`,
    );
  }
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / mebibyte)} MiB`;
}
