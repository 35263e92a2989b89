/**
 * The local write-ahead log: records go in at the end, survive a power cut once synced, are handed
 * over in one piece, and are then cleared. It knows nothing of what the records mean.
 * docs/journal.md gives its bytes and what it guarantees.
 *
 * Invariants:
 * 1. What is read back is always a run of the records that were appended, in their order and from
 *    the first one that was not cleared; never one out of its place, and never one from before a
 *    clear. Each record's checksum covers the generation of the log, its position, its length and
 *    the checksum of the record before it.
 * 2. A crash at any byte of a clear leaves the log as it was before or as it is after. The header
 *    has two slots in pages of their own; a slot is written only while the other one is durable.
 * 3. Whoever is not the last to have opened or cleared the log writes nothing into it: a lock of
 *    the operating system keeps others out, and the header is compared before every write.
 * 4. A failed write loses nothing that was appended before it; after a failed sync nothing more is
 *    written, because nobody knows what the disk then holds.
 */
export * from './journal.ts';
export { FileJournal } from './file-journal.ts';
export type { JournalOptions } from './file-journal.ts';
export type { JournalIo, LogFile, LogLock } from './log-file.ts';
