import { toHex, type ChunkId } from '../base/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { entryRemarks, type TreeEntry } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';
import { IdSet } from './id-set.ts';
import { listSnapshots, type SnapshotInfo } from './snapshot-info.ts';
import { TreeReader } from './tree-reader.ts';

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
  for (const snapshot of listSnapshots(repository)) {
    const open: { readonly path: string; readonly tree: ChunkId }[] = [
      { path: '/', tree: snapshot.root },
    ];
    for (let next = open.pop(); next; next = open.pop()) {
      const { path, tree } = next;
      if (!seen.add(tree)) continue;
      try {
        for await (const entry of trees.entries(tree)) {
          const entryPath = path === '/' ? `/${entry.name}` : `${path}/${entry.name}`;
          if (entry.tree) open.push({ path: entryPath, tree: new Uint8Array(entry.tree) });
          const reason = await lossOf(entry, trees, repository);
          if (reason !== undefined) onLoss({ snapshot, path: entryPath, reason });
        }
      } catch (error) {
        if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
        onLoss({ snapshot, path, reason: errorMessage(error) });
      }
    }
  }
}

async function lossOf(
  entry: TreeEntry,
  trees: TreeReader,
  repository: Repository,
): Promise<string | undefined> {
  const { index } = repository;
  if (entry.xattrsRef && !index.locate(entry.xattrsRef))
    return 'its extended attributes are missing';
  // That is known since the snapshot was made.
  if (((entry.remarks ?? 0) & entryRemarks.contentUnreadable) !== 0) return undefined;
  const location = { pack: 0, block: 0, offset: 0, length: 0 };
  try {
    for await (const { id, length } of trees.content(entry)) {
      if (!index.locate(id, location)) return `chunk ${toHex(id).slice(0, 16)} is missing`;
      if (location.length !== length) return `chunk ${toHex(id).slice(0, 16)} has another length`;
    }
    return undefined;
  } catch (error) {
    if (error instanceof VersionsError && (error.kind === 'Corrupt' || error.kind === 'NotFound'))
      return error.message;
    throw error;
  }
}
