/**
 * One repository: opening, making and taking it up, its keys, its journal, its chunk index, and
 * reading and writing chunks and packs.
 *
 * Invariants:
 * - a pack is named in the journal only after the write quorum has it, and is logged on this
 *   machine in between, so that it is never uploaded twice;
 * - an entry's row in the catalog is the commit; nothing is reported before its object has reached
 *   the quorum (see `entry-log.ts`);
 * - whoever opens for writing first looks whether a mirror knows more of the journal than the
 *   catalog, and refuses to go on beside another history;
 * - a chunk is checked against its id before a byte of it is used; the table of a pack is believed
 *   only if the pack's header carries the salt that the journal names;
 * - everything in the cache directory can be deleted at any time.
 */
export { ChunkReader } from './chunk-reader.ts';
export { openPackEnd, type PackDirectory, readPackDirectory } from './pack-directory.ts';
export { openBlock, readBlock, type PackBlocks } from './read-block.ts';
export { connectRepository, type ConnectOptions, type Connected } from './connect-repository.ts';
export {
  doorsOf,
  openPlaces,
  type Context,
  type Doors,
  type RepositoryPlaces,
  type SecretSource,
} from './context.ts';
export { copyMissing } from './behind-mirrors.ts';
export { Debts } from './debts.ts';
export { findStrays, keptPartials, mergeStrays } from './merge-strays.ts';
export { metaKeys } from './meta-keys.ts';
export { forgetCaches, prepareCatalog, startingAnew } from './prepare-catalog.ts';
export { fillCatalog } from './fill-catalog.ts';
export { expectedObjects, neededObjects } from './expected-objects.ts';
export { noteSuperseded } from './lost-packs.ts';
export { initRepository, type InitOptions } from './init-repository.ts';
export { addKeyFile } from './add-key.ts';
export { absentMembers, changeMembership, membersOf } from './membership.ts';
export { addMirror, lookAt, type AddedMirror, type NewPlace } from './add-mirror.ts';
export { markerIdAt, openNewPlace } from './mirror-places.ts';
export { mirrorUnknown } from './mirror-change-errors.ts';
export {
  applyRemoval,
  planRemoval,
  type RemovalOptions,
  type RemovalPlan,
} from './remove-mirror.ts';
export { extendLocks, type ExtendedLocks } from './extend-locks.ts';
export {
  applySync,
  planFill,
  planSync,
  type SyncOptions,
  type SyncPlan,
  type SyncSummary,
} from './sync-mirror.ts';
export { keepProbe, type MirrorProbe, type ProbedMirrors, probeMirrors } from './probe-mirrors.ts';
export { remadeFromCatalog } from './make-checkpoint.ts';
export { mendMarkers, type MendMarkersOptions } from './mend-markers.ts';
export { mendOpening } from './mend-opening.ts';
export { entryKey, keyObjectKey, packKey, parseEntryKey, payloadKey } from './object-keys.ts';
export {
  assembleRepository,
  checkCatalogOwner,
  openMirrorSet,
  openRepository,
  readConfigAndKeys,
  type OpenOptions,
} from './open-repository.ts';
export type { PackInfo, PackLife } from './pack-list.ts';
export { notePromise, promiseOf } from './promise.ts';
export { recoverPacks } from './recover-packs.ts';
export type { CommittedSnapshot } from './repository-state.ts';
export { Repository } from './repository.ts';
export { TreeStore } from './tree-store.ts';
export { writeCheckpointIfDue } from './write-checkpoint.ts';
export { WriteSession, type SessionOptions } from './write-session.ts';
export { isKept, KeptOpening } from './kept-opening.ts';
