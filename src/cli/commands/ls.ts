import {
  bytesOfByteString,
  byteStringOf,
  type FoundEntry,
  listEntries,
  type SnapshotInfo,
  type TreeEntry,
} from '../../core/index.ts';
import { formatCounted, formatTime, isoTimeOf } from '../output/measures.ts';
import { formatMode } from '../output/mode.ts';
import type { JsonDocument } from '../output/output.ts';
import { pathFields, shownPath } from '../output/path-fields.ts';
import { safeText } from '../output/safe-text.ts';
import { selectSnapshot } from '../select-snapshot.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { output, settings, signal } = session;
  await using opened = await openForReading(session);
  const { repository } = opened;
  const { snapshot, path } = await selectSnapshot(session, repository, session.operands[0] ?? '');
  const recursive = settings.flag('recursive');
  let count = 0;
  for await (const listed of listEntries(repository, snapshot, path, { recursive })) {
    signal.throwIfAborted();
    if (output.isAbandoned) break;
    count += 1;
    if (output.json) output.document(documentOf(snapshot, listed));
    else printLine(session, snapshot, listed);
    await output.room();
  }
  output.note(`${formatCounted(count, 'entry', 'entries')} of snapshot ${snapshot.id.slice(0, 8)}`);
  return { exitCode: 0, summary: { snapshotId: snapshot.id, entries: count } };
}

function printLine(session: Session, snapshot: SnapshotInfo, { path, entry }: FoundEntry): void {
  const { output } = session;
  const slash = entry.kind === 'directory' && path !== '/' ? '/' : '';
  const facts = session.settings.flag('long') ? `${factsOf(session, snapshot, entry)}  ` : '';
  const target =
    entry.target !== undefined && facts !== '' ? byteStringOf(entry.target) : undefined;
  if (output.isTerminal) {
    const arrow = target === undefined ? '' : ` -> ${shownPath(target)}`;
    output.line(`${facts}${shownPath(path)}${slash}${arrow}`);
    return;
  }
  // A program that reads this wants the names that are there, byte for byte.
  const arrow = target === undefined ? [] : [Buffer.from(' -> '), bytesOfByteString(target)];
  const parts = [Buffer.from(facts), bytesOfByteString(path), Buffer.from(slash), ...arrow];
  output.byteLine(Buffer.concat(parts));
}

function factsOf({ measures }: Session, snapshot: SnapshotInfo, entry: TreeEntry): string {
  const { user, group } = ownerOf(snapshot, entry);
  return [
    formatMode(entry.kind, entry.mode),
    `${safeText(user ?? String(entry.uid))}:${safeText(group ?? String(entry.gid))}`.padEnd(13),
    String(entry.size).padStart(12),
    formatTime(entry.mtimeSeconds * 1000, measures.utc),
  ].join('  ');
}

/** The names that the owners had where the snapshot was made, as far as they were known there. */
function ownerOf({ users, groups }: SnapshotInfo, { uid, gid }: TreeEntry) {
  return { user: users.get(uid), group: groups.get(gid) };
}

function documentOf(snapshot: SnapshotInfo, { path, entry }: FoundEntry): JsonDocument {
  const { kind, mode, uid, gid, size, mtimeSeconds, mtimeNanos, target } = entry;
  const aim = target === undefined ? undefined : pathFields(byteStringOf(target));
  return {
    type: 'entry',
    ...pathFields(path),
    kind,
    bytes: size,
    mode,
    mtime: isoTimeOf(mtimeSeconds, mtimeNanos),
    uid,
    gid,
    ...ownerOf(snapshot, entry),
    target: aim?.path,
    targetBase64: aim?.pathBase64,
    links: entry.linkCount,
  };
}
