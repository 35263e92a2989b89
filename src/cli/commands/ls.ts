import {
  type ByteString,
  bytesOfByteString,
  byteStringOf,
  listEntries,
  type TreeEntry,
} from '../../core/index.ts';
import { formatCounted, formatTime, isoTimeOf } from '../output/measures.ts';
import { formatMode } from '../output/mode.ts';
import type { JsonDocument } from '../output/output.ts';
import { pathFields, shownPath } from '../output/path-fields.ts';
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
    if (output.json) output.document(documentOf(listed.path, listed.entry));
    else printLine(session, listed.path, listed.entry);
    await output.room();
  }
  output.note(`${formatCounted(count, 'entry', 'entries')} of snapshot ${snapshot.id.slice(0, 8)}`);
  return { exitCode: 0, summary: { snapshotId: snapshot.id, entries: count } };
}

function printLine(session: Session, path: ByteString, entry: TreeEntry): void {
  const { output } = session;
  const slash = entry.kind === 'directory' && path !== '/' ? '/' : '';
  const facts = session.settings.flag('long') ? `${factsOf(session, entry)}  ` : '';
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

function factsOf({ measures }: Session, entry: TreeEntry): string {
  return [
    formatMode(entry.kind, entry.mode),
    `${entry.uid}:${entry.gid}`.padStart(9),
    String(entry.size).padStart(12),
    formatTime(entry.mtimeSeconds * 1000, measures.utc),
  ].join('  ');
}

function documentOf(path: ByteString, entry: TreeEntry): JsonDocument {
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
    target: aim?.path,
    targetBase64: aim?.pathBase64,
    links: entry.linkCount,
  };
}
