import { crc32 } from 'node:zlib';
import { asBuffer, byteStringOf, type ByteString } from '../base/index.ts';
import { fingerprintBytes } from './fingerprint.ts';

/** One entry of a directory as it was saved. */
export interface ItemState {
  readonly name: ByteString;
  readonly fingerprint: Uint8Array;
  /** The encoded tree entry (docs/format.md section 9), for directories with their tree. */
  readonly entry: Uint8Array;
}

const itemPageBytes = 256 * 1024;
const checksumBytes = 4;

/** Collects the entries of a directory into pages, so that a huge one is never one row. */
export class ItemWriter {
  readonly #put: (page: number, bytes: Uint8Array) => void;
  readonly #deleteFrom: (page: number) => void;
  #parts: Buffer[] = [];
  #bytes = 0;
  #page = 0;

  constructor(put: (page: number, bytes: Uint8Array) => void, deleteFrom: (page: number) => void) {
    this.#put = put;
    this.#deleteFrom = deleteFrom;
  }

  add(name: ByteString, fingerprint: Uint8Array, entry: Uint8Array): void {
    const record = Buffer.allocUnsafe(6 + name.length + fingerprintBytes + entry.byteLength);
    record.writeUInt16LE(name.length, 0);
    record.writeUInt32LE(entry.byteLength, 2);
    record.write(name, 6, 'latin1');
    record.set(fingerprint, 6 + name.length);
    record.set(entry, 6 + name.length + fingerprintBytes);
    this.#parts.push(record);
    this.#bytes += record.byteLength;
    if (this.#bytes >= itemPageBytes) this.#writePage();
  }

  finish(): void {
    if (this.#bytes > 0) this.#writePage();
    this.#deleteFrom(this.#page);
  }

  #writePage(): void {
    const page = Buffer.concat([Buffer.alloc(checksumBytes), ...this.#parts]);
    page.writeUInt32LE(crc32(page.subarray(checksumBytes)), 0);
    this.#put(this.#page, page);
    this.#page += 1;
    this.#parts = [];
    this.#bytes = 0;
  }
}

/** Is the page as it was written? */
export function isWholePage(page: Uint8Array): boolean {
  return crc32(page.subarray(checksumBytes)) === asBuffer(page).readUInt32LE(0);
}

/** The entries of a page; read it only if it is whole. */
export function* decodeItems(page: Uint8Array): Generator<ItemState> {
  const bytes = asBuffer(page);
  let at = checksumBytes;
  while (at < bytes.byteLength) {
    const nameEnd = at + 6 + bytes.readUInt16LE(at);
    const entryEnd = nameEnd + fingerprintBytes + bytes.readUInt32LE(at + 2);
    yield {
      name: byteStringOf(bytes.subarray(at + 6, nameEnd)),
      fingerprint: bytes.subarray(nameEnd, nameEnd + fingerprintBytes),
      entry: bytes.subarray(nameEnd + fingerprintBytes, entryEnd),
    };
    at = entryEnd;
  }
}
