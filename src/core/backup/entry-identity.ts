import { createHash } from 'node:crypto';
import { bytesEqual } from '../base/index.ts';
import type { TreeEntry } from '../format/index.ts';

export const fileIdBytes = 16;
const linkBytes = 16;
const contentBytes = 32;

/**
 * What the scan found out about whose file a name is. The tree is built by it (docs/format.md
 * section 10): whether another name is the same file, and whether a file that took the place of
 * another was that other one's successor or a stranger, is known for certain only later.
 */
export interface EntryIdentity {
  /** Device and inode of a file with several names. */
  readonly link?: Uint8Array | undefined;
  /** The file id it had; without, the one of the entry, else the one that follows from the path. */
  readonly fileId?: Uint8Array | undefined;
  /** `fileId` holds only if the content has this hash: there is no birth time to go by. */
  readonly content?: Uint8Array | undefined;
  /** The file id to take if the other one moved away with the file that was here before. */
  readonly ifClaimed?: Uint8Array | undefined;
}

const fields = [
  ['link', linkBytes],
  ['fileId', fileIdBytes],
  ['content', contentBytes],
  ['ifClaimed', fileIdBytes],
] as const;

/** That of nearly every name: the entry says it all. */
export const plainIdentity: Uint8Array = new Uint8Array(0);

/** At most 81 bytes; none if there is nothing to say. */
export function encodeIdentity(identity: EntryIdentity): Uint8Array {
  let present = 0;
  const parts: Uint8Array[] = [];
  for (const [at, [field]] of fields.entries()) {
    const value = identity[field];
    if (value === undefined) continue;
    present |= 1 << at;
    parts.push(value);
  }
  return present === 0 ? plainIdentity : Buffer.concat([Uint8Array.of(present), ...parts]);
}

export function decodeIdentity(encoded: Uint8Array): EntryIdentity {
  const identity: { -readonly [K in keyof EntryIdentity]: EntryIdentity[K] } = {};
  let at = 1;
  for (const [number, [field, bytes]] of fields.entries()) {
    if (((encoded[0] ?? 0) & (1 << number)) === 0) continue;
    identity[field] = encoded.subarray(at, at + bytes);
    at += bytes;
  }
  return identity;
}

/** A hash of what a file holds, as far as its entry tells. */
export function contentHashOf({ inline, chunks, list, target }: TreeEntry): Uint8Array {
  const hash = createHash('sha256');
  for (const part of [inline, chunks, list, target]) {
    hash.update(Uint8Array.of(part === undefined ? 0 : 1));
    if (part !== undefined) hash.update(part);
  }
  return hash.digest();
}

export function hasContent(entry: TreeEntry, hash: Uint8Array | undefined): boolean {
  return hash === undefined || bytesEqual(contentHashOf(entry), hash);
}
