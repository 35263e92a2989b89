import { runVerify } from '../../core/index.ts';
import { formatBytes, formatCounted, formatDuration } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';

type Level = 'quick' | 'structure' | 'data';

export async function run(session: Session): Promise<CommandResult> {
  const { context, monitor, output, measures } = session;
  monitor.exitCodeOfProblem = ({ kind }) => (kind === 'Corrupt' ? 21 : 3);
  await using opened = await openForReading(session);
  session.showProgress();
  const level = levelOf(session);
  const summary = await runVerify(opened.repository, { level }, context);
  const parts = [
    `${formatCounted(summary.packs, 'pack')} and ${formatCounted(summary.snapshots, 'snapshot')} verified (${level})`,
    `${formatBytes(summary.bytesRead, measures.exactBytes)} read`,
    `in ${formatDuration(summary.durationMs)}`,
    formatCounted(summary.findings, 'finding'),
    `${summary.lost} lost`,
  ];
  output.line(parts.join(', '));
  if (summary.lost > 0 || monitor.hasLoss) return { exitCode: 21, summary: { level, ...summary } };
  return { exitCode: monitor.hasDamage ? 20 : 0, summary: { level, ...summary } };
}

function levelOf({ settings }: Session): Level {
  const level = settings.text('level');
  return level === 'quick' || level === 'data' ? level : 'structure';
}
