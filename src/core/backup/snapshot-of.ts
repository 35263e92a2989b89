import { newId, toHex, type ByteString } from '../base/index.ts';
import { lookupNames } from '../files/index.ts';
import type { SnapshotRecord } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';
import type { BackupWork, Saved } from './backup-work.ts';
import type { BackupOptions } from './options.ts';

/** Written into every snapshot. */
const program = 'versions';

/** The id of the source: host and paths, with `--as` in place of the path that was read. */
export function sourceIdOf(repository: Repository, options: BackupOptions): Uint8Array {
  return repository.keys.identities.sourceId(options.host, sourcePathsOf(options));
}

/** The record of what was saved. `id` is fresh. */
export function snapshotOf(work: BackupWork, saved: Saved): SnapshotRecord {
  const { repository, options, context, source, startMs, session, parent } = work;
  const names = lookupNames();
  const { counts } = saved;
  const { filesNew, filesChanged, filesUnchanged, dirs, others, bytesNew } = counts;
  return {
    id: newId(repository.random),
    time: options.time ?? startMs,
    finished: context.clock.now(),
    host: options.host,
    user: options.user,
    source: toHex(source),
    paths: sourcePathsOf(options),
    root: saved.root,
    rootEntry: saved.rootEntry,
    tags: options.tags,
    parent: parent?.id,
    partial: saved.stop !== undefined,
    problems: counts.problems,
    missing: saved.missing,
    stats: {
      files: filesNew + filesChanged + filesUnchanged,
      dirs,
      others,
      bytes: saved.bytes,
      filesNew,
      filesChanged,
      filesUnchanged,
      bytesNew,
      bytesStored: session.bytesStored,
    },
    users: namesOf(saved.uids, (id) => names.userName(id)),
    groups: namesOf(saved.gids, (id) => names.groupName(id)),
    program,
  };
}

function sourcePathsOf(options: BackupOptions): readonly ByteString[] {
  if (options.stdin) return [streamPath(options.stdin.name)];
  return options.as === undefined ? options.paths : [options.as];
}

/** Where the content of a stream appears in its snapshot. */
export function streamPath(name: string): ByteString {
  const text = Buffer.from(name, 'utf8').toString('latin1');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- latin1 gives one character a byte
  return (text.startsWith('/') ? text : `/${text}`) as ByteString;
}

function namesOf(
  ids: ReadonlySet<number>,
  nameOf: (id: number) => string | undefined,
): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const id of [...ids].sort((a, b) => a - b)) {
    const name = nameOf(id);
    if (name !== undefined) names.set(id, name);
  }
  return names;
}
