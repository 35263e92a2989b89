import {
  byteStringFromText,
  fitsFilter,
  listSnapshots,
  type SnapshotCopies,
  snapshotCopies,
  type SnapshotInfo,
} from '../../core/index.ts';
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatTime,
  isoTime,
} from '../output/measures.ts';
import type { JsonDocument } from '../output/output.ts';
import { pathsFields, shownPath } from '../output/path-fields.ts';
import { safeText } from '../output/safe-text.ts';
import { renderTable } from '../output/text-table.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';
import { timeSetting } from '../setup/time-setting.ts';
import { facetsOf, groupSnapshots, newestOfEach } from '../snapshot-groups.ts';

/** Characters of an id that people are shown. */
const idLength = 8;

export async function run(session: Session): Promise<CommandResult> {
  const { output, settings } = session;
  const wanted = filterOf(session);
  const by = facetsOf(settings);
  await using opened = await openForReading(session);
  const all = listSnapshots(opened.repository);
  const snapshots = newestOfEach(all.filter(wanted), settings.number('latest'), by);
  const copies = await snapshotCopies(opened.repository);
  const listed = snapshots.map((snapshot) => ({ ...snapshot, copies: copies.get(snapshot.id) }));
  for (const group of groupSnapshots(listed, by)) {
    for (const snapshot of group.snapshots) output.document(documentOf(snapshot));
    if (group.title !== '') output.line(`${group.title}:`);
    for (const line of tableOf(session, group.snapshots)) output.line(line);
    if (group.title !== '') output.line();
  }
  output.line(
    snapshots.length === all.length
      ? formatCounted(all.length, 'snapshot')
      : `${formatCount(snapshots.length)} of ${formatCounted(all.length, 'snapshot')}`,
  );
  return { exitCode: 0, summary: { snapshots: snapshots.length } };
}

/** Which snapshots the flags ask for. Throws `Usage` for a time that is none. */
function filterOf({ settings }: Session): (snapshot: SnapshotInfo) => boolean {
  const since = timeSetting(settings, 'since') ?? Number.NEGATIVE_INFINITY;
  const until = timeSetting(settings, 'until') ?? Number.POSITIVE_INFINITY;
  const filter = {
    host: settings.text('host'),
    paths: settings.list('path').map((path) => byteStringFromText(path)),
    tags: settings.list('tag'),
  };
  return (snapshot) =>
    snapshot.time >= since && snapshot.time < until && fitsFilter(snapshot, filter);
}

/** A snapshot, and on how many mirrors it is. */
type Listed = SnapshotInfo & { readonly copies: SnapshotCopies | undefined };

function documentOf(snapshot: Listed): JsonDocument {
  const { id, time, host, user, paths, tags, partial, problems, parent, stats, program } = snapshot;
  const { copies, recovered } = snapshot;
  return {
    type: 'snapshot',
    id,
    time: isoTime(time),
    host,
    user,
    ...pathsFields(paths),
    tags,
    partial,
    recovered,
    problems,
    parent,
    stats,
    program,
    mirrorsComplete: copies?.complete,
    mirrorsTotal: copies?.mirrors,
  };
}

function tableOf({ measures }: Session, snapshots: readonly Listed[]): string[] {
  if (snapshots.length === 0) return [];
  const rows = snapshots.map((snapshot) => [
    snapshot.id.slice(0, idLength),
    formatTime(snapshot.time, measures.utc),
    safeText(snapshot.host),
    formatCount(snapshot.stats.files),
    formatBytes(snapshot.stats.bytes, measures.exactBytes),
    snapshot.paths.map(shownPath).join(' '),
    [...snapshot.tags.map(safeText), ...marksOf(snapshot)].join(', '),
  ]);
  const head = ['id', 'time', 'host', 'files', 'size', 'paths', 'tags'];
  return renderTable([head, ...rows], new Set([3, 4]));
}

function marksOf({ partial, problems, copies, recovered }: Listed): string[] {
  const isOwed = copies !== undefined && copies.complete < copies.mirrors;
  return [
    ...(partial ? ['(partial)'] : []),
    ...(recovered ? ['(recovered)'] : []),
    ...(problems > 0 ? [`(${formatCounted(problems, 'problem')})`] : []),
    ...(isOwed ? [`(on ${copies.complete} of ${formatCounted(copies.mirrors, 'mirror')})`] : []),
  ];
}
