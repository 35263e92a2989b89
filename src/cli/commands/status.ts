import {
  recentEvents,
  type RepositoryHealth,
  repositoryHealth,
  type SourceHealth,
} from '../../core/index.ts';
import { countsOf, eventDocument, eventLines } from '../output/event-lines.ts';
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatTime,
  isoTime,
} from '../output/measures.ts';
import { mirrorDocument, mirrorTable } from '../output/mirror-lines.ts';
import { pathsFields, shownPath } from '../output/path-fields.ts';
import { safeText } from '../output/safe-text.ts';
import { renderTable } from '../output/text-table.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';

/** Shown as documents, the newest first. */
const eventsMax = 100;

/**
 * One page: what was saved when, on how many mirrors, how they do, what was done to them lately, and
 * what to do next.
 */
export async function run(session: Session): Promise<CommandResult> {
  const { output, context, measures } = session;
  await using opened = await openForReading(session);
  const now = context.clock.now();
  const health = await repositoryHealth(opened.repository, now);
  const events = await recentEvents(opened.repository, now);
  const next = stepsOf(health);
  for (const source of health.sources) output.document(sourceDocument(source));
  for (const mirror of health.mirrors) output.document(mirrorDocument(mirror));
  for (const event of events.slice(0, eventsMax)) output.document(eventDocument(event));
  const sections = [
    sourceLines(session, health.sources),
    copiesLines(health),
    mirrorTable(health.mirrors, health.packs, measures),
    eventLines(events, measures),
    next.length === 0 ? ['Nothing to do.'] : ['next:', ...next.map((step) => `  ${step}`)],
  ];
  for (const line of sections.filter(({ length }) => length > 0).flatMap(spaced)) output.line(line);
  const { packs, packsByCopies, mirrorsMin, mirrorsPresent } = health;
  return {
    exitCode: exitCodeOf(health),
    summary: { packs, packsByCopies, mirrorsMin, mirrorsPresent, events: countsOf(events), next },
  };
}

function spaced(lines: readonly string[], at: number): readonly string[] {
  return at === 0 ? lines : ['', ...lines];
}

function sourceDocument({ latest, snapshots }: SourceHealth) {
  const { id, time, host, paths, partial, problems } = latest;
  return {
    type: 'source',
    host,
    ...pathsFields(paths),
    snapshots,
    latest: id,
    time: isoTime(time),
    partial,
    problems,
  };
}

function sourceLines({ measures }: Session, sources: readonly SourceHealth[]): readonly string[] {
  if (sources.length === 0) return ['No snapshot yet.'];
  const rows = sources.map(({ latest, snapshots }) => [
    formatTime(latest.time, measures.utc),
    safeText(latest.host),
    latest.paths.map(shownPath).join(' '),
    formatBytes(latest.stats.bytes, measures.exactBytes),
    [
      formatCounted(snapshots, 'snapshot'),
      ...(latest.partial ? ['the last one partial'] : []),
      ...(latest.problems > 0 ? [formatCounted(latest.problems, 'problem')] : []),
    ].join(', '),
  ]);
  return renderTable([['last backup', 'host', 'paths', 'size', ''], ...rows], new Set([3]));
}

function copiesLines({ packs, packsByCopies }: RepositoryHealth): readonly string[] {
  const parts = packsByCopies
    .map((count, copies) => `${formatCount(count)} with ${copies}`)
    .toReversed();
  return [`${formatCounted(packs, 'pack')} by good copies: ${parts.join(', ')}`];
}

/** What is to be done, the most urgent first. */
function stepsOf(health: RepositoryHealth): readonly string[] {
  const { mirrors, mirrorsMin, mirrorsPresent, packsByCopies, packs, sources } = health;
  const steps: string[] = [];
  const absent = mirrors.filter(({ present, configured }) => !present && configured);
  if (mirrorsPresent < mirrorsMin) steps.push('bring mirrors back: too few are here to back up');
  if ((packsByCopies[0] ?? 0) > 0) {
    steps.push('versions heal; what no mirror has is stored again by the next versions backup');
  }
  for (const { name } of absent) {
    const shown = safeText(name);
    steps.push(
      `bring back ${shown}; if it is gone for ever: versions mirror remove ${shown} --lost`,
    );
  }
  for (const { name, id } of mirrors.filter(({ configured }) => !configured)) {
    steps.push(
      `configure ${safeText(name)} here (versions mirror add), or versions mirror remove ${id ?? ''} --lost`,
    );
  }
  if (mirrors.some(({ objectsDamaged }) => objectsDamaged > 0)) steps.push('versions heal');
  if (mirrors.some(({ objectsOwed }) => objectsOwed > 0)) steps.push('versions mirror sync');
  const isOld = mirrors.some(({ present, oldestVerifiedAt }) => {
    return present && oldestVerifiedAt === undefined;
  });
  if (packs > 0 && isOld) steps.push('versions verify --level data');
  if (sources.length === 0) steps.push('versions backup PATH');
  if (mirrors.length === 1) steps.push('a second mirror: versions mirror add NAME URL');
  return steps;
}

function exitCodeOf(health: RepositoryHealth): number {
  const { mirrors, mirrorsMin, mirrorsPresent, packsByCopies } = health;
  if ((packsByCopies[0] ?? 0) > 0) return 21;
  if (mirrorsPresent < mirrorsMin) return 22;
  const isWell = mirrors.every(
    ({ present, objectsOwed, objectsDamaged }) => present && objectsOwed + objectsDamaged === 0,
  );
  return isWell ? 0 : 20;
}
