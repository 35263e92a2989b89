import { bytesEqual, bytesOfByteString, byteStringOf, type ByteString } from '../base/index.ts';
import type { DirectoryState } from './local-state.ts';

/** Rows of a window: a scan asks for neighbours, so one look-up serves many of them. */
export const windowRows = 64;

/** What the table of directories holds of one: path, hash, tree. */
export type DirectoryRow = readonly [path: Uint8Array, hash: Uint8Array, tree: Uint8Array];

/**
 * The part of the table of directories that was read last. A scan walks depth first, and that is
 * nearly the order of the paths, so what it asks for next is usually there already.
 */
export class DirectoryWindow {
  readonly #read: (source: Uint8Array, from: Uint8Array) => readonly DirectoryRow[];
  readonly #states: Map<ByteString, DirectoryState> = new Map();
  #source: Uint8Array | undefined;
  #first: ByteString | undefined;
  /** Undefined: there is nothing behind the window. */
  #last: ByteString | undefined;

  /** `read`: the first `windowRows` rows of a source from a path on, ascending. */
  constructor(read: (source: Uint8Array, from: Uint8Array) => readonly DirectoryRow[]) {
    this.#read = read;
  }

  get(source: Uint8Array, path: ByteString): DirectoryState | undefined {
    if (!this.#covers(source, path)) this.#move(source, path);
    return this.#states.get(path);
  }

  /** The table has changed. */
  clear(): void {
    this.#states.clear();
    this.#first = undefined;
  }

  #covers(source: Uint8Array, path: ByteString): boolean {
    if (this.#first === undefined || path < this.#first) return false;
    if (this.#last !== undefined && path > this.#last) return false;
    return this.#source !== undefined && bytesEqual(source, this.#source);
  }

  #move(source: Uint8Array, from: ByteString): void {
    this.clear();
    const rows = this.#read(source, bytesOfByteString(from));
    let last: ByteString = from;
    for (const [path, hash, tree] of rows) {
      last = byteStringOf(path);
      this.#states.set(last, { hash, tree });
    }
    this.#source = source;
    this.#first = from;
    this.#last = rows.length < windowRows ? undefined : last;
  }
}
