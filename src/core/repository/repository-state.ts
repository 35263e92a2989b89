import type {
  ChunkId,
  LineageId,
  MirrorId,
  ObjectHash,
  SessionId,
  SnapshotId,
  WriterId,
} from '../base/index.ts';
import type { Tip } from '../catalog/index.ts';
import {
  type CheckpointPart,
  type CheckpointRecord,
  type EntryEnvelope,
  type JournalRecord,
  type MirrorRecord,
  partsOfCheckpoint,
  type SnapshotRecord,
} from '../format/index.ts';
import { FoldedEvents } from './folded-events.ts';
import { PackList } from './pack-list.ts';

/** A snapshot that the journal committed. */
export interface CommittedSnapshot {
  readonly record: SnapshotRecord;
  /** Id of its chunk in a tree pack. */
  readonly chunk: ChunkId;
  /** Number of the entry that committed it. */
  readonly number: number;
  /** So many packs were known then: it needs none of the later ones. */
  readonly packCount: number;
  /** No entry that is left had committed it: it was found in a pack, and may have been forgotten. */
  readonly recovered?: true | undefined;
}

/** A lineage and where it began. */
export interface LineageStart {
  readonly lineage: LineageId;
  readonly number: number;
}

/** The last entry of a history; number 0 stands for none. */
export interface LineageEnd {
  readonly lineage: LineageId | undefined;
  readonly number: number;
}

/**
 * What the journal says, folded: the packs, the snapshots, the keys, the mirrors. The same entries
 * in the same order always give the same state; nothing else goes into it.
 */
export class RepositoryState {
  tip: Tip | undefined;
  readonly packs: PackList = new PackList();
  readonly snapshots: Map<SnapshotId, CommittedSnapshot> = new Map();
  readonly keys: Set<ObjectHash> = new Set();
  readonly mirrors: Map<MirrorId, MirrorRecord> = new Map();
  readonly lineages: LineageStart[] = [];
  readonly openSessions: Map<SessionId, number> = new Map();
  readonly fenced: Set<SessionId | WriterId> = new Set();
  /** Written at init and by `settings`; undefined: all mirrors but one. */
  mirrorsMin: number | undefined;
  /** Kinds of records of a newer version that must be understood before writing. */
  readonly unknownRecords: Set<string> = new Set();
  /** Entries outside this history whose packs and snapshots it has taken in. */
  readonly merged: Set<ObjectHash> = new Set();
  /** The checkpoints that entries name, oldest first. */
  readonly checkpoints: CheckpointRecord[] = [];
  /** What was done to copies, as the ledgers told. */
  readonly events: FoldedEvents = new FoldedEvents();
  /** Where the history ended that a rebuild goes on from, until the rebuild is complete. */
  rebuildBase: LineageEnd | undefined;

  /** The last checkpoint that an entry names. */
  get checkpoint(): CheckpointRecord | undefined {
    return this.checkpoints.at(-1);
  }

  /** Everything below `checkpoints/` that entries name. */
  checkpointParts(): ReadonlyMap<ObjectHash, CheckpointPart> {
    const parts = this.checkpoints.flatMap(partsOfCheckpoint);
    return new Map(parts.map((part) => [part.name, part]));
  }

  /** Takes one entry in. The caller has checked that it follows the tip. */
  apply(envelope: EntryEnvelope, hash: ObjectHash, records: readonly JournalRecord[]): void {
    if (this.lineages.at(-1)?.lineage !== envelope.lineage) {
      this.lineages.push({ lineage: envelope.lineage, number: envelope.number });
    }
    this.tip = { lineage: envelope.lineage, number: envelope.number, hash };
    if (this.fenced.has(envelope.writer)) return;
    for (const record of records) this.#applyRecord(record, envelope.number);
  }

  #applyRecord(record: JournalRecord, number: number): void {
    switch (record.type) {
      case 'lineage':
        // A new lineage fences every session of the machine before.
        this.openSessions.clear();
        if (record.reason !== 'rebuild') return;
        // One that was cut short and begun again goes on from where the first one did.
        this.rebuildBase ??= record.parent ?? { lineage: undefined, number: 0 };
        return;
      case 'session':
        this.openSessions.set(record.session, number);
        return;
      case 'packs':
        for (const pack of record.packs) {
          if (this.packs.lifeOf(pack.name) !== 'swept') this.packs.add(pack);
        }
        return;
      case 'snapshot':
        if (!this.fenced.has(record.session)) this.#addSnapshot(record, number);
        this.openSessions.delete(record.session);
        return;
      case 'end':
        this.openSessions.delete(record.session);
        // A rebuild is a session that is named like its lineage.
        if (String(record.session) === this.tip?.lineage) this.rebuildBase = undefined;
        return;
      case 'merged':
        for (const entry of record.entries) this.merged.add(entry);
        return;
      case 'forget':
        for (const id of record.snapshots) this.snapshots.delete(id);
        return;
      case 'mirrors':
        for (const mirror of record.mirrors) this.mirrors.set(mirror.id, mirror);
        return;
      case 'settings':
        this.mirrorsMin = record.mirrorsMin;
        return;
      case 'keys':
        for (const name of record.add) this.keys.add(name);
        for (const name of record.remove) this.keys.delete(name);
        return;
      case 'condemn':
      case 'rescue':
      case 'swept':
        this.#setLives(record);
        return;
      case 'fence':
        if (record.session) this.fenced.add(record.session);
        if (record.writer) this.fenced.add(record.writer);
        return;
      case 'checkpoint':
        this.checkpoints.push(record);
        return;
      case 'events':
        this.events.add(record.events);
        return;
      case 'unknown':
        if (!record.optional) this.unknownRecords.add(record.name);
    }
  }

  /** A complete snapshot takes the place of the partial ones of its source before it. */
  #addSnapshot(committed: Extract<JournalRecord, { type: 'snapshot' }>, number: number): void {
    const { snapshot: record, record: chunk, recovered } = committed;
    if (!record.partial) {
      for (const [id, other] of this.snapshots) {
        if (other.record.partial && other.record.source === record.source)
          this.snapshots.delete(id);
      }
    }
    const packCount = this.packs.count;
    // Its place in the order is that of the commit which counts.
    this.snapshots.delete(record.id);
    this.snapshots.set(record.id, {
      record,
      chunk,
      number,
      packCount,
      ...(recovered && { recovered }),
    });
  }

  #setLives(record: Extract<JournalRecord, { type: 'condemn' | 'rescue' | 'swept' }>): void {
    for (const name of record.packs) {
      // Swept is for ever.
      if (this.packs.lifeOf(name) === 'swept') continue;
      this.packs.setLife(
        name,
        record.type === 'condemn' ? 'condemned' : record.type === 'swept' ? 'swept' : 'live',
      );
    }
  }
}
