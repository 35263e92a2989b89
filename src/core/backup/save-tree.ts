import { join } from 'node:path';
import { displayPath, rootPath, type ByteString, type ChunkId } from '../base/index.ts';
import { assert, isVersionsError, VersionsError } from '../errors/index.ts';
import { TreePageRule } from '../format/index.ts';
import { hasEntries } from '../snapshot/index.ts';
import { entryOfStat } from '../workers/index.ts';
import type { BackupWork, Saved } from './backup-work.ts';
import { buildTree } from './build-tree.ts';
import { EntryResolver } from './entry-resolver.ts';
import { readLate } from './late-read.ts';
import { LinkTable } from './link-table.ts';
import { Results } from './results.ts';
import { ScanEvents } from './scan-events.ts';
import { scanOptionsOf, shownAs } from './scan-options.ts';
import { Scan } from './scan.ts';
import { UploadQueue } from './upload-queue.ts';
import { Upload } from './upload.ts';
import { wrapInPath } from './wrap-in-path.ts';

/** A slice of scanning; in between, packs and results move on. */
const scanSliceMs = 20;

/** Saves the paths of the file system that were asked for. */
export async function saveTree(work: BackupWork): Promise<Saved> {
  const { session, state, context, options } = work;
  const events = new ScanEvents(join(session.directory, 'scan'));
  const queue = new UploadQueue(session.directory);
  using links = new LinkTable(join(session.directory, 'links.db'));
  await using results = new Results(session.directory);
  try {
    const scan = new Scan({
      ...scanOptionsOf(work.repository, options, context, work.source),
      state,
      storeXattrs: (bytes) => work.trees.put('data', bytes),
      events,
      queue,
      links,
    });
    const { paths } = options;
    const { monitor } = context;
    const upload = new Upload({ paths, queue, pool: work.pool, results, monitor });
    const building = buildRoot(work, { events, results, links, upload });
    // Its failure is told where it is awaited; until then it must not count as unhandled.
    building.catch(() => {});
    const stop = await (options.cutShort === undefined
      ? scanAndUpload(scan, upload, work)
      : scanOnly(scan, work, options.cutShort));
    results.end();
    // An empty snapshot would only hide the last good one.
    if (scan.missing.length >= options.paths.length) throw nothingFound(scan.missing);
    const emptied = stop === undefined ? await emptiedPaths(scan, work) : [];
    // It may have the workers read what could not be read under another name.
    const root = await building;
    await flushWorkers(work);
    const { counts } = scan;
    const pending = queue.pendingCount;
    // Without a result a file is left out of its tree: nothing but an early end may do that.
    assert(stop !== undefined || pending === 0, `${pending} files were never read`);
    const asksForRoot = options.paths.includes(rootPath) && options.as === undefined;
    return {
      root,
      rootEntry: asksForRoot && scan.rootStat ? entryOfStat(rootPath, scan.rootStat) : undefined,
      counts: {
        // What was not read when the run was cut short; new files are the larger part of it.
        filesNew: Math.max(0, counts.filesNew - pending),
        filesChanged: counts.filesChanged - Math.max(0, pending - counts.filesNew),
        filesUnchanged: counts.filesUnchanged,
        dirs: counts.dirs,
        others: counts.others,
        problems: counts.problems + upload.counts.problems + emptied.length,
        bytesScanned: counts.bytes,
        bytesRead: upload.counts.bytesRead,
        bytesNew: upload.counts.bytesNew + work.trees.bytesNew,
      },
      bytes: counts.bytes - counts.bytesQueued + upload.counts.bytesDone,
      missing: [...scan.missing, ...emptied],
      uids: scan.uids,
      gids: scan.gids,
      stop,
    };
  } finally {
    // Whatever failed, the building must not go on with what is removed now.
    events.end();
    results.end();
    events.remove();
    queue.remove();
  }
}

/** Both at once, until all is stored or something ends it early: then why it was. */
async function scanAndUpload(
  scan: Scan,
  upload: Upload,
  work: BackupWork,
): Promise<VersionsError | undefined> {
  const { context, session, pool, trees } = work;
  const now = (): number => context.clock.elapsed();
  context.monitor.at('scanning');
  for (;;) {
    const stop = stopReasonOf(work);
    if (stop !== undefined) {
      pool.stop();
      if (!scan.done) scan.abandon();
      await upload.settle();
      return stop;
    }
    upload.pump();
    if (!scan.done && trees.isFull) {
      // It stores extended attributes.
      await Promise.race([trees.ready(), session.failed, aborted(context.signal)]);
    } else if (!scan.done) {
      scan.advance(scanSliceMs, now);
      await breathe();
    } else if (upload.isIdle) {
      break;
    } else {
      await Promise.race([upload.progress(), session.failed, aborted(context.signal)]);
    }
  }
  await upload.settle();
  return undefined;
}

/**
 * What runs before this one have stored is found again, and nothing is read. Throws `cutShort` if
 * there is no file of it.
 */
async function scanOnly(
  scan: Scan,
  { context }: BackupWork,
  cutShort: VersionsError,
): Promise<VersionsError> {
  while (!scan.done) {
    if (context.signal?.aborted === true) scan.abandon();
    else scan.advance(scanSliceMs, () => context.clock.elapsed());
    await breathe();
  }
  if (scan.counts.filesUnchanged === 0) throw cutShort;
  return cutShort;
}

/** Signal, or a pack that could not be stored. */
function stopReasonOf({ context, session }: BackupWork): VersionsError | undefined {
  const { failure } = session;
  if (failure !== undefined) {
    if (isVersionsError(failure, 'Unavailable')) return failure;
    // oxlint-disable-next-line typescript/only-throw-error -- passed on as it was thrown
    throw failure;
  }
  if (context.signal?.aborted !== true) return undefined;
  const { reason } = context.signal;
  return isVersionsError(reason)
    ? reason
    : new VersionsError('Cancelled', 'CANCELLED', 'The backup was stopped', { cause: reason });
}

/** Every block and pack that is open is closed, stored and logged. */
async function flushWorkers({ pool, session }: BackupWork): Promise<void> {
  await pool.lentBlocksDone();
  await pool.runOnAll({ type: 'flush' });
  await session.settle();
}

interface RootParts {
  readonly events: ScanEvents;
  readonly results: Results;
  readonly links: LinkTable;
  readonly upload: Upload;
}

async function buildRoot(work: BackupWork, parts: RootParts): Promise<ChunkId> {
  const { options, repository, source, state, changes, trees, startMs } = work;
  const { events, results, links, upload } = parts;
  const storePage = (page: Uint8Array): ChunkId => trees.put('tree', page);
  const rule = new TreePageRule(repository.keys.pageKey());
  const [only] = options.paths;
  const capture = options.as === undefined ? undefined : only;
  const built = await buildTree({
    events,
    results,
    state,
    changes,
    source,
    rule,
    storePage,
    breathe: async () => {
      await breathe();
      await trees.ready();
    },
    capture,
    links,
    resolver: new EntryResolver({
      links,
      computedId: (path) => repository.keys.identities.fileId(source, shownAs(path, options)),
      scanned: () => events.all(),
    }),
    readLate: async (directory, name) =>
      options.cutShort === undefined ? readLate(upload, directory, name) : undefined,
  });
  if (options.as === undefined) return built.root;
  assert(built.captured !== undefined, 'The path of --as was not saved');
  return wrapInPath(built.captured, options.as, { rule, storePage, startMs });
}

/** Asked-for directories that are empty now and were not in the parent snapshot. */
async function emptiedPaths(scan: Scan, work: BackupWork): Promise<readonly ByteString[]> {
  const { parent, repository, context, options } = work;
  if (parent === undefined || scan.empty.length === 0) return [];
  const emptied: ByteString[] = [];
  for (const path of scan.empty) {
    if (!(await hasEntries(repository, parent, options.as ?? path, context.signal))) continue;
    emptied.push(path);
    const message = `${displayPath(path)} is empty, but was not in the snapshot before`;
    context.monitor.problem(
      new VersionsError('Source', 'SOURCE_EMPTIED', message, {
        hint: 'Check that the file system is mounted; older snapshots still hold the files',
      }),
    );
  }
  return emptied;
}

function nothingFound(missing: readonly ByteString[]): VersionsError {
  const paths = missing.map((path) => displayPath(path)).join(', ');
  return new VersionsError(
    'Source',
    'NOTHING_TO_SAVE',
    `Nothing was saved: ${paths} cannot be found`,
    {
      hint: 'Check the paths given to "versions backup"',
    },
  );
}

function breathe(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return new Promise(() => {});
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}
