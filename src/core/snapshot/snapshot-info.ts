import type { ByteString, SnapshotId } from '../base/index.ts';
import type { SnapshotRecord } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';

/** A snapshot as it is listed and selected. */
export type SnapshotInfo = SnapshotRecord & {
  /** It was found in a pack when the catalog was made anew, and may have been forgotten before. */
  readonly recovered?: true | undefined;
};

/** All snapshots, oldest first. */
export function listSnapshots(repository: Repository): readonly SnapshotInfo[] {
  return [...repository.state.snapshots.values()]
    .sort((a, b) => a.record.time - b.record.time || a.number - b.number)
    .map(({ record, recovered }) => (recovered ? { ...record, recovered } : record));
}

/** What narrows the choice of `latest`. All that is given must fit. */
export interface SnapshotFilter {
  readonly host?: string | undefined;
  readonly paths?: readonly ByteString[] | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly ids?: readonly SnapshotId[] | undefined;
}

/** Does a snapshot fit the filter? It must have every tag and every path that is named. */
export function fitsFilter(snapshot: SnapshotInfo, filter: SnapshotFilter): boolean {
  return (
    (filter.host === undefined || snapshot.host === filter.host) &&
    (filter.paths ?? []).every((path) => snapshot.paths.includes(path)) &&
    (filter.tags ?? []).every((tag) => snapshot.tags.includes(tag))
  );
}
