/**
 * Snapshots as they are read: listing and selecting them, walking their trees, reading files, and
 * checking that everything they need is there.
 *
 * Invariants: a page counts only if its chunk matches its id, levels fall by one on the way down,
 * and names ascend across pages; so no tree can loop or be read twice over. Reading writes nothing.
 */
export * from './find-snapshot.ts';
export * from './list-entries.ts';
export * from './look-up.ts';
export * from './read-file.ts';
export {
  type MirrorHealth,
  repositoryHealth,
  type RepositoryHealth,
  type SourceHealth,
} from './repository-health.ts';
export * from './recent-events.ts';
export * from './repository-stats.ts';
export * from './run-heal.ts';
export * from './run-verify.ts';
export type { SampleResult } from './sample-restore.ts';
export * from './snapshot-copies.ts';
export * from './snapshot-info.ts';
export { reportLosses } from './structure-losses.ts';
export * from './tree-reader.ts';
