/**
 * Making snapshots. In order: take up what a dead run left, scan (compare with the local state),
 * upload (by the workers), build trees, commit.
 *
 * Invariants:
 * - scan and upload know nothing of each other but the queue and the results, which are on disk;
 * - a file is in a snapshot only if every chunk of it is in a stored and logged pack;
 * - a file that is not certain to be unchanged is read: anything whose times are not older than the
 *   scan by a granule counts as changed next time;
 * - the local state is kept only together with the commit.
 */
export type { BackupOptions, BackupSummary, StreamInput } from './options.ts';
export { runBackup } from './run-backup.ts';
