import {
  byteStringFromText,
  type ChunkId,
  type LineageId,
  type MirrorId,
  type ObjectHash,
  type PackName,
  type SessionId,
  type SnapshotId,
  type WriterId,
} from '../../src/core/base/index.ts';
import {
  decodeSnapshotRecord,
  encodeEntry,
  encodeRecords,
  type JournalRecord,
  type TreeEntry,
} from '../../src/core/format/index.ts';

const id32 = (fill: number): Buffer => Buffer.alloc(32, fill);
const hex16 = (fill: number): string => Buffer.alloc(16, fill).toString('hex');
const hex32 = (fill: number): string => id32(fill).toString('hex');

/** Encoded entries that use every field. */
export function richEntries(): readonly Uint8Array[] {
  const common = {
    mode: 0o6755,
    mtimeSeconds: -5_000_000_000,
    mtimeNanos: 1,
    uid: 4_294_967_294,
    gid: 7,
    size: 0,
    fileId: Buffer.alloc(16, 9),
    birthSeconds: 1_700_000_000,
    birthNanos: 3,
    flags: 0x50,
    xattrs: [
      { name: byteStringFromText('security.capability'), value: Buffer.alloc(20, 1) },
      { name: byteStringFromText('user.\u00ff'), value: Buffer.alloc(0) },
    ],
  };
  const entries: TreeEntry[] = [
    {
      ...common,
      name: byteStringFromText('inline'),
      kind: 'file',
      size: 2,
      inline: Buffer.from('hi'),
    },
    {
      ...common,
      name: byteStringFromText('chunks'),
      kind: 'file',
      size: 300,
      chunks: Buffer.concat([id32(1), id32(2), id32(3)]),
      lengths: [100, 100, 100],
      linkCount: 3,
      sparse: true,
      remarks: 1,
    },
    { ...common, name: byteStringFromText('list'), kind: 'file', size: 2 ** 45, list: id32(4) },
    { ...common, name: byteStringFromText('dir'), kind: 'directory', tree: id32(5) },
    {
      ...common,
      name: byteStringFromText('dev'),
      kind: 'block-device',
      flags: undefined,
      device: [8, 255],
    },
    {
      ...common,
      name: byteStringFromText('link'),
      kind: 'symlink',
      flags: undefined,
      target: Buffer.from('../x'),
    },
  ];
  return entries.map((entry) => encodeEntry(entry));
}

/** Encoded lists with a record of every type. */
export function recordSeeds(snapshots: readonly Uint8Array[]): readonly Uint8Array[] {
  const session = hex16(1) as SessionId;
  const packs = [hex32(2) as PackName, hex32(3) as PackName];
  const records: JournalRecord[] = [
    {
      type: 'lineage',
      reason: 'rebuild',
      parent: { lineage: hex16(4) as LineageId, number: 9, hash: hex32(5) as ObjectHash },
    },
    { type: 'session', session, base: 12, parent: hex16(6) as SnapshotId, host: 'host' },
    {
      type: 'packs',
      session,
      packs: packs.map((name) => ({
        name,
        bytes: 16_777_216,
        tableBytes: 5000,
        kind: 'data',
        chunkCount: 77,
        salt: id32(7),
      })),
    },
    { type: 'end', session },
    { type: 'forget', snapshots: [hex16(8) as SnapshotId] },
    { type: 'mirrors', mirrors: [{ id: hex16(9) as MirrorId, name: 'nas', state: 'active' }] },
    { type: 'settings', mirrorsMin: 2 },
    { type: 'keys', add: [hex32(10) as ObjectHash], remove: [] },
    { type: 'condemn', packs },
    { type: 'rescue', packs },
    { type: 'swept', packs },
    { type: 'fence', session },
    { type: 'fence', writer: hex16(11) as WriterId },
    ...snapshots.map((bytes) => ({
      type: 'snapshot' as const,
      session,
      record: id32(12) as ChunkId,
      snapshot: decodeSnapshotRecord(bytes),
    })),
  ];
  return [encodeRecords(records), ...records.map((record) => encodeRecords([record]))];
}
