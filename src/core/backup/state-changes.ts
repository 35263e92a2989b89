import { byteStringOf, type ByteString } from '../base/index.ts';
import { SpoolFile } from '../files/index.ts';
import { ItemWriter } from './item-pages.ts';
import type { DirectoryState, LocalState } from './local-state.ts';

const directoryCode = 1;
const pageCode = 2;
const endCode = 3;
const headBytes = 9;
const hashBytes = 32;

/**
 * What a run will change in the local state, kept aside until the commit: a run may take hours, in
 * which other runs use the state too, and it may fail.
 */
export class StateChanges {
  readonly #spool: SpoolFile;

  /** `path`: a file that does not exist; it is made when memory is not enough. */
  constructor(path: string) {
    this.#spool = new SpoolFile(path);
  }

  putDirectory(path: ByteString, { hash, tree }: DirectoryState): void {
    this.#add(directoryCode, 0, path, [hash, tree]);
  }

  /** A writer for the entries of one directory, as that of the local state. */
  itemWriter(path: ByteString): ItemWriter {
    return new ItemWriter(
      (page, bytes) => this.#add(pageCode, page, path, [bytes]),
      (page) => this.#add(endCode, page, path, []),
    );
  }

  /** Makes the changes; the caller has begun them and will commit. */
  apply(state: LocalState, source: Uint8Array): void {
    for (let record = this.#spool.next(); record; record = this.#spool.next()) {
      const pathEnd = headBytes + record.readUInt32LE(1);
      const page = record.readUInt32LE(5);
      const path = byteStringOf(record.subarray(headBytes, pathEnd));
      const rest = record.subarray(pathEnd);
      if (record[0] === directoryCode) {
        const [hash, tree] = [rest.subarray(0, hashBytes), rest.subarray(hashBytes)];
        state.putDirectory(source, path, { hash, tree });
      } else if (record[0] === pageCode) {
        state.putItems(source, path, page, rest);
      } else {
        state.endItems(source, path, page);
      }
    }
  }

  remove(): void {
    this.#spool.remove();
  }

  #add(code: number, page: number, path: ByteString, parts: readonly Uint8Array[]): void {
    const head = Buffer.allocUnsafe(headBytes + path.length);
    head[0] = code;
    head.writeUInt32LE(path.length, 1);
    head.writeUInt32LE(page, 5);
    head.write(path, headBytes, 'latin1');
    this.#spool.append(Buffer.concat([head, ...parts]));
  }
}
