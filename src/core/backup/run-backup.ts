import { join } from 'node:path';
import { thisSystem } from '../base/index.ts';
import { assert, errorMessage, withLocalDisk } from '../errors/index.ts';
import { nativeCalls, whatIsNotSaved } from '../files/index.ts';
import { encodeSnapshotRecord } from '../format/index.ts';
import {
  notePromise,
  TreeStore,
  writeCheckpointIfDue,
  WriteSession,
  type Context,
  type Repository,
} from '../repository/index.ts';
import type { BackupWork, Saved } from './backup-work.ts';
import { DiskReserve } from './disk-reserve.ts';
import { dryRun } from './dry-run.ts';
import { openLocalState, packsOutOfReach } from './open-local-state.ts';
import type { BackupOptions, BackupSummary } from './options.ts';
import { parentSnapshot } from './parent-snapshot.ts';
import { recoverSessions, rememberResults, writeSource } from './recover-sessions.ts';
import { saveStream } from './save-stream.ts';
import { saveTree } from './save-tree.ts';
import { snapshotOf, sourceIdOf } from './snapshot-of.ts';
import { StateChanges } from './state-changes.ts';

/**
 * Makes a snapshot, as docs/design.md tells it: take up what a dead run left, scan and upload,
 * build the trees, commit.
 *
 * A run that is cut short by the signal commits what it has as a partial snapshot; `stopReason`
 * tells why. With too few mirrors, or a full disk, it throws, and what was stored is taken up by the
 * next run: by one with `cutShort`, on the repository opened afresh, which commits just that as a
 * partial snapshot, or throws `cutShort` if no file of it was finished. A file that cannot be read
 * is a problem and stops nothing.
 */
export async function runBackup(
  repository: Repository,
  options: BackupOptions,
  context: Context,
): Promise<BackupSummary> {
  const { time = 0 } = options;
  assert(Number.isSafeInteger(time) && time >= 0, 'The time of a snapshot is not before 1970');
  if (options.dryRun) return dryRun(repository, options, context);
  repository.assertWritable();
  return withLocalDisk(() => save(repository, options, context));
}

async function save(
  repository: Repository,
  options: BackupOptions,
  context: Context,
): Promise<BackupSummary> {
  const began = context.clock.elapsed();
  const startMs = context.clock.now();
  const lost = whatIsNotSaved(nativeCalls().capabilities, thisSystem);
  if (lost !== undefined) context.monitor.note(lost);
  const source = sourceIdOf(repository, options);
  await repository.loadIndex(context.signal);
  using state = await openLocalState(repository);
  const without = packsOutOfReach(repository);
  await recoverSessions(repository, state, context.signal);
  state.hold(source);
  const parent = parentSnapshot(repository, source);
  // No signal: what was begun is brought to an orderly end. The scan and the upload heed it.
  await using session = await WriteSession.begin(repository, {
    host: options.host,
    parent: parent?.id,
  });
  writeSource(session.directory, source);
  using _reserve = new DiskReserve(session.directory, repository.random);
  await using pool = repository.startWorkers({
    onPack: (pack, release) => session.addPack(pack, release),
    onRead: (bytes) => repository.monitor.count('bytesDone', bytes),
  });
  const trees = new TreeStore(repository, (pack, release) => session.addPack(pack, release));
  const changes = new StateChanges(join(session.directory, 'state-changes'));
  const work = {
    repository,
    options,
    context,
    source,
    startMs,
    session,
    pool,
    trees,
    state,
    changes,
    without,
    parent,
  };
  const saved = options.stdin ? await saveStream(work, options.stdin) : await saveTree(work);
  const record = snapshotOf(work, saved);
  const chunk = trees.put('snapshot', encodeSnapshotRecord(record));
  trees.finish();
  await session.settle();
  // Their memory, before what follows takes some: it is as much as that of a large index.
  await pool[Symbol.asyncDispose]();
  // What another thread has claimed counts as known only once it is stored.
  const { claimedCount } = repository.index;
  assert(claimedCount === 0, `${claimedCount} chunks were claimed and not stored`);
  await session.commit(record, chunk);
  await keepState(work, saved);
  await finish(work);
  return {
    snapshotId: record.id,
    partial: saved.stop !== undefined,
    ...saved.counts,
    bytesStored: session.bytesStored,
    durationMs: Math.round(context.clock.elapsed() - began),
    debts: repository.debts.count + repository.mirrors.absent.length,
    mirrorsBehind: mirrorsBehind(repository),
    missingPaths: saved.missing.length,
    ...(saved.stop === undefined ? {} : { stopReason: saved.stop }),
  };
}

function mirrorsBehind({ mirrors, debts }: Repository): readonly string[] {
  const owing = mirrors.mirrors.filter(({ id }) => debts.owing.has(id));
  return [...owing, ...mirrors.absent].map(({ name }) => name);
}

/**
 * The local state holds from the commit on: it is a promise about what the journal now has. If
 * another run has saved its own meanwhile, this run's changes are dropped, because the two would
 * not fit together; that costs the next run some reading. A run that was cut short has not seen all
 * of its directories: only the files that it finished are remembered.
 */
async function keepState(work: BackupWork, saved: Saved): Promise<void> {
  const { state, changes, source, session, repository, without, context } = work;
  const { tip } = repository.log;
  try {
    if (saved.stop !== undefined) {
      await rememberResults(repository, session.directory, state);
      return;
    }
    if (tip === undefined) return;
    state.begin();
    if (!state.isAsHeld()) throw new Error('another backup of the same paths has ended meanwhile');
    changes.apply(state, source);
    state.clearResumed(source);
    state.commit(tip, without);
  } catch (error) {
    state.rollback();
    context.monitor.note(`What changed will be read again next time: ${errorMessage(error)}`);
  } finally {
    changes.remove();
  }
}

/** What is still to do once the snapshot is committed; whatever fails here, the snapshot is made. */
async function finish({ repository, options, context }: BackupWork): Promise<void> {
  await writeCheckpointIfDue(repository, context);
  await repository.mirrors.drain();
  try {
    await repository.debts.record(repository.catalog);
    await notePromise(repository, options.everyMs);
    await repository.saveCaches();
  } catch (error) {
    context.monitor.note(`The next run will take longer to start: ${errorMessage(error)}`);
  }
}
