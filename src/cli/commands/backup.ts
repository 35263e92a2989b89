import {
  type BackupOptions,
  type BackupSummary,
  byteStringFromText,
  type ByteString,
  fsPath,
  isVersionsError,
  type MirrorConfig,
  runBackup,
  VersionsError,
} from '../../core/index.ts';
import { exitCodeOf, mostSevere } from '../exit-codes.ts';
import { failureOf } from '../failure.ts';
import { thisHost, thisUser } from '../machine.ts';
import { formatBytes, formatCount, formatCounted, formatDuration } from '../output/measures.ts';
import { safeText } from '../output/safe-text.ts';
import type { CommandResult, Session } from '../session.ts';
import { excludePatterns, refuseOwnPlaces, sourcePaths } from '../setup/backup-sources.ts';
import { createDefaultRepository } from '../setup/first-run.ts';
import { lazySecret, openForWriting, writableRepository } from '../setup/open-session.ts';
import { isWithin, type OwnPlace, ownPlaces } from '../setup/own-places.ts';
import { promiseSetting } from '../setup/age-setting.ts';
import { timeSetting } from '../setup/time-setting.ts';
import { areAllOnSameDisk } from '../setup/second-place.ts';
import { stdinSource } from '../setup/stdin-source.ts';

export async function run(given: Session): Promise<CommandResult> {
  using stdin = stdinSource(given);
  const paths = stdin === undefined ? await sourcePaths(given) : [];
  const standard = await standardOptions(given, paths);
  const session = await withRepository(given);
  const places = await ownPlaces(session);
  refuseOwnPlaces(paths, places);
  noteOwnPlaces(session, paths, places);
  const summary = await save(session, {
    ...standard,
    neverEnter: places.map(({ path }) => byteStringFromText(path)),
    ...(stdin === undefined ? {} : { stdin: stdin.option }),
  });
  printSummary(session, summary);
  if (summary.snapshotId !== undefined) await noteOnlyCopy(session, paths);
  const { stopReason, ...rest } = summary;
  return {
    exitCode: exitCodeOfSummary(summary),
    summary: { dryRun: standard.dryRun, ...rest, stopReason: stopReason?.code },
  };
}

/** Too little room, or too few mirrors, in mid-run: what is finished may still fit. */
const cutShortBy: ReadonlySet<string> = new Set([
  'QUORUM_LOST',
  'LOCAL_DISK_FULL',
  'JOURNAL_FULL',
  'CATALOG_FULL',
]);

async function save(session: Session, options: BackupOptions): Promise<BackupSummary> {
  const choice = { secret: lazySecret(session, writableRepository(session).name) };
  let cutShort: VersionsError;
  {
    await using opened = await openForWriting(session, choice);
    session.showProgress();
    try {
      return await runBackup(opened.repository, options, session.context);
    } catch (error) {
      const isCutShort = isVersionsError(error, 'Unavailable') && cutShortBy.has(error.code);
      if (!isCutShort || options.stdin !== undefined || options.dryRun) throw error;
      cutShort = error;
    }
  }
  session.output.note('The backup cannot go on; what is finished is being kept');
  try {
    // Opened afresh, because a mirror that was given up may take a small object.
    await using opened = await openForWriting(session, choice);
    return await runBackup(opened.repository, { ...options, cutShort }, session.context);
  } catch {
    throw cutShort;
  }
}

/** The session with a repository to save to, which the very first backup makes. */
async function withRepository(session: Session): Promise<Session> {
  const { configuration, settings } = session;
  const isFirst = configuration.names.length === 0 && !settings.isSet('repository');
  // A dry run changes nothing, so it cannot be the first.
  if (isFirst && !settings.flag('dry-run')) {
    await createDefaultRepository(session);
    return session.reload();
  }
  writableRepository(session);
  return session;
}

async function standardOptions(
  session: Session,
  paths: readonly ByteString[],
): Promise<Omit<BackupOptions, 'neverEnter' | 'stdin'>> {
  const { settings } = session;
  const as = settings.text('as');
  if (as !== undefined && paths.length !== 1) {
    throw new VersionsError('Usage', 'USAGE', '--as needs exactly one PATH', {
      hint: 'save other paths by another run',
    });
  }
  const time = timeSetting(settings, 'time');
  const excludeLargerThan = settings.number('exclude-larger-than');
  return {
    paths,
    excludes: await excludePatterns(session),
    excludeCaches: settings.flag('exclude-caches'),
    excludeIfPresent: [...settings.list('exclude-if-present')],
    ...(excludeLargerThan === undefined ? {} : { excludeLargerThan }),
    oneFileSystem: settings.flag('one-file-system'),
    tags: [...settings.list('tag')],
    host: settings.text('host') ?? thisHost(),
    user: thisUser(),
    ...(time === undefined ? {} : { time }),
    ...(as === undefined ? {} : { as: byteStringFromText(as) }),
    force: settings.flag('force'),
    everyMs: promiseSetting(settings),
    dryRun: settings.flag('dry-run'),
  };
}

function noteOwnPlaces(
  { output }: Session,
  paths: readonly ByteString[],
  places: readonly OwnPlace[],
): void {
  const inside = places.filter(({ path }) =>
    paths.some((saved) => isWithin(byteStringFromText(path), saved)),
  );
  const names = [...new Set(inside.map(({ what }) => what))];
  if (names.length > 0) output.note(`left out, because it is this program's: ${names.join(', ')}`);
}

/** After each backup, until a second place exists: one broken disk would take everything. */
async function noteOnlyCopy(session: Session, paths: readonly ByteString[]): Promise<void> {
  const { io, output } = session;
  const mirrors: readonly MirrorConfig[] = session.configuredRepository().mirrors;
  const saved = paths.length === 0 ? [io.home] : paths.map((path) => fsPath(path));
  if (!(await areAllOnSameDisk(mirrors, saved))) return;
  const what = mirrors.length > 1 ? 'All copies are' : 'The only copy is';
  output.note(
    `${what} on the same disk as the files: if it breaks, both are gone.\n` +
      'Save to another disk as well:\n' +
      '  versions mirror add usb /media/usb/versions',
  );
}

function printSummary({ output, measures }: Session, summary: BackupSummary): void {
  const size = (bytes: number): string => formatBytes(bytes, measures.exactBytes);
  const { filesNew, filesChanged, filesUnchanged, snapshotId, stopReason } = summary;
  output.line(
    `files: ${formatCount(filesNew)} new, ${formatCount(filesChanged)} changed, ` +
      `${formatCount(filesUnchanged)} unchanged, ${formatCounted(summary.dirs, 'directory', 'directories')}`,
  );
  output.line(
    `data: ${size(summary.bytesScanned)} scanned, ${size(summary.bytesRead)} read, ` +
      `${size(summary.bytesNew)} new, ${size(summary.bytesStored)} stored`,
  );
  if (summary.debts > 0) {
    // An absent mirror is one debt, however much it was not given, so no number is shown.
    const names = summary.mirrorsBehind.map(safeText).join(', ');
    output.note(`Not everything is on ${names}; when it is back: versions mirror sync`);
  }
  const what = snapshotId === undefined ? 'no snapshot' : `snapshot ${snapshotId.slice(0, 8)}`;
  const how = summary.partial ? ' (partial)' : '';
  const end = `in ${formatDuration(summary.durationMs)}, ${formatCounted(summary.problems, 'problem')}`;
  output.line(`${safeText(what)}${how} ${end}`);
  if (stopReason !== undefined) output.failure(failureOf(stopReason));
  if (summary.partial && snapshotId !== undefined) {
    output.note('What was saved so far can be restored; the next run goes on from it.');
  }
}

function exitCodeOfSummary(summary: BackupSummary): number {
  const { debts, missingPaths, partial, problems, stopReason } = summary;
  const isFlawed = partial || problems > 0 || debts > 0 || missingPaths > 0;
  const stopped = stopReason === undefined ? 0 : exitCodeOf(failureOf(stopReason));
  return mostSevere(isFlawed ? 3 : 0, stopped);
}
