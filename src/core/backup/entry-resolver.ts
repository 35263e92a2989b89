import { bytesEqual, type ByteString } from '../base/index.ts';
import { decodeEntry, encodeEntry } from '../format/index.ts';
import { decodeIdentity, hasContent } from './entry-identity.ts';
import type { LinkTable } from './link-table.ts';

export interface EntryResolverOptions {
  readonly links: LinkTable;
  /** The file id that follows from a path of the source. */
  readonly computedId: (path: ByteString) => Uint8Array;
  /** Resolves when the scan has come to its end. */
  readonly scanned: () => Promise<void>;
}

/** An entry as it was saved, or kept. */
export interface SavedEntry {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly entry: Uint8Array;
  /** Nothing has to be looked at again next time. */
  readonly certain: boolean;
}

/** Gives entries their file ids, by what the scan found out (`EntryIdentity`). */
export class EntryResolver {
  readonly #options: EntryResolverOptions;

  constructor(options: EntryResolverOptions) {
    this.#options = options;
  }

  /** The entry with its file id, if that does not follow from its path. */
  async resolve(saved: SavedEntry, encoded: Uint8Array): Promise<Uint8Array> {
    const { links, computedId, scanned } = this.#options;
    const identity = decodeIdentity(encoded);
    const entry = decodeEntry(saved.entry);
    const computed = computedId(saved.path);
    const isKnown = identity.fileId !== undefined && hasContent(entry, identity.content);
    let fileId = isKnown ? identity.fileId : (entry.fileId ?? computed);
    if (identity.ifClaimed !== undefined) {
      // The file that was here may turn up under a name that comes later.
      await scanned();
      if (links.isClaimed(fileId)) fileId = identity.ifClaimed;
    }
    if (identity.link !== undefined) {
      const first = links.get(identity.link);
      if (first !== undefined) fileId = first.fileId;
      else links.put(identity.link, { entry: saved.entry, fileId, certain: saved.certain });
    }
    const explicit = bytesEqual(fileId, computed) ? undefined : fileId;
    return encodeEntry({ ...entry, name: saved.name, fileId: explicit });
  }
}
