import { asBuffer, bytesEqual } from '../base/index.ts';
import type { FileStat } from '../files/index.ts';

/** Bytes of a fingerprint. */
export const fingerprintBytes = 64;

const kindCodes: Record<FileStat['kind'], number> = {
  file: 0,
  directory: 1,
  symlink: 2,
  fifo: 3,
  'character-device': 4,
  'block-device': 5,
  socket: 6,
};

/**
 * Writes what change detection compares into `target` at `offset`: kind, mode, owner, size, times
 * of modification and change, inode, links. Local only; the layout may change with any version,
 * because a fingerprint that does not match merely makes a file be read again.
 *
 * The device number is left out: it changes when disks are found in another order, while the
 * inode and its change time do not.
 */
export function writeFingerprint(stat: FileStat, target: Buffer, offset: number): void {
  target.writeUInt16LE(stat.mode, offset);
  target.writeUInt16LE(kindCodes[stat.kind], offset + 2);
  target.writeUInt32LE(stat.uid, offset + 4);
  target.writeUInt32LE(stat.gid, offset + 8);
  target.writeUInt32LE(stat.linkCount, offset + 12);
  target.writeDoubleLE(stat.kind === 'directory' ? 0 : stat.size, offset + 16);
  target.writeDoubleLE(stat.mtimeSeconds, offset + 24);
  target.writeDoubleLE(stat.ctimeSeconds, offset + 32);
  target.writeUInt32LE(stat.mtimeNanos, offset + 40);
  target.writeUInt32LE(stat.ctimeNanos, offset + 44);
  target.writeBigUInt64LE(stat.ino, offset + 48);
  target.writeDoubleLE(stat.birthtimeSeconds ?? 0, offset + 56);
}

/** A fingerprint that never equals that of a file: "compare the content next time". */
export const staleFingerprint: Uint8Array = new Uint8Array(fingerprintBytes).fill(0xff);

/** Does it stand for a file that must be read again? */
export function isStale(fingerprint: Uint8Array): boolean {
  return bytesEqual(fingerprint, staleFingerprint);
}

/** The numbers that a worker compares before and after reading (see `StoreFilesTask.states`). */
export function statesOfFingerprint(
  fingerprint: Uint8Array,
  target: Float64Array,
  offset: number,
): void {
  const bytes = asBuffer(fingerprint);
  target[offset] = bytes.readDoubleLE(16);
  target[offset + 1] = bytes.readDoubleLE(24);
  target[offset + 2] = bytes.readUInt32LE(40);
  target[offset + 3] = bytes.readDoubleLE(32);
  target[offset + 4] = bytes.readUInt32LE(44);
  target[offset + 5] = Number(bytes.readBigUInt64LE(48));
}
