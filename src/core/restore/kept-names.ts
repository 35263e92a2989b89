import { byteStringOf, bytesOfByteString, type ByteString } from '../base/index.ts';

const slash = 0x2f;

/**
 * The names that a snapshot has in one directory, added ascending and asked for ascending: packed,
 * so that a million of them take little more than their own bytes.
 */
export class KeptNames {
  #bytes = Buffer.alloc(256);
  #length = 0;
  #at = 0;
  #head: ByteString | undefined;
  /** Not all names could be read: then nothing is known to be too much. */
  isIncomplete = false;

  add(name: ByteString): void {
    const needed = this.#length + name.length + 1;
    if (needed > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    bytesOfByteString(name).copy(this.#bytes, this.#length);
    this.#bytes[needed - 1] = slash;
    this.#length = needed;
  }

  /** Is this one of them? Ask for names in ascending order only. */
  has(name: ByteString): boolean {
    while (this.#head === undefined || this.#head < name) {
      if (this.#at === this.#length) return false;
      const end = this.#bytes.indexOf(slash, this.#at);
      this.#head = byteStringOf(this.#bytes.subarray(this.#at, end));
      this.#at = end + 1;
    }
    return this.#head === name;
  }
}
