import { toHex } from '../base/index.ts';
import type { SnapshotRecord } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';

/** The last complete snapshot of a source. */
export function parentSnapshot(
  repository: Repository,
  source: Uint8Array,
): SnapshotRecord | undefined {
  const name = toHex(source);
  let latest: SnapshotRecord | undefined;
  for (const { record } of repository.state.snapshots.values()) {
    if (
      record.source === name &&
      !record.partial &&
      (latest === undefined || record.time >= latest.time)
    ) {
      latest = record;
    }
  }
  return latest;
}
