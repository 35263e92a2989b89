import { toHex } from './bytes.ts';
import type { Random } from './clock.ts';

/** Names and ids in hexadecimal, lower case. Made only by the parse functions and constructors. */
export type PackName = string & { readonly __packName: true };
export type ObjectHash = string & { readonly __objectHash: true };
export type SnapshotId = string & { readonly __snapshotId: true };
export type RepositoryId = string & { readonly __repositoryId: true };
export type MirrorId = string & { readonly __mirrorId: true };
export type LineageId = string & { readonly __lineageId: true };
export type WriterId = string & { readonly __writerId: true };
export type SessionId = string & { readonly __sessionId: true };

/** A chunk id: 32 bytes. Not hexadecimal, because there are millions of them. */
export type ChunkId = Uint8Array;

export const chunkIdBytes = 32;

const hex16 = /^[0-9a-f]{32}$/;
const hex32 = /^[0-9a-f]{64}$/;

/** May become an id of any of these. */
type NewId = SnapshotId & RepositoryId & MirrorId & LineageId & WriterId & SessionId;

/** A new id: 16 random bytes. */
export function newId(random: Random): NewId {
  return toHex(random.bytes(16)) as NewId;
}

/** A pack's name is the hash of its bytes. */
export function hashOfPack(name: PackName): ObjectHash {
  return name as string as ObjectHash;
}

export function isPackName(text: string): text is PackName {
  return isHex32(text);
}

export function isObjectHash(text: string): text is ObjectHash {
  return isHex32(text);
}

export function isLineageId(text: string): text is LineageId {
  return isHex16(text);
}

export function isWriterId(text: string): text is WriterId {
  return isHex16(text);
}

/** 16 bytes in hexadecimal? */
export function isHex16(text: string): boolean {
  return hex16.test(text);
}

/** 32 bytes in hexadecimal? */
export function isHex32(text: string): boolean {
  return hex32.test(text);
}
