import { rootPath, type ByteString } from '../base/index.ts';
import { joinPath } from '../files/index.ts';
import type { TreeEntry } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';
import { lookUpPath, type FoundEntry } from './look-up.ts';
import type { SnapshotInfo } from './snapshot-info.ts';
import { TreeReader } from './tree-reader.ts';

export interface ListOptions {
  readonly recursive: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What is in a directory of a snapshot, or the file itself, ascending by name, parents first. The
 * depth is bounded by memory only: the open directories are kept in a list of their own.
 */
export async function* listEntries(
  repository: Repository,
  snapshot: SnapshotInfo,
  path: ByteString | undefined,
  options: ListOptions,
): AsyncGenerator<FoundEntry> {
  const { signal } = options;
  const found = await lookUpPath(repository, snapshot, path ?? rootPath, signal);
  if (found.entry.tree === undefined) {
    if (found.entry.kind !== 'directory') yield found;
    return;
  }
  const trees = new TreeReader(await repository.chunks(signal), signal);
  const open: { readonly path: ByteString; readonly entries: AsyncGenerator<TreeEntry> }[] = [
    { path: found.path, entries: trees.entries(found.entry.tree) },
  ];
  for (let directory = open.at(-1); directory; directory = open.at(-1)) {
    const next = await directory.entries.next();
    if (next.done === true) {
      open.pop();
      continue;
    }
    const entry = next.value;
    const entryPath = joinPath(directory.path, entry.name);
    yield { path: entryPath, entry };
    if (options.recursive && entry.tree)
      open.push({ path: entryPath, entries: trees.entries(entry.tree) });
  }
}
