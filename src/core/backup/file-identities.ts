import { bytesEqual, toHex, type ByteString } from '../base/index.ts';
import type { IdentityHasher } from '../crypto/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { hasIdentity, lstatIfExists, type FileStat } from '../files/index.ts';
import { decodeEntry } from '../format/index.ts';
import { contentHashOf, type EntryIdentity } from './entry-identity.ts';
import { fileMarkOf, hasBirthTime } from './fingerprint.ts';
import { InodeIndex, type KnownPlace } from './inode-index.ts';
import type { ItemState } from './item-pages.ts';
import type { LinkTable } from './link-table.ts';
import type { LocalState } from './local-state.ts';

export interface FileIdentitiesOptions {
  readonly identities: IdentityHasher;
  readonly source: Uint8Array;
  /** Where a path appears in the snapshot (`--as`). */
  readonly shownAs: (path: ByteString) => ByteString;
  readonly state: LocalState;
  readonly links: LinkTable;
}

/** A name that was found, and not as it was known. */
export interface FoundName {
  readonly path: ByteString;
  readonly stat: FileStat;
  readonly fingerprint: Uint8Array;
  /** What was known under the same path. */
  readonly known: ItemState | undefined;
}

/** Whose file a name is, and where it was if it has moved. */
export interface FoundFile {
  readonly identity: EntryIdentity;
  readonly moved?: KnownPlace | undefined;
}

/**
 * Recognises files under other names (docs/format.md section 10). A file keeps its id
 * 1. under its path, whatever happens to its content, also when a program puts a new file there;
 * 2. under a new path, if device and inode, and birth time or content, are those of a file that is
 *    not at its old path any more;
 * 3. under each name of a hard link.
 * A file that takes the path of one that moved gets an id of its own.
 */
export class FileIdentities {
  readonly #options: FileIdentitiesOptions;
  #index: InodeIndex | undefined;

  constructor(options: FileIdentitiesOptions) {
    this.#options = options;
  }

  of(found: FoundName): FoundFile {
    const { stat, known, fingerprint } = found;
    const link = linkKeyOf(stat);
    if (known !== undefined && bytesEqual(fileMarkOf(known.fingerprint), fileMarkOf(fingerprint))) {
      const { fileId } = decodeEntry(known.entry);
      if (fileId !== undefined) this.#options.links.claim(fileId);
      return { identity: { link, fileId } };
    }
    // A first backup has nothing to recognise.
    if (!this.#options.state.hasDirectories) return { identity: { link } };
    this.#index ??= InodeIndex.read(this.#options.state, this.#options.source);
    const moved = this.#movedHere(found, this.#index);
    if (moved === undefined) return { identity: { link, ...this.#newcomer(found, this.#index) } };
    const entry = decodeEntry(moved.entry);
    const fileId = entry.fileId ?? this.#computed(moved.path);
    this.#options.links.claim(fileId);
    const content = hasBirthTime(fingerprint) ? undefined : contentHashOf(entry);
    return { identity: { link, fileId, content }, moved };
  }

  #movedHere({ stat, fingerprint }: FoundName, index: InodeIndex): KnownPlace | undefined {
    if (!hasIdentity(stat)) return undefined;
    const place = index.find(fingerprint);
    if (place === undefined) return undefined;
    let there: FileStat | undefined;
    try {
      there = lstatIfExists(place.path);
    } catch (error) {
      if (!isVersionsError(error, 'Source')) throw error;
      // It may well be there still.
      return undefined;
    }
    const isThere = there?.ino === stat.ino && there.dev === stat.dev;
    // One name in two places is a file system that is mounted twice.
    return isThere && stat.linkCount === 1 ? undefined : place;
  }

  /** A file that was not known takes over the id of its path, unless another one has it. */
  #newcomer({ path, known, fingerprint }: FoundName, index: InodeIndex): EntryIdentity {
    const before = known && decodeEntry(known.entry);
    const taken = before?.linkCount === undefined ? before?.fileId : undefined;
    const own = (): Uint8Array => this.#computed(path, fileMarkOf(fingerprint));
    if (taken === undefined && index.usesId(this.#computed(path))) return { fileId: own() };
    return known === undefined ? {} : { fileId: taken, ifClaimed: own() };
  }

  /** No path holds a NUL: an id with a mark behind it follows from no path alone. */
  #computed(path: ByteString, mark?: Uint8Array): Uint8Array {
    const { identities, source, shownAs } = this.#options;
    const shown = shownAs(path);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ASCII behind a byte string
    const marked = mark ? (`${shown}\0${toHex(mark)}` as ByteString) : shown;
    return identities.fileId(source, marked);
  }
}

/** Device and inode, 16 bytes, of something that has several names. */
export function linkKeyOf(stat: FileStat): Uint8Array | undefined {
  const { kind, dev, ino, linkCount } = stat;
  // The links of a directory count those below it.
  if (kind === 'directory' || linkCount < 2 || !hasIdentity(stat)) return undefined;
  const key = Buffer.allocUnsafe(16);
  key.writeBigUInt64LE(BigInt.asUintN(64, dev), 0);
  key.writeBigUInt64LE(BigInt.asUintN(64, ino), 8);
  return key;
}
