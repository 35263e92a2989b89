import type { MirrorId, SnapshotId } from '../base/index.ts';
import type { CopyState } from '../catalog/index.ts';
import { membersOf, parseEntryKey, type Repository } from '../repository/index.ts';
import { isNeeded, packNameOf } from './repository-health.ts';

/** On how many mirrors a snapshot is, as far as the ledger knows. */
export interface SnapshotCopies {
  readonly complete: number;
  readonly mirrors: number;
}

/** States in which a copy is of no use to a restore. */
const badStates: readonly CopyState[] = ['debt', 'suspect', 'damaged', 'quarantined', 'absent'];

/** What a mirror has without a gap: so many packs, and the journal up to this entry. */
interface Reach {
  readonly packs: number;
  readonly entry: number;
}

/**
 * For each snapshot the number of mirrors that have all of it. A mirror counts if the ledger knows of
 * no bad or missing copy among the packs and entries that were there when the snapshot was made; so
 * it may be one too few, where the gap is in something that this snapshot does not use, and is one
 * too many only where damage was not found yet.
 */
export async function snapshotCopies(
  repository: Repository,
): Promise<ReadonlyMap<SnapshotId, SnapshotCopies>> {
  const members = membersOf(repository);
  const reaches: Reach[] = [];
  for (const { id } of members) reaches.push(await reachOf(repository, id));
  const copies = new Map<SnapshotId, SnapshotCopies>();
  for (const [id, { packCount, number }] of repository.state.snapshots) {
    const whole = reaches.filter(({ packs, entry }) => packs >= packCount && entry > number);
    copies.set(id, { complete: whole.length, mirrors: members.length });
  }
  return copies;
}

async function reachOf(repository: Repository, mirror: MirrorId): Promise<Reach> {
  const { catalog, state } = repository;
  let packs = Number.POSITIVE_INFINITY;
  let entry = Number.POSITIVE_INFINITY;
  for (const bad of badStates) {
    for await (const { object } of catalog.ledger.copies({ mirror, state: bad })) {
      const name = packNameOf(object);
      if (name !== undefined && isNeeded(repository, name)) {
        packs = Math.min(packs, state.packs.numberOf(name) ?? packs);
      }
      entry = Math.min(entry, parseEntryKey(object)?.number ?? entry);
    }
  }
  return { packs, entry };
}
