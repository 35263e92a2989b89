/**
 * The core: everything Versions does, for the command line and for programs. It never prints and
 * reads neither arguments nor the environment; see docs/design.md.
 */
export * from './base/index.ts';
export * from './config/index.ts';
export {
  decodeKeyFile,
  encodeKeyFile,
  parseKeyFile,
  secretOfText,
  type Secret,
} from './crypto/index.ts';
export * from './errors/index.ts';
export * from './monitor/index.ts';
export type { SnapshotRecord, SnapshotStats, TreeEntry } from './format/index.ts';
export { parseExclude, readExcludeFile, resolvePath } from './files/index.ts';
export {
  absentMembers,
  addKeyFile,
  addMirror,
  applyRemoval,
  applySync,
  changeMembership,
  connectRepository,
  initRepository,
  lookAt,
  markerIdAt,
  membersOf,
  mirrorUnknown,
  mendMarkers,
  openNewPlace,
  openRepository,
  planFill,
  planRemoval,
  planSync,
  Repository,
  type ConnectOptions,
  type Connected,
  type Context,
  type Doors,
  type InitOptions,
  type NewPlace,
  type OpenOptions,
  type RemovalPlan,
  type RepositoryPlaces,
  type SecretSource,
  type SyncPlan,
  type SyncSummary,
} from './repository/index.ts';
export {
  findSnapshot,
  fitsFilter,
  listEntries,
  listSnapshots,
  parseSnapshotPath,
  readFile,
  repositoryHealth,
  reportLosses,
  repositoryStats,
  runHeal,
  runVerify,
  snapshotCopies,
  type FoundEntry,
  type MirrorHealth,
  type RepositoryHealth,
  type RepositoryStats,
  type SourceHealth,
  type HealSummary,
  type RunHealOptions,
  type SnapshotCopies,
  type SnapshotFilter,
  type SnapshotInfo,
  type VerifyOptions,
  type VerifySummary,
} from './snapshot/index.ts';
export {
  runBackup,
  type BackupOptions,
  type BackupSummary,
  type StreamInput,
} from './backup/index.ts';
export { runRestore, type RestoreOptions, type RestoreSummary } from './restore/index.ts';
export type { Mirror } from './mirror/index.ts';
export { openStore, sweepTemporaries } from './store/index.ts';
export { judgeFor, type Judge, type Subset, type VerifyLevel } from './verify/index.ts';
export {
  breakerTripped,
  copyObject,
  payDebt,
  payDebts,
  verifyKeyless,
  type Copied,
  type CopyOptions,
  type HealPlan,
  type KeylessSummary,
} from './heal/index.ts';
export { openCatalog, type Catalog } from './catalog/index.ts';
export type { Place } from './mirror/index.ts';
export { parseS3Url, type AccessKeys, type S3Place, type StoreCredentials } from './store/index.ts';
