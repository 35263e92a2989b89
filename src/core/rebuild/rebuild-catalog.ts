import { newId, type MirrorId, type PackName, type RepositoryId } from '../base/index.ts';
import type { Catalog } from '../catalog/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeKeyObject, objectHashOf, type JournalRecord } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import {
  absentMembers,
  assembleRepository,
  checkCatalogOwner,
  copyMissing,
  Debts,
  fillCatalog,
  forgetCaches,
  keyObjectKey,
  membersOf,
  mergeStrays,
  metaKeys,
  openMirrorSet,
  openPlaces,
  packKey,
  prepareCatalog,
  startingAnew,
  KeptOpening,
  readConfigAndKeys,
  type Context,
  type Repository,
  type RepositoryPlaces,
  type SecretSource,
} from '../repository/index.ts';
import { listPacks } from './list-packs.ts';
import { PackNaming, sessionOf } from './name-packs.ts';

export interface RebuildOptions {
  readonly secret: SecretSource;
  /** Only this mirror is asked. */
  readonly from?: string | undefined;
}

export interface Rebuilt {
  readonly repositoryId: RepositoryId;
  readonly encrypted: boolean;
  /** Entries of the history that the mirrors had. */
  readonly entries: number;
  /** Entries outside it that were taken in. */
  readonly merged: number;
  /** Packs that no entry named, those that could be used and those that could not. */
  readonly packsFound: number;
  readonly packsRefused: number;
  readonly packs: number;
  readonly snapshots: number;
  /** Those of them that no entry had committed. */
  readonly recovered: number;
  /** Names of mirrors of the repository that were not asked. */
  readonly notAsked: readonly string[];
  /** What only those hold may be missing. */
  readonly mayLack: boolean;
}

/**
 * Makes the catalog anew from what the mirrors hold: the longest history of their journals, then
 * what entries outside it say, then packs that no entry names, and the snapshots in them. Begins a
 * new lineage, so that other catalogs of the repository are seen to be old. Killed, the next run
 * goes on where this one stopped.
 *
 * Errors: those of opening; `Conflict` (CATALOG_OTHER_HISTORY), `Corrupt`, `Unsupported`.
 */
export async function rebuildCatalog(
  places: RepositoryPlaces & { readonly catalog: string },
  options: RebuildOptions,
  context: Context,
): Promise<Rebuilt> {
  return startingAnew(places.catalog, context, () => makeCatalog(places, options, context));
}

async function makeCatalog(
  places: RepositoryPlaces & { readonly catalog: string },
  options: RebuildOptions,
  context: Context,
): Promise<Rebuilt> {
  const asked = chosenPlaces(places, options.from);
  const stores = await openPlaces(asked, { create: false, readOnly: false }, context);
  const debts = new Debts();
  // Journal entries alone are written: whoever opens next gives them to mirrors that lack them.
  const mirrors = await openMirrorSet(
    stores,
    { readOnly: false, mirrorsMin: 1, onDebt: debts.add, onStored: debts.stored },
    context,
  );
  let catalog: Catalog | undefined;
  try {
    const kept = new KeptOpening(places.cacheDir, context.monitor);
    const unlocked = await readConfigAndKeys(mirrors, options.secret, kept);
    const prepared = await prepareCatalog(places.catalog, true, context);
    ({ catalog } = prepared);
    forgetCaches(places.cacheDir);
    const parts = { mirrors, catalog, debts, ...unlocked };
    const repository = await assembleRepository(parts, places.cacheDir, false, context);
    await checkCatalogOwner(catalog, repository.id);
    await catalog.setMeta(metaKeys.repository, repository.id);
    await repository.log.catchUp();
    context.monitor.at('reading journals');
    const entries = await fillCatalog(repository, context);
    assertReadable(repository);
    const { listed, ...result } = await rebuild(repository, context);
    await catalog.setMeta(metaKeys.follower, 'no');
    await catalog.setMeta(metaKeys.filling, 'no');
    await mirrors.drain();
    await debts.record(catalog);
    const notAsked = namesNotAsked(repository, places, listed);
    const mayLack = isTooFew(repository, places, { listed, notAsked });
    if (mayLack) context.monitor.problem(tooFewAsked(notAsked));
    const { id, encrypted, state } = repository;
    return {
      repositoryId: id,
      encrypted,
      entries,
      ...result,
      packs: state.packs.count,
      snapshots: state.snapshots.size,
      notAsked,
      mayLack,
    };
  } finally {
    await catalog?.[Symbol.asyncDispose]();
    await mirrors[Symbol.asyncDispose]();
  }
}

async function rebuild(
  repository: Repository,
  context: Context,
): Promise<
  Pick<Rebuilt, 'merged' | 'packsFound' | 'packsRefused' | 'recovered'> & {
    /** The mirrors that could be listed. */
    readonly listed: ReadonlySet<MirrorId>;
  }
> {
  const { log, state } = repository;
  await beginLineage(repository, context);
  context.monitor.at('reading journals');
  const merged = await mergeStrays(repository, context);
  context.monitor.at('listing packs');
  const { unnamed, byMirror } = await listPacks(repository, context);
  const session = sessionOf(lineageOf(repository));
  const naming = new PackNaming(repository, session, context);
  await naming.name(unnamed);
  const { packs, refused, snapshots } = await naming.commitSnapshots();
  await noteDebts(repository, byMirror);
  await admitMirrors(repository, context);
  if (state.rebuildBase !== undefined) {
    await log.append(() => [{ type: 'end', session }], { signal: context.signal });
  }
  const listed = new Set(byMirror.keys());
  return { merged, packsFound: packs, packsRefused: refused, recovered: snapshots, listed };
}

function lineageOf({ state }: Repository): NonNullable<Repository['state']['tip']>['lineage'] {
  const lineage = state.tip?.lineage;
  if (lineage === undefined) {
    throw new VersionsError('Internal', 'NO_LINEAGE', 'The journal has no lineage yet');
  }
  return lineage;
}

/** Begins the lineage of this rebuild, unless a run that was cut short has. */
async function beginLineage(repository: Repository, context: Context): Promise<void> {
  const { state, log, catalog } = repository;
  const begun = await catalog.getMeta(metaKeys.rebuild);
  // It may be of a run that was cut short: then only this catalog has its last entry, and those
  // before may have been on their way to all mirrors but one.
  const own = state.lineages.find(({ lineage }) => lineage === begun);
  await log.finishTip(context.signal, own?.number);
  if (state.rebuildBase !== undefined && begun === state.tip?.lineage) return;
  const lineage = newId(context.random);
  // Before the row: a run that dies in between finds a lineage that does not exist.
  await catalog.setMeta(metaKeys.rebuild, lineage);
  const parent = state.tip;
  const others = parent === undefined ? await recordsWithoutJournal(repository, context) : [];
  await log.append(() => [{ type: 'lineage', reason: 'rebuild', parent }, ...others], {
    lineage,
    signal: context.signal,
  });
}

/**
 * A journal that was begun anew from packs names the mirrors that were there then; those that come
 * later show by their marker that they are mirrors too.
 */
async function admitMirrors(
  { log, state, mirrors }: Repository,
  { signal }: Context,
): Promise<void> {
  for await (const row of log.rows(0)) {
    const [first] = await log.recordsOf(row);
    if (first?.type !== 'lineage' || first.reason !== 'rebuild') return;
    break;
  }
  const unknown = mirrors.mirrors.filter(({ id }) => !state.mirrors.has(id));
  if (unknown.length === 0) return;
  const added = unknown.map(({ id, name }) => ({ id, name, state: 'active' as const }));
  await log.append(() => [{ type: 'mirrors', mirrors: added }], { signal });
}

/** What no journal tells any more: the keys, and which mirrors there are. */
async function recordsWithoutJournal(
  { mirrors, id }: Repository,
  { signal, monitor }: Context,
): Promise<readonly JournalRecord[]> {
  monitor.note('No mirror holds a journal that can be read: the packs alone are looked at');
  const keys = new Set<string>();
  for (const { store, name } of mirrors.mirrors) {
    try {
      for await (const { key } of store.list('keys/', { signal })) keys.add(key);
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
      monitor.note(`The keys of mirror ${name} were not looked at: ${error.message}`);
    }
  }
  const add = [];
  for (const key of [...keys].sort()) {
    const name = await keyObjectName(key, mirrors, id);
    if (name !== undefined) add.push(name);
  }
  return [
    { type: 'keys', add, remove: [] },
    {
      type: 'mirrors',
      mirrors: mirrors.mirrors.map((mirror) => ({
        id: mirror.id,
        name: mirror.name,
        state: 'active',
      })),
    },
  ];
}

async function keyObjectName(
  key: string,
  mirrors: MirrorSet,
  id: RepositoryId,
): Promise<ReturnType<typeof objectHashOf> | undefined> {
  try {
    const bytes = await mirrors.get(key, {
      accept: (read) => keyObjectKey(objectHashOf(read)) === key,
    });
    return decodeKeyObject(bytes).header.repository === id ? objectHashOf(bytes) : undefined;
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
    return undefined;
  }
}

/** The ledger of a new catalog knows nothing: what a mirror does not list is owed to it. */
async function noteDebts(
  { mirrors, state, debts, catalog }: Repository,
  byMirror: ReadonlyMap<MirrorId, ReadonlySet<PackName>>,
): Promise<void> {
  for (const mirror of mirrors.mirrors) {
    const listed = byMirror.get(mirror.id);
    if (listed === undefined) continue;
    for (const { name } of state.packs.all()) {
      if (listed.has(name) || state.packs.lifeOf(name) === 'swept') continue;
      const key = packKey(name);
      debts.add(key, mirror.id, copyMissing(mirror, key));
    }
  }
  await debts.record(catalog);
}

function chosenPlaces(
  { mirrors }: RepositoryPlaces,
  from: string | undefined,
): RepositoryPlaces['mirrors'] {
  if (from === undefined) return mirrors;
  const chosen = mirrors.filter(({ name }) => name === from);
  if (chosen.length > 0) return chosen;
  throw new VersionsError('Usage', 'MIRROR_UNKNOWN', `No mirror is named ${from}`, {
    hint: `Those that are configured: ${mirrors.map(({ name }) => name).join(', ')}`,
  });
}

/** The mirrors of the repository, or that are configured, which were not looked at. */
function namesNotAsked(
  repository: Repository,
  places: RepositoryPlaces,
  listed: ReadonlySet<MirrorId>,
): readonly string[] {
  const names = new Set(absentMembers(repository).map(({ name }) => name));
  // One that is here and did not answer was not asked either.
  for (const { id, name } of repository.mirrors.mirrors) if (!listed.has(id)) names.add(name);
  if (membersOf(repository).length === repository.mirrors.mirrors.length) {
    // The journal, if it was made anew, knows only those that are here.
    const here = new Set(repository.mirrors.mirrors.map(({ name }) => name));
    for (const place of places.mirrors) if (!here.has(place.name)) names.add(place.name);
    for (const { name, state } of repository.state.mirrors.values())
      if (state === 'removed') names.delete(name);
  }
  return [...names].sort();
}

/** Could something that was stored be in none of the mirrors that were asked? */
function isTooFew(
  { state }: Repository,
  { mirrorsMin }: RepositoryPlaces,
  {
    listed,
    notAsked,
  }: { readonly listed: ReadonlySet<MirrorId>; readonly notAsked: readonly string[] },
): boolean {
  const asked = listed.size;
  const all = asked + notAsked.length;
  const quorum = state.mirrorsMin ?? mirrorsMin ?? Math.max(1, all - 1);
  return notAsked.length > 0 && asked + quorum <= all;
}

function tooFewAsked(notAsked: readonly string[]): VersionsError {
  return new VersionsError(
    'Unavailable',
    'REBUILD_INCOMPLETE',
    `The catalog may lack what is only on mirrors that were not asked: ${notAsked.join(', ')}`,
    { hint: 'When they are back, run "versions catalog rebuild" again' },
  );
}

function assertReadable({ state }: Repository): void {
  const [unknown] = state.unknownRecords;
  if (unknown === undefined) return;
  throw new VersionsError(
    'Unsupported',
    'RECORD_UNKNOWN',
    `The journal has records of kind "${unknown}", which this version does not know`,
    { hint: 'Install the newest version of Versions' },
  );
}
