import { bytesEqual } from '../base/index.ts';
import { journalChanged, journalDamaged, journalError } from './journal-errors.ts';
import { FrameReader } from './frame-reader.ts';
import type { Checksums, Frontier } from './frames.ts';
import type { LogFile } from './log-file.ts';
import { readSlots } from './slots.ts';

/** Records that were whole when the log was opened or when they were appended. */
export interface LogRange {
  readonly generation: Uint8Array;
  readonly from: Frontier;
  readonly end: number;
}

interface StreamOptions {
  readonly path: string;
  readonly file: LogFile;
  readonly checksums: Checksums;
  readonly range: LogRange;
  /** The log was cleared by its own holder. */
  readonly isCleared: () => boolean;
}

/** Copies of the records of a range; throws rather than leave one out. */
export async function* streamRecords(options: StreamOptions): AsyncGenerator<Uint8Array> {
  const { path, file, checksums, range, isCleared } = options;
  const reader = new FrameReader(file, checksums, range);
  while (reader.frontier.position < range.end) {
    if (isCleared()) throw journalChanged(path);
    const records = await reader.next().catch((error: unknown) => {
      throw journalError(error, path);
    });
    if (records === undefined) throw explain(options);
    for (const record of records) {
      yield Uint8Array.prototype.slice.call(record);
    }
  }
}

function explain({ path, file, checksums, range, isCleared }: StreamOptions): Error {
  if (isCleared()) return journalChanged(path);
  const slots = readSlots(file, checksums);
  const isSame =
    typeof slots === 'object' && bytesEqual(slots.current.generation, range.generation);
  return isSame
    ? journalDamaged(path, 'changed on the disk after it was opened')
    : journalChanged(path);
}
