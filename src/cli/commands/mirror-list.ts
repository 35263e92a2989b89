import { mirrorUnknown, repositoryHealth } from '../../core/index.ts';
import { mirrorDocument, mirrorTable } from '../output/mirror-lines.ts';
import { formatCounted } from '../output/measures.ts';
import { safeText } from '../output/safe-text.ts';
import { renderTable } from '../output/text-table.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';

/** `mirror list`: what mirrors there are, and where; `mirror status`: how they do. */
export async function run(session: Session): Promise<CommandResult> {
  const { output, context, measures, operands, command } = session;
  await using opened = await openForReading(session);
  const { mirrors, packs, mirrorsMin } = await repositoryHealth(
    opened.repository,
    context.clock.now(),
  );
  const names = mirrors.map(({ name }) => name);
  for (const name of operands) if (!names.includes(name)) throw mirrorUnknown(name, names);
  const wanted = mirrors.filter(({ name }) => operands.length === 0 || operands.includes(name));
  const configured = session.isPlace ? [] : session.configuredRepository().mirrors;
  const urlOf = (name: string): string | undefined =>
    configured.find((mirror) => mirror.name === name)?.url;
  for (const mirror of wanted) {
    output.document({ ...mirrorDocument(mirror), url: urlOf(mirror.name) });
  }
  const rows = wanted.map(({ name, id, present }) => [
    safeText(name),
    id?.slice(0, 8) ?? '?',
    present ? 'here' : 'absent',
    safeText(urlOf(name) ?? 'not configured here'),
  ]);
  const isList = command.name === 'mirror list';
  for (const line of isList ? renderTable(rows) : mirrorTable(wanted, packs, measures)) {
    output.line(line);
  }
  output.line(
    `${formatCounted(wanted.length, 'mirror')}; ${mirrorsMin} must hold an object before it counts as stored`,
  );
  const isWell = wanted.every(
    ({ present, objectsOwed, objectsDamaged }) => present && objectsOwed + objectsDamaged === 0,
  );
  return {
    exitCode: isList || isWell ? 0 : 20,
    summary: { mirrors: wanted.length, mirrorsMin },
  };
}
