import type {
  ChunkId,
  LineageId,
  MirrorId,
  ObjectHash,
  PackName,
  SessionId,
  SnapshotId,
  WriterId,
} from '../base/index.ts';
import { toHex } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { CborValue } from './cbor-reader.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import {
  type CheckpointPart,
  checkpointPartOf,
  checkpointPartValue,
  faultOf,
} from './checkpoint-object.ts';
import { eventsOfFields, type EventsRecord, eventsValue } from './events-record.ts';
import { damaged, tooNew } from './failures.ts';
import { bytesOfHex, Fields, isCount } from './fields.ts';
import { snapshotOfValue, snapshotValue, type SnapshotRecord } from './snapshot-record.ts';

const lineageReasons = ['init', 'rebuild', 'take-over', 'copy', 'clone'] as const;
const mirrorStates = ['active', 'removed'] as const;
const packKinds = ['data', 'tree'] as const;

/** Where a lineage goes on from. */
export interface LineageParent {
  readonly lineage: LineageId;
  readonly number: number;
  readonly hash: ObjectHash;
}

/** A pack that reached the write quorum. */
export interface PackRecord {
  readonly name: PackName;
  readonly bytes: number;
  /** Bytes of the sealed chunk table. */
  readonly tableBytes: number;
  readonly kind: 'data' | 'tree';
  readonly chunkCount: number;
  /** Salt of the pack's header, 32 bytes: binds its table and blocks to this very pack. */
  readonly salt: Uint8Array;
}

export interface MirrorRecord {
  readonly id: MirrorId;
  readonly name: string;
  readonly state: 'active' | 'removed';
}

/** What a journal entry says; the meaning of each is in docs/format.md section 11. */
export type JournalRecord =
  | {
      readonly type: 'lineage';
      readonly reason: (typeof lineageReasons)[number];
      /** Absent for `init`, and for a rebuild when no entry was left to go on from. */
      readonly parent?: LineageParent | undefined;
    }
  | {
      readonly type: 'session';
      readonly session: SessionId;
      readonly base: number;
      readonly parent?: SnapshotId | undefined;
      readonly host: string;
    }
  | { readonly type: 'packs'; readonly session: SessionId; readonly packs: readonly PackRecord[] }
  | {
      readonly type: 'snapshot';
      readonly session: SessionId;
      /** Id of the snapshot's chunk. */
      readonly record: ChunkId;
      readonly snapshot: SnapshotRecord;
      /** Found in a pack when the catalog was made anew; no entry that is left had committed it. */
      readonly recovered?: true | undefined;
    }
  | { readonly type: 'merged'; readonly entries: readonly ObjectHash[] }
  | { readonly type: 'end'; readonly session: SessionId }
  | { readonly type: 'forget'; readonly snapshots: readonly SnapshotId[] }
  | { readonly type: 'mirrors'; readonly mirrors: readonly MirrorRecord[] }
  | { readonly type: 'settings'; readonly mirrorsMin: number }
  | {
      readonly type: 'keys';
      readonly add: readonly ObjectHash[];
      readonly remove: readonly ObjectHash[];
    }
  | { readonly type: 'condemn' | 'rescue' | 'swept'; readonly packs: readonly PackName[] }
  | {
      readonly type: 'fence';
      readonly session?: SessionId | undefined;
      readonly writer?: WriterId | undefined;
    }
  | CheckpointRecord
  | EventsRecord
  | UnknownRecord;

/** A checkpoint was made of the entries up to one of those before; a reader may pass it over. */
export interface CheckpointRecord {
  readonly type: 'checkpoint';
  readonly checkpoint: CheckpointPart;
  /** Of the last entry that it covers. */
  readonly hash: ObjectHash;
  /** All runs that it consists of, oldest first. */
  readonly runs: readonly CheckpointPart[];
}

/** All objects that it names: its runs, and the list of them. */
export function partsOfCheckpoint({
  checkpoint,
  runs,
}: CheckpointRecord): readonly CheckpointPart[] {
  return [...runs, checkpoint];
}

/** A record of a newer version. Unless it is optional, a client goes on reading and never writes. */
export interface UnknownRecord {
  readonly type: 'unknown';
  readonly name: string;
  readonly optional: boolean;
}

/** The records of an entry, before compression. */
export function encodeRecords(records: readonly JournalRecord[]): Uint8Array {
  return encodeCbor(records.map((record) => recordValue(record)));
}

/** Reads the records of an entry. Throws `Corrupt` (codes RECORD_DAMAGED, CBOR_INVALID, …). */
export function decodeRecords(bytes: Uint8Array): JournalRecord[] {
  const values = decodeCbor(bytes);
  if (!Array.isArray(values)) throw recordDamaged('there is no list of records');
  return (values as readonly CborValue[]).map((value) => recordOfValue(value));
}

function recordValue(record: JournalRecord): Record<string, unknown> {
  switch (record.type) {
    case 'lineage':
      return { ...record, parent: record.parent && parentValue(record.parent) };
    case 'session':
      return {
        ...record,
        session: bytesOfHex(record.session),
        parent: record.parent && bytesOfHex(record.parent),
      };
    case 'packs':
      return {
        ...record,
        session: bytesOfHex(record.session),
        packs: record.packs.map((pack) => packValue(pack)),
      };
    case 'snapshot':
      return {
        ...record,
        session: bytesOfHex(record.session),
        snapshot: snapshotValue(record.snapshot),
      };
    case 'merged':
      return { ...record, entries: hexesValue(record.entries) };
    case 'end':
      return { ...record, session: bytesOfHex(record.session) };
    case 'forget':
      return { ...record, snapshots: hexesValue(record.snapshots) };
    case 'mirrors':
      return {
        ...record,
        mirrors: record.mirrors.map(({ id, name, state }) => ({ id: bytesOfHex(id), name, state })),
      };
    case 'settings':
      return { ...record };
    case 'keys':
      return { ...record, add: hexesValue(record.add), remove: hexesValue(record.remove) };
    case 'condemn':
    case 'rescue':
    case 'swept':
      return { ...record, packs: hexesValue(record.packs) };
    case 'fence':
      return {
        ...record,
        session: record.session && bytesOfHex(record.session),
        writer: record.writer && bytesOfHex(record.writer),
      };
    case 'checkpoint':
      return {
        ...record,
        optional: true,
        hash: bytesOfHex(record.hash),
        checkpoint: checkpointPartValue(record.checkpoint),
        runs: record.runs.map((run) => checkpointPartValue(run)),
      };
    case 'events':
      return eventsValue(record);
    case 'unknown':
      break;
  }
  throw new VersionsError('Internal', 'ASSERTION_FAILED', 'An unknown record cannot be written');
}

function recordOfValue(value: CborValue): JournalRecord {
  const fields = new Fields(value, recordDamaged);
  const type = fields.text('type');
  switch (type) {
    case 'lineage':
      return lineageOfFields(fields);
    case 'session':
      return {
        type,
        session: fields.hex16('session') as SessionId,
        base: fields.integer('base'),
        parent: fields.has('parent') ? (fields.hex16('parent') as SnapshotId) : undefined,
        host: fields.text('host'),
      };
    case 'packs':
      return {
        type,
        session: fields.hex16('session') as SessionId,
        packs: fields.array('packs').map((pack) => packOfValue(pack)),
      };
    case 'snapshot':
      return {
        type,
        session: fields.hex16('session') as SessionId,
        record: fields.bytes('record', 32),
        snapshot: snapshotOfValue(fields.value('snapshot')),
        ...(fields.flag('recovered') ? { recovered: true } : {}),
      };
    case 'merged':
      return { type, entries: fields.hexes<ObjectHash>('entries', 32) };
    case 'end':
      return { type, session: fields.hex16('session') as SessionId };
    case 'forget':
      return { type, snapshots: fields.hexes<SnapshotId>('snapshots', 16) };
    case 'mirrors':
      return { type, mirrors: fields.array('mirrors').map((mirror) => mirrorOfValue(mirror)) };
    case 'settings':
      return { type, mirrorsMin: fields.integer('mirrorsMin', 1) };
    case 'keys':
      return {
        type,
        add: fields.hexes<ObjectHash>('add', 32),
        remove: fields.hexes<ObjectHash>('remove', 32),
      };
    case 'condemn':
    case 'rescue':
    case 'swept':
      return { type, packs: fields.hexes<PackName>('packs', 32) };
    case 'fence':
      return fenceOfFields(fields);
    case 'checkpoint':
      return checkpointOfFields(fields);
    case 'events':
      return eventsOfFields(fields, recordDamaged);
    default:
      return { type: 'unknown', name: type, optional: fields.flag('optional') };
  }
}

function lineageOfFields(fields: Fields): JournalRecord {
  const reason = fields.oneOf('reason', lineageReasons);
  const mayLackParent = reason === 'init' || reason === 'rebuild';
  if (fields.has('parent') ? reason === 'init' : !mayLackParent) {
    throw recordDamaged('a lineage has a parent unless it begins the repository');
  }
  if (!fields.has('parent')) return { type: 'lineage', reason };
  const parent = fields.fields('parent');
  return {
    type: 'lineage',
    reason,
    parent: {
      lineage: parent.hex16('lineage') as LineageId,
      number: parent.integer('number'),
      hash: parent.hex32('hash') as ObjectHash,
    },
  };
}

function fenceOfFields(fields: Fields): JournalRecord {
  if (fields.has('session') === fields.has('writer')) {
    throw recordDamaged('a fence is for a session or for a writer');
  }
  return fields.has('session')
    ? { type: 'fence', session: fields.hex16('session') as SessionId }
    : { type: 'fence', writer: fields.hex16('writer') as WriterId };
}

function checkpointOfFields(fields: Fields): CheckpointRecord {
  const checkpoint = checkpointPartOf(fields.value('checkpoint'), recordDamaged);
  const runs = fields.array('runs').map((run) => checkpointPartOf(run, recordDamaged));
  const fault = checkpoint.first === 1 ? faultOf(runs, checkpoint.last) : 'it does not begin at 1';
  if (fault !== undefined || !fields.flag('optional')) {
    throw recordDamaged(`a checkpoint is malformed: ${fault ?? 'it is not optional'}`);
  }
  const hash = fields.hex32('hash') as ObjectHash;
  return { type: 'checkpoint', checkpoint, hash, runs };
}

function parentValue({ lineage, number, hash }: LineageParent): Record<string, unknown> {
  return { lineage: bytesOfHex(lineage), number, hash: bytesOfHex(hash) };
}

function packValue(pack: PackRecord): readonly unknown[] {
  const { name, bytes, tableBytes, kind, chunkCount, salt } = pack;
  return [bytesOfHex(name), bytes, tableBytes, packKinds.indexOf(kind) + 1, chunkCount, salt];
}

function packOfValue(value: CborValue): PackRecord {
  if (!Array.isArray(value) || value.length !== 6) throw recordDamaged('a pack is malformed');
  const [name, bytes, tableBytes, kindNumber, chunkCount, salt] = value as readonly CborValue[];
  if (isCount(kindNumber) && kindNumber > packKinds.length) {
    throw tooNew('A record of the journal', { kind: kindNumber });
  }
  const kind = typeof kindNumber === 'number' ? packKinds[kindNumber - 1] : undefined;
  const fits =
    name instanceof Uint8Array &&
    name.byteLength === 32 &&
    isCount(bytes) &&
    isCount(tableBytes) &&
    isCount(chunkCount) &&
    salt instanceof Uint8Array &&
    salt.byteLength === 32 &&
    kind !== undefined;
  if (!fits) throw recordDamaged('a pack is malformed');
  return { name: toHex(name) as PackName, bytes, tableBytes, kind, chunkCount, salt };
}

function mirrorOfValue(value: CborValue): MirrorRecord {
  const fields = new Fields(value, recordDamaged);
  return {
    id: fields.hex16('id') as MirrorId,
    name: fields.text('name'),
    state: fields.oneOf('state', mirrorStates),
  };
}

function hexesValue(names: readonly string[]): Uint8Array[] {
  return names.map((name) => bytesOfHex(name));
}

function recordDamaged(why: string): VersionsError {
  return damaged('RECORD_DAMAGED', `A record of the journal is not valid: ${why}`);
}
