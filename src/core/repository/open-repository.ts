import { availableParallelism } from 'node:os';
import { makeDirectoriesSync, type RepositoryId } from '../base/index.ts';
import { MemoryCatalog, type Catalog } from '../catalog/index.ts';
import type { MasterBundle } from '../crypto/index.ts';
import { isVersionsError, VersionsError, withLocalDisk } from '../errors/index.ts';
import { decodeConfig, decodeMarker, type DecodedConfig } from '../format/index.ts';
import { MirrorSet, type Mirror, type MirrorSetOptions, type Place } from '../mirror/index.ts';
import {
  doorsOf,
  openPlaces,
  type Context,
  type RepositoryPlaces,
  type SecretSource,
} from './context.ts';
import { catchUpMirrors } from './behind-mirrors.ts';
import { Debts } from './debts.ts';
import { EntryLog } from './entry-log.ts';
import { fillCatalog } from './fill-catalog.ts';
import { statePathIn } from './index-cache.ts';
import { assertNotRolledBack, noteRolledBack, rememberHighest } from './highest-entry.ts';
import { unlock } from './key-access.ts';
import { KeptOpening } from './kept-opening.ts';
import { findLostPacks, isLossOver } from './lost-packs.ts';
import { absentMembers, assertMembers } from './membership.ts';
import { hasForeignHistory, reconcileHistory, takeInNewer } from './mirror-history.ts';
import { metaKeys } from './meta-keys.ts';
import { assertNotMoved } from './moved-catalog.ts';
import { noteSuspects } from './note-suspects.ts';
import { configKey } from './object-keys.ts';
import { RepositoryState } from './repository-state.ts';
import { Repository } from './repository.ts';
import { loadState } from './state-file.ts';
import { finishCheckpoint } from './write-checkpoint.ts';
import { writerIdOf } from './writer-id.ts';

const threadsMax = 8;
/**
 * Objects that a mirror may be behind before it is spared: more than fit into the bytes in flight,
 * so that a slow mirror slows a run down instead of being left without half of it.
 */
const behindMax = 64;
export interface OpenOptions {
  readonly secret: SecretSource;
  readonly readOnly: boolean;
  /** Lets the ledger be written, though nothing else is: for what verifying learns. */
  readonly notesHealth?: boolean | undefined;
  /** The place to which the catalog is being moved: it may be closed on behalf of that. */
  readonly movingTo?: string | undefined;
}

/**
 * Opens a repository. For writing, it first makes sure that no mirror knows more of the journal
 * than the catalog does. Errors: `NotFound` (code REPOSITORY_NOT_FOUND, CATALOG_MISSING), `Denied`
 * (WRONG_SECRET), `Conflict` (FOREIGN_LINEAGE, HISTORY_FORKED, HISTORY_ROLLED_BACK, TAKE_OVER_NEEDED), `Unsupported`,
 * `Unavailable` (QUORUM_LOST), `Corrupt`.
 */
export function openRepository(
  places: RepositoryPlaces,
  options: OpenOptions,
  context: Context,
): Promise<Repository> {
  return withLocalDisk(() => open(places, options, context));
}

async function open(
  places: RepositoryPlaces,
  options: OpenOptions,
  context: Context,
): Promise<Repository> {
  const { readOnly } = options;
  const stores = await openPlaces(places.mirrors, { create: false, readOnly }, context);
  const debts = new Debts();
  const mirrors = await openMirrorSet(
    stores,
    {
      readOnly,
      mirrorsMin: places.mirrorsMin,
      onDebt: debts.add,
      onStored: debts.stored,
      onSuspect: noteSuspects(context.monitor),
    },
    context,
  );
  let catalog: Catalog | undefined;
  try {
    const kept = new KeptOpening(places.cacheDir, context.monitor);
    const unlocked = await readConfigAndKeys(mirrors, options.secret, kept);
    catalog =
      places.catalog === undefined
        ? new MemoryCatalog()
        : await openCatalogFor(places.catalog, options, context);
    const repository = await assembleRepository(
      { mirrors, catalog, debts, ...unlocked },
      places.cacheDir,
      readOnly,
      context,
    );
    if (places.catalog === undefined) await fillCatalog(repository, context);
    else await readJournal(repository, options.movingTo, context);
    if (!readOnly) await prepareForWriting(repository, context);
    kept.keep(repository.state.keys);
    // For reading too: what was lost may be stored again in other packs.
    await noteLostPacks(repository, context);
    return repository;
  } catch (error) {
    await catalog?.[Symbol.asyncDispose]();
    await mirrors[Symbol.asyncDispose]();
    throw error;
  }
}

/** Where the ledger cannot be written it is still read: it is a hint, no more. */
async function openCatalogFor(
  url: string,
  { readOnly, notesHealth }: OpenOptions,
  context: Context,
): Promise<Catalog> {
  const { openCatalog } = doorsOf(context);
  if (!readOnly || notesHealth !== true) return openCatalog(url, { readOnly });
  try {
    return await openCatalog(url, { readOnly: false });
  } catch (error) {
    if (!isVersionsError(error, 'Denied')) throw error;
    return openCatalog(url, { readOnly: true });
  }
}

/** Reads the markers; see `MirrorSet.open`. */
export async function openMirrorSet(
  places: readonly Place[],
  options: Pick<MirrorSetOptions, 'readOnly' | 'mirrorsMin' | 'onDebt' | 'onStored' | 'onSuspect'>,
  context: Context,
): Promise<MirrorSet> {
  return MirrorSet.open({
    places,
    ...options,
    readMarker: decodeMarker,
    readOwner: (config) => decodeConfig(config).config.repository,
    limits: { behindMax, ...(context.callMsMax && { callMsMax: context.callMsMax }) },
    monitor: context.monitor,
    clock: context.clock,
    signal: context.signal,
  });
}

export interface Unlocked {
  readonly config: DecodedConfig;
  readonly bundle: MasterBundle;
}

/**
 * `config` from the first mirror that has it whole, and the keys that the secret opens. What no
 * mirror has is taken from what this machine keeps.
 */
export async function readConfigAndKeys(
  mirrors: MirrorSet,
  secret: SecretSource,
  kept: KeptOpening,
): Promise<Unlocked> {
  let decoded: DecodedConfig | undefined;
  let newer: unknown;
  const accept = (bytes: Uint8Array): boolean => {
    try {
      decoded = decodeConfig(bytes);
      return decoded.config.repository === mirrors.repositoryId;
    } catch (error) {
      if (isVersionsError(error, 'Unsupported')) newer = error;
      return false;
    }
  };
  try {
    kept.saw(configKey, await mirrors.get(configKey, { accept }));
  } catch (error) {
    if (newer !== undefined || !isVersionsError(error, 'NotFound', 'Corrupt')) throw newer ?? error;
    if (kept.instead(configKey, accept) === undefined)
      throw error.kind === 'NotFound' ? configLost(error) : error;
  }
  if (decoded === undefined)
    throw new VersionsError('Internal', 'CONFIG_UNREAD', 'The config was not read');
  const { repository, suite } = decoded.config;
  const bundle = await unlock(mirrors, { repository, suite, kept }, secret);
  return { config: decoded, bundle };
}

/** Something of the repository is there, as markers say, and this is in none of the mirrors. */
function configLost(cause: VersionsError): VersionsError {
  return new VersionsError(
    'Corrupt',
    'CONFIG_LOST',
    'No mirror at hand has the object config, and this machine keeps none',
    {
      hint: 'Run "versions heal" on a machine that has used the repository: it writes it back; or bring back a mirror that has it, or `config` from an old copy of one: it never changes',
      cause,
    },
  );
}

/** Puts the parts together; the journal is not read yet. */
export async function assembleRepository(
  parts: Unlocked & {
    readonly mirrors: MirrorSet;
    readonly catalog: Catalog;
    readonly debts?: Debts;
  },
  cacheDir: string,
  readOnly: boolean,
  context: Context,
): Promise<Repository> {
  const { config, macInput, mac } = parts.config;
  const keys = parts.bundle.repositoryKeys(config.suite);
  keys.checkConfigMac(macInput, mac);
  const { catalog, mirrors, bundle } = parts;
  makeDirectoriesSync(cacheDir);
  const saved = loadState(statePathIn(cacheDir), config.repository);
  const usable = saved && (await catalogHolds(catalog, saved.state)) ? saved : undefined;
  const state = usable?.state ?? new RepositoryState();
  const { clock, random, monitor } = context;
  const writer = await writerIdOf(catalog, { cacheDir, readOnly }, random);
  const log = new EntryLog({
    catalog,
    mirrors,
    keys,
    repository: config.repository,
    writer,
    state,
    clock,
    random,
  });
  return new Repository({
    config,
    bundle,
    keys,
    mirrors,
    catalog,
    state,
    log,
    writer,
    readOnly,
    cacheDir,
    debts: parts.debts ?? new Debts(),
    saved: usable?.tie,
    clock,
    random,
    monitor,
    packBytes: context.packBytes,
    threads: context.threads ?? Math.min(threadsMax, availableParallelism()),
  });
}

async function noteLostPacks(repository: Repository, { monitor, signal }: Context): Promise<void> {
  for (const name of await findLostPacks(repository, signal)) repository.lostPacks.add(name);
  const { size } = repository.lostPacks;
  if (size === 0) return;
  repository.lossIsOver = await isLossOver(repository);
  if (repository.lossIsOver) return;
  const which = size === 1 ? 'pack is' : 'packs are';
  const what = `${size} ${which} in none of the mirrors at hand`;
  monitor.note(
    repository.readOnly
      ? `${what}; what was stored again since is read from where it is now`
      : `${what}; what the source still has of them is stored again`,
  );
}

/** Throws `Conflict` (CATALOG_FOREIGN) if the catalog is another repository's. */
export async function checkCatalogOwner(catalog: Catalog, id: RepositoryId): Promise<void> {
  const own = await catalog.getMeta(metaKeys.repository);
  if (own !== undefined && own !== id) {
    throw new VersionsError(
      'Conflict',
      'CATALOG_FOREIGN',
      `The catalog ${catalog.location} belongs to another repository`,
      {
        hint: 'Correct the catalog in the configuration, or make a new one with "versions connect"',
        context: { repository: id },
      },
    );
  }
}

async function readJournal(
  repository: Repository,
  movingTo: string | undefined,
  context: Context,
): Promise<void> {
  const { catalog } = repository;
  await checkCatalogOwner(catalog, repository.id);
  if ((await catalog.getMeta(metaKeys.filling)) === 'yes') throw connectUnfinished();
  await repository.log.catchUp();
  // A mirror without a journal is no mirror: something was here.
  if (repository.state.tip === undefined) throw catalogEmpty(catalog.location);
  if (!repository.readOnly) await assertNotMoved(catalog, movingTo);
  const follows = (await catalog.getMeta(metaKeys.follower)) === 'yes';
  if (follows && !repository.readOnly) throw takeOverNeeded();
  if (!repository.readOnly) return;
  // What has gone on elsewhere was not put back.
  if (!(await followMirrors(repository, context))) noteRolledBack(repository);
  rememberHighest(repository);
}

/**
 * A machine that only reads takes in what the writing machine has added since; and a catalog that
 * was brought back from an older copy is seen to be old. Is there a history that it cannot take in?
 */
async function followMirrors(repository: Repository, context: Context): Promise<boolean> {
  const { log, mirrors, state, catalog } = repository;
  const beyond: string[] = [];
  for (const mirror of mirrors.mirrors) {
    const look = { log, mirrors, monitor: context.monitor, signal: context.signal };
    const foreign = await asked(mirror, context, async () => {
      await takeInNewer(mirror, look);
      return hasForeignHistory(mirror, state, look);
    });
    if (foreign === true) beyond.push(mirror.name);
  }
  if (beyond.length === 0) return false;
  context.monitor.note(
    `This machine does not follow the newer history that is in ${beyond.join(', ')}: "versions catalog rebuild" takes it in, and then only this machine writes; to read only, move ${catalog.location} away and run "versions connect NAME"`,
  );
  return true;
}

/** What a mirror says of its journal; undefined from one that fails: it counts as not there. */
async function asked<T>(
  mirror: Mirror,
  context: Context,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
    context.monitor.note(`Mirror ${mirror.name} did not tell its journal: ${error.message}`);
    return undefined;
  }
}

async function prepareForWriting(repository: Repository, context: Context): Promise<void> {
  const { state, mirrors, log } = repository;
  const { monitor, signal } = context;
  const look = { log, monitor, signal };
  const listed = log.tip?.number ?? 0;
  const behind = await reconcileHistory(mirrors, state, look);
  await assertNotRolledBack(repository);
  rememberHighest(repository);
  assertMembers(repository);
  repository.debts.oweTo(absentMembers(repository).map(({ id }) => id));
  await catchUpMirrors(repository, behind, signal);
  log.assure(listed);
  await finishCheckpoint(repository, context);
  const [unknown] = state.unknownRecords;
  if (unknown !== undefined) {
    throw new VersionsError(
      'Unsupported',
      'RECORD_UNKNOWN',
      `The journal has records of kind "${unknown}", which this version does not know`,
      {
        hint: 'Install the newest version of Versions to write to this repository',
      },
    );
  }
}

/** Does the catalog's journal contain the entry at which the state was saved? */
async function catalogHolds(catalog: Catalog, state: RepositoryState): Promise<boolean> {
  if (state.tip === undefined) return false;
  for await (const row of catalog.read(state.tip.number - 1)) {
    return row.hash === state.tip.hash && row.lineage === state.tip.lineage;
  }
  return false;
}

function catalogEmpty(location: string): VersionsError {
  return new VersionsError('NotFound', 'CATALOG_EMPTY', `The catalog ${location} is empty`, {
    hint: 'Make it from the mirrors: "versions catalog rebuild"',
    context: { location },
  });
}

function connectUnfinished(): VersionsError {
  return new VersionsError(
    'Conflict',
    'CONNECT_UNFINISHED',
    'The catalog has only a part of the history: what was to fill it was cut short',
    {
      hint: 'Run the same "versions connect", "versions catalog rebuild" or "versions catalog copy" again: it goes on where it stopped',
    },
  );
}

function takeOverNeeded(): VersionsError {
  return new VersionsError(
    'Conflict',
    'TAKE_OVER_NEEDED',
    'This machine was connected for reading; another machine writes to the repository',
    {
      hint: 'To write from here from now on: `versions connect NAME --take-over`, NAME being what the configuration calls the repository',
    },
  );
}
