import { runVerify, type VerifyLevel, VersionsError } from '../../core/index.ts';
import { formatBytes, formatCounted, formatDuration } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';
import { ageOption, levelOption, mirrorOption, subsetOption } from '../setup/verify-options.ts';
import { healOpened } from './heal.ts';
import { runKeyless } from './verify-keyless.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { settings, operands } = session;
  if (settings.flag('keyless')) return runKeyless(session);
  if (operands.length > 0) {
    throw new VersionsError('Usage', 'USAGE', 'Places are given together with --keyless', {
      hint: `versions verify --keyless ${operands.join(' ')}; a repository is named with -r`,
    });
  }
  const level = levelOption(session);
  if (settings.flag('heal')) return healOpened(session, level);
  return verify(session, level);
}

async function verify(session: Session, level: VerifyLevel): Promise<CommandResult> {
  const { context, monitor, output, measures, settings } = session;
  monitor.exitCodeOfProblem = verifyExitCode;
  const options = {
    level,
    mirror: mirrorOption(session),
    subset: subsetOption(session),
    ageMsMin: ageOption(session),
    samples: settings.number('sample-restore'),
  };
  await using opened = await openForReading(session, { notesHealth: true });
  session.showProgress();
  const summary = await runVerify(opened.repository, options, context);
  const { samples } = summary;
  const parts = [
    `${formatCounted(summary.packs, 'pack')} and ${formatCounted(summary.snapshots, 'snapshot')} verified (${level})`,
    `${formatBytes(summary.bytesRead, measures.exactBytes)} read`,
    ...(samples === undefined ? [] : [`${formatCounted(samples.files, 'sample')} read back`]),
    `in ${formatDuration(summary.durationMs)}`,
    formatCounted(summary.findings, 'finding'),
    `${summary.lost} lost`,
  ];
  output.line(parts.join(', '));
  if (summary.lost > 0 || monitor.hasLoss) return { exitCode: 21, summary: { level, ...summary } };
  return { exitCode: monitor.hasDamage ? 20 : 0, summary: { level, ...summary } };
}

/** Tables that cannot be read are damage; whether anything is lost with them, findings say. */
function verifyExitCode({ kind, code }: VersionsError): number {
  if (code === 'SNAPSHOT_UNREADABLE' || code === 'PACK_TABLE_DAMAGED') return 20;
  return kind === 'Corrupt' ? 21 : 3;
}
