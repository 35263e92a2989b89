import { repositoryStats } from '../../core/index.ts';
import { formatBytes, formatCount, formatCounted } from '../output/measures.ts';
import { safeText } from '../output/safe-text.ts';
import { renderTable } from '../output/text-table.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { output, measures } = session;
  await using opened = await openForReading(session);
  const { mirrors, ...counts } = repositoryStats(opened.repository);
  const size = (bytes: number): string => formatBytes(bytes, measures.exactBytes);
  for (const mirror of mirrors) output.document({ type: 'mirror', ...mirror });
  const rows = mirrors.map(({ name, present }) => [safeText(name), present ? 'present' : 'absent']);
  for (const line of renderTable(rows)) output.line(line);
  const parts = [
    formatCounted(counts.snapshots, 'snapshot'),
    `${formatCounted(counts.packs, 'pack')} of ${size(counts.packBytes)}`,
    formatCounted(counts.chunks, 'chunk'),
    `${formatCount(counts.journalEntries)} journal entries`,
  ];
  output.line(parts.join(', '));
  return { exitCode: 0, summary: counts };
}
