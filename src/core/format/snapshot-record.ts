import {
  bytesOfByteString,
  type ByteString,
  type ChunkId,
  type SnapshotId,
} from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import type { CborValue } from './cbor-reader.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { damaged, tooNew } from './failures.ts';
import { bytesOfHex, Fields } from './fields.ts';
import { decodeRootEntry, encodeRootEntry } from './entry-codec.ts';
import type { RootEntry } from './tree-entry.ts';

const statNames = [
  'files',
  'dirs',
  'others',
  'bytes',
  'filesNew',
  'filesChanged',
  'filesUnchanged',
  'bytesNew',
  'bytesStored',
] as const;

/** Counts of one backup. `bytesNew`: plaintext of new chunks; `bytesStored`: packs written. */
export type SnapshotStats = Readonly<Record<(typeof statNames)[number], number>>;

/** One point in time of one source. Times in milliseconds since 1970. */
export interface SnapshotRecord {
  readonly id: SnapshotId;
  readonly time: number;
  readonly finished: number;
  readonly host: string;
  readonly user: string;
  /** 16 bytes in hexadecimal: the id of the source. */
  readonly source: string;
  /** What was asked for, absolute. */
  readonly paths: readonly ByteString[];
  /** The tree of `/`. */
  readonly root: ChunkId;
  readonly rootEntry?: RootEntry | undefined;
  readonly tags: readonly string[];
  readonly parent?: SnapshotId | undefined;
  /** The run was cut short. */
  readonly partial: boolean;
  /** Things that could not be saved. */
  readonly problems: number;
  /** Asked-for paths that were not there, or were empty and should not have been. */
  readonly missing: readonly ByteString[];
  readonly stats: SnapshotStats;
  readonly users: ReadonlyMap<number, string>;
  readonly groups: ReadonlyMap<number, string>;
  readonly program: string;
}

/** The plaintext of a snapshot's chunk. */
export function encodeSnapshotRecord(snapshot: SnapshotRecord): Uint8Array {
  return encodeCbor(snapshotValue(snapshot));
}

/** Reads a snapshot's chunk. Throws `Corrupt` (code SNAPSHOT_DAMAGED) or `Unsupported`. */
export function decodeSnapshotRecord(bytes: Uint8Array): SnapshotRecord {
  return snapshotOfValue(decodeCbor(bytes));
}

/** A snapshot as the value that is encoded, alone or within a journal record. */
export function snapshotValue(snapshot: SnapshotRecord): Record<string, unknown> {
  const { id, source, parent, rootEntry, partial, paths, missing } = snapshot;
  return {
    ...snapshot,
    version: 1,
    id: bytesOfHex(id),
    source: bytesOfHex(source),
    parent: parent === undefined ? undefined : bytesOfHex(parent),
    rootEntry: rootEntry === undefined ? undefined : decodeCbor(encodeRootEntry(rootEntry)),
    partial: partial ? true : undefined,
    paths: paths.map((path) => bytesOfByteString(path)),
    missing: missing.map((path) => bytesOfByteString(path)),
  };
}

export function snapshotOfValue(value: CborValue): SnapshotRecord {
  const fields = new Fields(value, snapshotDamaged);
  const version = fields.integer('version', 1);
  if (version !== 1) throw tooNew('A snapshot', { version });
  const stats = fields.fields('stats');
  return {
    id: fields.hex16('id') as SnapshotId,
    time: fields.integer('time'),
    finished: fields.integer('finished'),
    host: fields.text('host'),
    user: fields.text('user'),
    source: fields.hex16('source'),
    paths: fields.byteStrings('paths'),
    root: fields.bytes('root', 32),
    rootEntry: fields.has('rootEntry')
      ? decodeRootEntry(encodeCbor(fields.value('rootEntry')))
      : undefined,
    tags: fields.texts('tags'),
    parent: fields.has('parent') ? (fields.hex16('parent') as SnapshotId) : undefined,
    partial: fields.flag('partial'),
    problems: fields.integer('problems'),
    missing: fields.byteStrings('missing'),
    stats: Object.fromEntries(
      statNames.map((name) => [name, stats.integer(name)]),
    ) as SnapshotStats,
    users: fields.names('users'),
    groups: fields.names('groups'),
    program: fields.text('program'),
  };
}

function snapshotDamaged(why: string): VersionsError {
  return damaged('SNAPSHOT_DAMAGED', `A snapshot record is not valid: ${why}`);
}
