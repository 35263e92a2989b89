import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectoriesSync, rootPath, thisSystem } from '../base/index.ts';
import { withLocalDisk } from '../errors/index.ts';
import {
  bootId,
  lookupNames,
  lstatIfExists,
  nativeCalls,
  RestoreTarget,
  whatIsNotRestored,
} from '../files/index.ts';
import { type Context, packKey, type Repository } from '../repository/index.ts';
import { type FoundEntry, lookUpPath, TreeReader, type SnapshotInfo } from '../snapshot/index.ts';
import type { RestoreSettings } from '../workers/index.ts';
import { askForThaw } from './archived-packs.ts';
import { Execution } from './execute-plan.ts';
import { finishTree } from './finish-tree.ts';
import type { RestoreOptions, RestoreSummary } from './options.ts';
import { planRestore } from './plan-restore.ts';
import { RestorePlan } from './plan.ts';
import type { RestoreCounts, RestoreWork } from './restore-work.ts';
import { UnsafeWrites, wholeScope } from './unsafe-writes.ts';
import { verifyRestored } from './verify-restored.ts';

/**
 * Restores a snapshot or a part of it, in four steps:
 *
 * 1. Walk the tree, make directories, compare with what is there already, and note for each file
 *    that needs content which chunks go where. The plan is on disk when it is long. Into a new
 *    target, the first part of it is written meanwhile: those blocks that it needs whole.
 * 2. Sort the uses by pack and block; fetch and decode each block once, neighbours in one request;
 *    write out of order, several files at a time.
 * 3. Hard links, symlinks, special files; then the metadata of directories, deepest first.
 * 4. With `verify`, read everything back.
 *
 * Nothing outside the target is ever written. A file that cannot be restored is a problem and stops
 * nothing. Interrupted, the same call goes on: what is there already is not fetched again. It does
 * not wait for the disk; after a power cut, contents of files are compared that it would trust else.
 */
export function runRestore(
  repository: Repository,
  options: RestoreOptions,
  context: Context,
): Promise<RestoreSummary> {
  return withLocalDisk(() => restore(repository, options, context));
}

async function restore(
  repository: Repository,
  options: RestoreOptions,
  context: Context,
): Promise<RestoreSummary> {
  const began = context.clock.elapsed();
  const { signal } = context;
  const counts: RestoreCounts = {
    filesRestored: 0,
    filesUnchanged: 0,
    filesDeleted: 0,
    dirs: 0,
    others: 0,
    problems: 0,
    bytesWritten: 0,
    bytesFetched: 0,
  };
  const lost = whatIsNotRestored(nativeCalls().capabilities, options.system ?? thisSystem);
  if (lost !== undefined) context.monitor.note(lost);
  const chunks = await repository.chunks(signal);
  const found = await lookUpPath(repository, options.snapshot, options.path ?? rootPath, signal);
  makeDirectoriesSync(repository.cacheDir);
  const directory = mkdtempSync(join(repository.cacheDir, 'restore-'));
  await using pool = repository.startWorkers();
  // It takes them a while, and they are needed as soon as there is a plan.
  if (!options.dryRun) pool.warmUp();
  const targetIsNew = lstatIfExists(options.target) === undefined;
  using target = options.dryRun
    ? undefined
    : RestoreTarget.open(options.target, undefined, options.system);
  try {
    const trees = new TreeReader(chunks, signal);
    const settings = settingsOf(options);
    const work: RestoreWork = {
      repository,
      options,
      context,
      settings,
      target,
      targetIsNew,
      chunks,
      trees,
      pool,
      directory,
      counts,
      unsafe: unsafeWrites(repository, options, context),
      archived: new Map([...repository.archivedPacks].map((name) => [packKey(name), undefined])),
    };
    using plan = new RestorePlan(directory);
    if (target !== undefined) work.unsafe.begin();
    await planAndWrite(work, plan, found);
    if (target !== undefined) {
      finishTree(work, target, plan);
      if (options.verify) await verifyRestored(work, plan);
      // What could not be written stays as it was found.
      if (counts.problems === 0) work.unsafe.end();
    }
    counts.bytesFetched += chunks.bytesFetched;
    const packsArchived = work.archived.size;
    const packsAsked = options.thaw === true && !options.dryRun ? await askForThaw(work) : 0;
    return {
      ...counts,
      packsArchived,
      packsAsked,
      durationMs: Math.round(context.clock.elapsed() - began),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Begins with a long plan while the rest of it is being made. */
async function planAndWrite(
  work: RestoreWork,
  plan: RestorePlan,
  found: FoundEntry,
): Promise<void> {
  const execution = new Execution(work, plan);
  try {
    await planRestore(work, plan, found, (uses) => execution.begin(uses));
  } catch (error) {
    await execution.abandon(error);
    throw error;
  }
  if (work.target !== undefined) await execution.run();
}

function unsafeWrites(
  { cacheDir }: Repository,
  { target, path, include, exclude, boot = bootId() }: RestoreOptions,
  { clock }: Context,
): UnsafeWrites {
  const isWhole = path === undefined && include.length === 0 && exclude.length === 0;
  const scope = isWhole ? wholeScope : JSON.stringify([path, include, exclude]);
  return new UnsafeWrites({ cacheDir, target, scope, boot, now: clock.now() / 1000 });
}

function settingsOf({ target, owner, snapshot, system }: RestoreOptions): RestoreSettings {
  const names = lookupNames();
  return {
    root: target,
    system: system ?? thisSystem,
    owner,
    uids: translated(snapshot.users, (name) => names.userId(name)),
    gids: translated(snapshot.groups, (name) => names.groupId(name)),
    ownUid: process.geteuid?.() ?? 0,
  };
}

/** Owners go by name if this machine knows it, else by number. */
function translated(
  names: SnapshotInfo['users'],
  idOf: (name: string) => number | undefined,
): ReadonlyMap<number, number> {
  const ids = new Map<number, number>();
  for (const [id, name] of names) {
    const own = idOf(name);
    if (own !== undefined && own !== id) ids.set(id, own);
  }
  return ids;
}
