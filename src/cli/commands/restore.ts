import { type RestoreSummary, runRestore, VersionsError } from '../../core/index.ts';
import { formatBytes, formatCount, formatCounted, formatDuration } from '../output/measures.ts';
import { selectSnapshot } from '../select-snapshot.ts';
import type { CommandResult, Session } from '../session.ts';
import { localPath } from '../setup/local-path.ts';
import { openForReading } from '../setup/open-session.ts';

type Overwrite = 'always' | 'if-changed' | 'if-newer' | 'never';

export async function run(session: Session): Promise<CommandResult> {
  const { monitor, settings } = session;
  const target = settings.text('target');
  if (target === undefined) {
    throw new VersionsError('Usage', 'NO_TARGET', 'No target directory was given', {
      hint: `say where to restore to: versions restore ${session.operands[0] ?? ''} -t DIR`,
    });
  }
  monitor.exitCodeOfProblem = ({ kind }) => (kind === 'Corrupt' ? 21 : 3);
  await using opened = await openForReading(session);
  const { repository } = opened;
  const { snapshot, path } = await selectSnapshot(session, repository, session.operands[0] ?? '');
  session.showProgress();
  const dryRun = settings.flag('dry-run');
  const summary = await runRestore(
    repository,
    {
      snapshot,
      ...(path === undefined ? {} : { path }),
      target: localPath(target),
      include: [...settings.list('include')],
      exclude: [...settings.list('exclude')],
      overwrite: overwriteOf(session),
      delete: settings.flag('delete'),
      verify: settings.flag('verify'),
      owner: !settings.flag('no-owner'),
      thaw: settings.flag('thaw'),
      dryRun,
    },
    session.context,
  );
  printSummary(session, summary, dryRun);
  return {
    exitCode: summary.problems > 0 ? 3 : 0,
    summary: { snapshotId: snapshot.id, dryRun, ...summary },
  };
}

function overwriteOf({ settings }: Session): Overwrite {
  const overwrite = settings.text('overwrite');
  const isOther = overwrite === 'always' || overwrite === 'if-newer' || overwrite === 'never';
  return isOther ? overwrite : 'if-changed';
}

function printSummary(
  { output, measures }: Session,
  summary: RestoreSummary,
  dryRun: boolean,
): void {
  const size = (bytes: number): string => formatBytes(bytes, measures.exactBytes);
  const parts = [
    `${formatCounted(summary.filesRestored, 'file')} ${dryRun ? 'would be restored' : 'restored'}`,
    `${formatCount(summary.filesUnchanged)} unchanged`,
    summary.filesDeleted > 0 ? `${formatCount(summary.filesDeleted)} deleted` : '',
    formatCounted(summary.dirs, 'directory', 'directories'),
    `${size(summary.bytesWritten)} written`,
    `${size(summary.bytesFetched)} fetched`,
    `in ${formatDuration(summary.durationMs)}`,
    formatCounted(summary.problems, 'problem'),
  ];
  output.line(parts.filter((part) => part !== '').join(', '));
  if (summary.packsArchived > 0) output.line(archiveLine(summary));
}

function archiveLine({ packsArchived, packsAsked }: RestoreSummary): string {
  const packs = `${formatCounted(packsArchived, 'pack')} in an archive`;
  return packsAsked === 0
    ? `${packs}: ask for them with --thaw`
    : `${packs}, ${packsAsked} asked for: run the same command again in 3 to 5 hours, from DEEP_ARCHIVE in 12`;
}
