import {
  closeSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { crc32 } from 'node:zlib';

/** Local only: a change of layout makes older files be ignored and made anew. */
const magic = Buffer.from('VINDEX\0\x01', 'latin1');
const headBytes = 64;
const stepBytes = 64 * 1024 * 1024;

/** The sorted image of the chunk index on disk, and which packs it covers. */
export interface IndexImage {
  readonly image: SharedArrayBuffer;
  /** The image holds the chunks of the packs with numbers below this. */
  readonly packCount: number;
  /** Ties the image to the pack list that was saved with it: 16 bytes in hexadecimal. */
  readonly generation: string;
}

/**
 * Loads an image as it lies on disk, straight into shared memory. Undefined if there is none, it is
 * damaged, or it does not belong to `generation`: then the index is made from the packs' tables.
 */
export function loadIndexImage(path: string, generation: string): IndexImage | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const head = Buffer.alloc(headBytes);
    if (readSync(fd, head, 0, headBytes, 0) !== headBytes) return undefined;
    if (!head.subarray(0, 8).equals(magic)) return undefined;
    const imageBytes = head.readDoubleLE(8);
    const found = head.toString('hex', 24, 40);
    if (found !== generation || statSync(path).size !== headBytes + imageBytes) return undefined;
    const image = new SharedArrayBuffer(imageBytes);
    const bytes = new Uint8Array(image);
    let checksum = 0;
    for (let at = 0; at < imageBytes;) {
      const count = readSync(fd, bytes, at, Math.min(stepBytes, imageBytes - at), headBytes + at);
      if (count === 0) return undefined;
      checksum = crc32(bytes.subarray(at, at + count), checksum);
      at += count;
    }
    if (checksum !== head.readUInt32LE(40)) return undefined;
    return { image, packCount: head.readDoubleLE(16), generation };
  } finally {
    closeSync(fd);
  }
}

/** Replaces the image on disk; a crash leaves the old one or the new one. */
export function saveIndexImage(
  path: string,
  pieces: Iterable<Uint8Array>,
  cover: Pick<IndexImage, 'packCount' | 'generation'>,
): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    let imageBytes = 0;
    let checksum = 0;
    for (const piece of pieces) {
      writeAll(fd, piece, headBytes + imageBytes);
      imageBytes += piece.byteLength;
      checksum = crc32(piece, checksum);
    }
    const head = Buffer.alloc(headBytes);
    magic.copy(head);
    head.writeDoubleLE(imageBytes, 8);
    head.writeDoubleLE(cover.packCount, 16);
    head.write(cover.generation, 24, 'hex');
    head.writeUInt32LE(checksum, 40);
    writeAll(fd, head, 0);
    fsyncSync(fd);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.byteLength) {
    written += writeSync(fd, bytes, written, bytes.byteLength - written, position + written);
  }
}
