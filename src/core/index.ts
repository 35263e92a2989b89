/**
 * The core: everything Versions does, for the command line and for programs. It never prints and
 * reads neither arguments nor the environment; see docs/design.md.
 */
export * from './base/index.ts';
export * from './config/index.ts';
export * from './cost/index.ts';
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
  extendLocks,
  initRepository,
  lookAt,
  markerIdAt,
  membersOf,
  mirrorUnknown,
  mendMarkers,
  mendOpening,
  openNewPlace,
  openRepository,
  planFill,
  planRemoval,
  keepProbe,
  type MirrorProbe,
  planSync,
  probeMirrors,
  notePromise,
  promiseOf,
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
  copyCatalog,
  rebuildCatalog,
  verifyCatalog,
  type CopiedCatalog,
  type CatalogCopyOptions,
  type Rebuilt,
  type RebuildOptions,
  type VerifiedCatalog,
} from './rebuild/index.ts';
export {
  findSnapshot,
  fitsFilter,
  listEntries,
  listSnapshots,
  eventDays,
  parseSnapshotPath,
  readFile,
  recentEvents,
  repositoryHealth,
  reportLosses,
  repositoryStats,
  runHeal,
  runVerify,
  snapshotCopies,
  type FoundEntry,
  type MirrorHealth,
  type RecentEvent,
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
export {
  CappedStore,
  ForwardingStore,
  lockingStoreIn,
  openStore,
  parseS3Url,
  probeStore,
  ReadOnlyStore,
  sweepTemporaries,
  type AccessKeys,
  type GetOptions,
  type ObjectStore,
  type ProbeAnswer,
  type S3Place,
  type StoreCredentials,
} from './store/index.ts';
export {
  decodeWork,
  encodeWork,
  HashThreads,
  judgeFor,
  messageCopiesMax,
  planVerification,
  takeCensus,
  verifyCopies,
  type Judge,
  type PlannedMirror,
  type Subset,
  type VerificationPlan,
  type VerifiedCopies,
  type VerifyLevel,
  type WorkCopy,
  type WorkMessage,
} from './verify/index.ts';
export {
  breakerTripped,
  copyObject,
  healCopies,
  payDebt,
  payDebts,
  verifyKeyless,
  type Copied,
  type CopyOptions,
  type HealedCopies,
  type HealPlan,
  type KeylessSummary,
} from './heal/index.ts';
export {
  damageKinds,
  damageMirrors,
  damageParts,
  type DamageItem,
  type DamageKind,
  type DamagePart,
  type DamagePlan,
} from './damage/index.ts';
export {
  MemoryCatalog,
  openCatalog,
  type Catalog,
  type CopyState,
  type EntryRow,
  type Ledger,
  type LedgerCopy,
  type LedgerEvent,
} from './catalog/index.ts';
export { decodeEntryObject, decodeMarker } from './format/index.ts';
export { MirrorSet, type Place } from './mirror/index.ts';
