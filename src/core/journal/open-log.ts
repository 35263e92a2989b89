import { bytesEqual, type Random } from '../base/index.ts';
import { FrameReader } from './frame-reader.ts';
import { Checksums, type Frontier } from './frames.ts';
import { journalDamaged, journalTooNew, notJournal } from './journal-errors.ts';
import type { JournalIo, LogFile } from './log-file.ts';
import {
  encodeHeader,
  encodeSlot,
  generationBytes,
  headerBytes,
  isUnfinished,
  noChain,
  readSlots,
  type Slot,
  type Slots,
  writeSlot,
} from './slots.ts';

export interface OpenedLog {
  readonly file: LogFile;
  readonly checksums: Checksums;
  readonly slot: Slot;
  readonly slotIndex: number;
  readonly end: Frontier;
  readonly recordCount: number;
  readonly bytesCut: number;
}

interface OpenLogOptions {
  readonly io: JournalIo;
  readonly readOnly: boolean;
  readonly random: Random;
}

/** Opens or makes the file, checks every record, and cuts off what does not hold. */
export async function openLog(path: string, options: OpenLogOptions): Promise<OpenedLog> {
  const { io, readOnly, random } = options;
  const checksums = await Checksums.create();
  const file = io.open(path, { readOnly });
  try {
    const slots = readSlots(file, checksums);
    if (typeof slots === 'number') throw journalTooNew(path, slots);
    if (slots === undefined) {
      if (!isUnfinished(file)) throw explainNoHeader(file, path);
      return await beginLog(file, checksums, options);
    }
    const found = await scan(file, checksums, slots);
    if (readOnly) return { file, checksums, slot: slots.current, slotIndex: slots.index, ...found };
    return {
      file,
      checksums,
      ...(await takeOver(file, checksums, { slots, found, random })),
      ...found,
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function explainNoHeader(file: LogFile, path: string): Error {
  const begin = Buffer.alloc(8);
  file.readNow(begin, 0);
  const isOurs = begin.toString('latin1') === 'VERSJRNL';
  return isOurs ? journalDamaged(path, 'has lost both copies of its header') : notJournal(path);
}

async function beginLog(
  file: LogFile,
  checksums: Checksums,
  { readOnly, random }: OpenLogOptions,
): Promise<OpenedLog> {
  const bytesCut = file.size();
  const end: Frontier = { position: headerBytes, chain: noChain };
  const generation = random.bytes(generationBytes);
  const slot = { turn: 1, generation, writer: random.bytes(generationBytes), start: end };
  if (!readOnly) {
    file.write(encodeHeader(slot, checksums), 0);
    await file.sync();
    await file.syncName();
  }
  const current = { ...slot, turn: 2 };
  return { file, checksums, slot: current, slotIndex: 1, end, recordCount: 0, bytesCut };
}

type Found = Pick<OpenedLog, 'end' | 'recordCount' | 'bytesCut'>;

async function scan(file: LogFile, checksums: Checksums, slots: Slots): Promise<Found> {
  const { generation, start } = slots.current;
  const size = file.size();
  const reader = new FrameReader(file, checksums, { generation, from: start, end: size });
  let recordCount = 0;
  for (;;) {
    const records = await reader.next();
    if (records === undefined) break;
    recordCount += records.length;
  }
  const end = reader.frontier;
  // Slots of two generations: a clear was cut short, and the rest is what it was to remove.
  const isCleared = slots.other !== undefined && !bytesEqual(slots.other.generation, generation);
  return { end, recordCount, bytesCut: isCleared ? 0 : Math.max(0, size - end.position) };
}

/** Cuts off the tail, and writes into the header who may write from now on. */
async function takeOver(
  file: LogFile,
  checksums: Checksums,
  {
    slots,
    found,
    random,
  }: { readonly slots: Slots; readonly found: Found; readonly random: Random },
): Promise<Pick<OpenedLog, 'slot' | 'slotIndex'>> {
  if (file.size() > found.end.position) file.truncate(found.end.position);
  // The slot in use may still be on its way to the disk, written by a process that was killed.
  await file.sync();
  const { turn, generation, start } = slots.current;
  const writer = random.bytes(generationBytes);
  const slot: Slot = { turn: turn + 1, generation, writer, start };
  const slotIndex = 1 - slots.index;
  writeSlot(file, slotIndex, encodeSlot(slot, checksums));
  return { slot, slotIndex };
}
