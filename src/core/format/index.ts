/**
 * The byte layout of everything stored, as docs/format.md says: encode and decode only. No I/O, no
 * keys: what is sealed is handed in and out as bytes, with the additional data it is bound to.
 *
 * Invariants:
 * - one value has one encoding: decoders refuse everything that the encoders would not write, so
 *   that equal things have equal ids;
 * - decoders throw nothing but `Corrupt`, or `Unsupported` for what a newer version wrote, and
 *   believe no count or length before they have seen that many bytes;
 * - encoders refuse (`Internal`) what the decoders would refuse;
 * - decoded byte fields are views of the decoded bytes unless it says otherwise.
 */
export {
  type CheckpointEnvelope,
  type CheckpointPart,
  checkpointStartBytes,
  decodeCheckpointObject,
  decodeCheckpointRuns,
  decodeCheckpointStart,
  decodeRun,
  encodeCheckpointRuns,
  encodeCheckpointStart,
  encodeRun,
  type RunEntry,
  runItemBytes,
} from './checkpoint-object.ts';
export * from './chunk-table.ts';
export * from './config-object.ts';
export { decodeEntry, encodeEntry } from './entry-codec.ts';
export type { EventRecord, EventsRecord } from './events-record.ts';
export * from './header.ts';
export * from './journal-entry.ts';
export * from './journal-records.ts';
export * from './key-object.ts';
export * from './list-page-builder.ts';
export * from './list-page.ts';
export * from './marker-object.ts';
export { declaredBytes } from './declared-bytes.ts';
export * from './object-name.ts';
export * from './pack-end.ts';
export { decodeSnapshotRecord, encodeSnapshotRecord } from './snapshot-record.ts';
export type { SnapshotRecord, SnapshotStats } from './snapshot-record.ts';
export * from './tree-entry.ts';
export * from './tree-page-builder.ts';
export { decodeTreePage, isLeafPage } from './tree-page.ts';
export type { PageChild, TreePage } from './tree-page.ts';
export { decodeXattrs, encodeXattrs } from './xattrs.ts';
