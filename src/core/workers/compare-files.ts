import { closeSync, readSync } from 'node:fs';
import { bytesEqual } from '../base/index.ts';
import type { RepositoryKeys } from '../crypto/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { openForReading, type RestoreTarget } from '../files/index.ts';
import type { CompareResult, CompareTask } from './protocol.ts';

/** Reads existing files chunk by chunk and tells which chunks they hold already, by their ids. */
export function compareFiles(
  task: CompareTask,
  target: RestoreTarget,
  keys: RepositoryKeys,
): CompareResult {
  const matches = new Uint8Array(task.lengths.length);
  const longest = task.lengths.reduce((most, length) => Math.max(most, length), 0);
  const buffer = Buffer.allocUnsafe(longest);
  let chunk = 0;
  task.paths.forEach((path, file) => {
    const end = chunk + (task.counts[file] ?? 0);
    let fd: number | undefined;
    try {
      fd = openForReading(target.pathOf(path));
      for (let offset = 0; chunk < end; chunk++) {
        const length = task.lengths[chunk] ?? 0;
        const filled = fill(fd, buffer, length, offset);
        const id = task.ids.subarray(chunk * 32, chunk * 32 + 32);
        if (filled < length) break;
        if (bytesEqual(keys.ids.idOf(0, buffer.subarray(0, length)), id)) matches[chunk] = 1;
        offset += length;
      }
    } catch (error) {
      // What cannot be read does not match: it is written anew.
      if (!isVersionsError(error, 'Source') && !(error instanceof Error && 'syscall' in error))
        throw error;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
    chunk = end;
  });
  return { type: 'compare', matches };
}

function fill(fd: number, buffer: Buffer, length: number, offset: number): number {
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}
