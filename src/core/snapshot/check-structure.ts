import type { ChunkId } from '../base/index.ts';
import { errorMessage, isVersionsError } from '../errors/index.ts';
import { entryRemarks, type TreeEntry } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';
import { IdSet } from './id-set.ts';
import { ListLosses, lossOfChunk, messageOfLoss } from './list-losses.ts';
import { listSnapshots, type SnapshotInfo } from './snapshot-info.ts';
import { ownContent, TreeReader } from './tree-reader.ts';

/** Something a snapshot needs that cannot be read from any mirror. */
export interface StructureLoss {
  readonly snapshot: SnapshotInfo;
  readonly path: string;
  readonly reason: string;
}

/** Different trees are walked once: most of a snapshot is shared with the one before. 64 MiB. */
const seenMax = 2 * 1024 * 1024;

/**
 * Walks the trees of all snapshots and looks every chunk they list up in the index. Says what would
 * be missing in a restore; stops at nothing.
 */
export async function checkStructure(
  repository: Repository,
  onLoss: (loss: StructureLoss) => void,
  signal?: AbortSignal,
): Promise<void> {
  const trees = new TreeReader(await repository.chunks(signal), signal);
  const seen = new IdSet(seenMax);
  const lists = new ListLosses(trees, repository.index);
  for (const snapshot of listSnapshots(repository)) {
    const open: { readonly path: string; readonly tree: ChunkId }[] = [
      { path: '/', tree: snapshot.root },
    ];
    for (let next = open.pop(); next; next = open.pop()) {
      const { path, tree } = next;
      if (!seen.add(tree)) continue;
      try {
        for await (const page of trees.pages(tree)) {
          for (const entry of page) {
            const entryPath = path === '/' ? `/${entry.name}` : `${path}/${entry.name}`;
            if (entry.tree) open.push({ path: entryPath, tree: new Uint8Array(entry.tree) });
            const found = lossOf(entry, lists, repository);
            const reason = found instanceof Promise ? await found : found;
            if (reason !== undefined) onLoss({ snapshot, path: entryPath, reason });
          }
        }
      } catch (error) {
        if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
        onLoss({ snapshot, path, reason: errorMessage(error) });
      }
    }
  }
}

/** A promise only where there are pages to read. */
function lossOf(
  entry: TreeEntry,
  lists: ListLosses,
  { index }: Repository,
): string | undefined | Promise<string | undefined> {
  if (entry.xattrsRef && !index.locate(entry.xattrsRef))
    return 'its extended attributes are missing';
  // That is known since the snapshot was made.
  if (((entry.remarks ?? 0) & entryRemarks.contentUnreadable) !== 0) return undefined;
  try {
    const own = ownContent(entry);
    if (own === undefined) return lists.of(entry);
    for (const chunk of own) {
      const reason = lossOfChunk(chunk, index);
      if (reason !== undefined) return reason;
    }
    return undefined;
  } catch (error) {
    return messageOfLoss(error);
  }
}
