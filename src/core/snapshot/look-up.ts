import { displayPath, type ByteString } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { SnapshotRecord, TreeEntry } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';
import type { SnapshotInfo } from './snapshot-info.ts';
import { TreeReader } from './tree-reader.ts';

/** Something in a snapshot, by its absolute path. `/` has no name. */
export interface FoundEntry {
  readonly path: ByteString;
  readonly entry: TreeEntry;
}

/** The entry of `/`: what the record says of it, or a plain directory. */
export function rootEntryOf(snapshot: SnapshotRecord): TreeEntry {
  const { rootEntry, root, time } = snapshot;
  const plain = {
    kind: 'directory',
    mode: 0o755,
    mtimeSeconds: Math.floor(time / 1000),
    mtimeNanos: 0,
    uid: 0,
    gid: 0,
    size: 0,
  } as const;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the empty name is a byte string
  return { ...(rootEntry ?? plain), name: '' as ByteString, tree: root };
}

/** What stands at a path of a snapshot. Throws `NotFound` (code PATH_NOT_FOUND). */
export async function lookUpPath(
  repository: Repository,
  snapshot: SnapshotInfo,
  path: ByteString,
  signal?: AbortSignal,
): Promise<FoundEntry> {
  const trees = new TreeReader(await repository.chunks(signal), signal);
  let entry = rootEntryOf(snapshot);
  let at = '';
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a part of a byte string
    const next = entry.tree && (await trees.find(entry.tree, name as ByteString));
    if (next === undefined) throw notFound(snapshot, path);
    entry = next;
    at += `/${name}`;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- joined from parts of a byte string
  return { path: (at === '' ? '/' : at) as ByteString, entry };
}

/** Was there anything in the directory at a path of a snapshot? */
export async function hasEntries(
  repository: Repository,
  snapshot: SnapshotInfo,
  path: ByteString,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    const { entry } = await lookUpPath(repository, snapshot, path, signal);
    if (entry.tree === undefined) return false;
    const trees = new TreeReader(await repository.chunks(signal), signal);
    for await (const _ of trees.entries(entry.tree)) return true;
    return false;
  } catch (error) {
    // A snapshot that cannot be read is a matter for verify, not for the next backup.
    if (error instanceof VersionsError && (error.kind === 'NotFound' || error.kind === 'Corrupt'))
      return false;
    throw error;
  }
}

function notFound(snapshot: SnapshotInfo, path: ByteString): VersionsError {
  const shown = displayPath(path);
  const id = snapshot.id.slice(0, 8);
  return new VersionsError('NotFound', 'PATH_NOT_FOUND', `Snapshot ${id} has no ${shown}`, {
    hint: `See what it has: versions ls ${id}`,
    context: { path: shown, snapshot: snapshot.id },
  });
}
