import { seal, sealTagBytes, type RepositoryKeys } from '../crypto/index.ts';
import {
  type CheckpointEnvelope,
  type CheckpointPart,
  decodeCheckpointObject,
  encodeCheckpointStart,
  objectHashOf,
} from '../format/index.ts';
import type { RepositoryId } from '../base/index.ts';
import { assertOwn, openSealed } from './entry-codec.ts';

/** Whose keys seal an object below `checkpoints/`, and with which salt: all that is not given by the entries. */
export interface CheckpointSeal {
  readonly keys: RepositoryKeys;
  readonly repository: RepositoryId;
  readonly salt: Uint8Array;
  readonly epoch: number;
}

/** An object below `checkpoints/`, and what names it. */
export interface SealedPart {
  readonly part: CheckpointPart;
  readonly bytes: Uint8Array;
}

/** Seals a run or a checkpoint. The same arguments give the same bytes. */
export function sealCheckpoint(
  plaintext: Uint8Array,
  envelope: CheckpointEnvelope,
  { keys, repository, salt, epoch }: CheckpointSeal,
): SealedPart {
  const sealedBytes = plaintext.byteLength + sealTagBytes;
  const start = { suite: keys.suite, epoch, repository, salt, sealedBytes };
  const aad = encodeCheckpointStart(start, envelope);
  const sealed = seal(keys.sealingKey('journal', epoch, salt), 0, aad, plaintext);
  const bytes = Buffer.concat([aad, sealed]);
  const { first, last } = envelope;
  const name = objectHashOf(bytes);
  return { part: { name, bytes: bytes.byteLength, salt, epoch, first, last }, bytes };
}

/**
 * Opens a run or a checkpoint. Throws `Corrupt` (code CHECKPOINT_DAMAGED, SEAL_BROKEN,
 * HEADER_UNEXPECTED, …) or `Unsupported`.
 */
export function openCheckpoint(
  bytes: Uint8Array,
  { keys, repository }: Pick<CheckpointSeal, 'keys' | 'repository'>,
): CheckpointEnvelope & { readonly plaintext: Uint8Array } {
  const { part, first, last, lineage, hash, ...object } = decodeCheckpointObject(bytes);
  assertOwn(object.header.repository, repository);
  return { part, first, last, lineage, hash, plaintext: openSealed(object, keys) };
}
