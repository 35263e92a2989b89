import { hash as hashOnce } from 'node:crypto';
import { bytesEqual, type ByteString } from '../base/index.ts';
import type { FileStat } from '../files/index.ts';
import { fingerprintBytes, writeFingerprint } from './fingerprint.ts';
import type { ItemState } from './item-pages.ts';
import type { DirectoryState } from './local-state.ts';

/** Directories with more entries are compared item by item while they are read. */
const bufferedEntriesMax = 16_384;
export const noHash: Uint8Array = new Uint8Array(32);

/** An entry of a directory that is being scanned and not yet decided. */
export interface BufferedEntry {
  readonly name: ByteString;
  readonly stat: FileStat;
  /** Offset of its fingerprint in the frame's buffer. */
  readonly at: number;
  /** Changed so lately that a later change might not show. */
  readonly racy: boolean;
}

/** A directory as an entry of the one above it. */
export type ScanDoor = Omit<BufferedEntry, 'at'>;

/** A directory that was entered and not left. */
export class ScanFrame {
  readonly path: ByteString;
  /** Undefined for the root of the scan. */
  readonly door: ScanDoor | undefined;
  /** What the last backup knew; undefined for a new directory, or if everything is to be read. */
  readonly known: DirectoryState | undefined;
  /** Known items, ascending; read only as far as needed. */
  readonly knownItems: Iterator<ItemState>;
  #nextKnown: ItemState | undefined;
  #knownStarted = false;
  readonly buffered: BufferedEntry[] = [];
  #bytes: Buffer = Buffer.allocUnsafe(4096);
  #used = 0;
  #entries = 0;
  /** Names of the entries, directories included, that the hash covers. */
  inOrder = false;
  /** Something in it must be looked at again next time. */
  uncertain = false;
  unreadable = false;

  constructor(
    path: ByteString,
    door: ScanDoor | undefined,
    known: DirectoryState | undefined,
    knownItems: Iterator<ItemState>,
  ) {
    this.path = path;
    this.door = door;
    this.known = known;
    this.knownItems = knownItems;
  }

  /** Counts an entry in; returns the offset of its fingerprint. */
  add(name: ByteString, stat: FileStat, racy: boolean): number {
    this.#entries += 1;
    const needed = 2 + name.length + fingerprintBytes;
    if (this.#used + needed > this.#bytes.byteLength) this.#grow(needed);
    this.#bytes.writeUInt16LE(name.length, this.#used);
    this.#bytes.write(name, this.#used + 2, 'latin1');
    const at = this.#used + 2 + name.length;
    writeFingerprint(stat, this.#bytes, at);
    if (racy) this.uncertain = true;
    this.#used += needed;
    return at;
  }

  get isEmpty(): boolean {
    return this.#entries === 0;
  }

  /** Has it more entries than are kept until it is left? */
  get isWide(): boolean {
    return this.#entries > bufferedEntriesMax;
  }

  /** A copy-free view of a fingerprint; valid until `release` or the next `add`. */
  fingerprint(at: number): Uint8Array {
    return this.#bytes.subarray(at, at + fingerprintBytes);
  }

  /** Forgets buffered bytes: the directory is decided item by item from now on. */
  release(): void {
    this.#used = 0;
    this.buffered.length = 0;
  }

  /** The hash of everything that was added; zero if it must not be trusted next time. */
  finishHash(): Uint8Array {
    if (this.inOrder || this.uncertain) return noHash;
    return hashOnce('sha256', this.#bytes.subarray(0, this.#used), 'buffer');
  }

  /** Is the directory as it was known? */
  isSame(hash: Uint8Array): boolean {
    return this.known !== undefined && hash !== noHash && bytesEqual(hash, this.known.hash);
  }

  /** The known item of this name, passing over those before it; names are asked for ascending. */
  knownItem(name: ByteString): ItemState | undefined {
    if (!this.#knownStarted) this.#advance();
    while (this.#nextKnown !== undefined && this.#nextKnown.name < name) this.#advance();
    return this.#nextKnown?.name === name ? this.#nextKnown : undefined;
  }

  #advance(): void {
    this.#knownStarted = true;
    const next = this.knownItems.next();
    this.#nextKnown = next.done === true ? undefined : next.value;
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.byteLength * 2, this.#used + needed));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
  }
}
