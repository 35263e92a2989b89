import type { MirrorId, RepositoryId } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { joinClearObject, splitClearObject, withOwnHash } from './clear-object.ts';
import { damaged } from './failures.ts';
import { bytesOfHex, Fields } from './fields.ts';
import { decodeObjectHeader, encodeObjectHeader } from './header.ts';

/** The object `mirror`: whose copy a place holds. */
export interface MirrorMarker {
  readonly repository: RepositoryId;
  readonly suite: 0 | 1;
  readonly mirror: MirrorId;
  /** Milliseconds since 1970. */
  readonly created: number;
}

export function encodeMarker(marker: MirrorMarker): Uint8Array {
  const { repository, suite, mirror, created } = marker;
  const header = encodeObjectHeader({ kind: 'mirror', suite, repository });
  const body = encodeCbor({ id: bytesOfHex(mirror), created });
  return withOwnHash(joinClearObject(header, body));
}

/** Reads `mirror`. Throws `Corrupt` (code MARKER_DAMAGED) or `Unsupported` (code FORMAT_TOO_NEW). */
export function decodeMarker(bytes: Uint8Array): MirrorMarker {
  const { repository, suite } = decodeObjectHeader(bytes, { kinds: ['mirror'] });
  const parts = splitClearObject(bytes, 0);
  if (parts === undefined) throw markerDamaged('it does not match the hash that it carries');
  const fields = new Fields(decodeCbor(parts.body), markerDamaged);
  return {
    repository,
    suite,
    mirror: fields.hex16('id') as MirrorId,
    created: fields.integer('created'),
  };
}

function markerDamaged(why: string): VersionsError {
  return damaged('MARKER_DAMAGED', `The marker of a mirror is not valid: ${why}`);
}
