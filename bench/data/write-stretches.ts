import { closeSync, openSync, writeSync } from 'node:fs';
import type { ByteSource } from './byte-source.ts';

/** So many bytes of one kind, one after another in a file. */
export interface Stretch {
  readonly bytes: number;
  readonly source: ByteSource;
}

const bufferBytes = 1 << 20;

/** Writes a new file. */
export function writeStretches(path: string, stretches: Iterable<Stretch>): void {
  const buffer = Buffer.allocUnsafe(bufferBytes);
  const file = openSync(path, 'wx');
  try {
    for (const { bytes, source } of stretches) {
      for (let left = bytes; left > 0;) {
        const part = buffer.subarray(0, Math.min(left, bufferBytes));
        source.fill(part);
        writeFully(file, part);
        left -= part.length;
      }
    }
  } finally {
    closeSync(file);
  }
}

/** A write may take less than it was given, such as on a file system that is almost full. */
function writeFully(file: number, buffer: Buffer): void {
  for (let written = 0; written < buffer.length;) {
    written += writeSync(file, buffer, written);
  }
}
