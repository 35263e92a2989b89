import { displayPath, type ByteString } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { Repository } from '../repository/index.ts';
import { lookUpPath } from './look-up.ts';
import type { SnapshotInfo } from './snapshot-info.ts';
import { TreeReader } from './tree-reader.ts';

/** The content of a file of a snapshot, piece by piece. Throws `Usage` if it is no file. */
export async function* readFile(
  repository: Repository,
  snapshot: SnapshotInfo,
  path: ByteString,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array> {
  const { signal } = options;
  const { entry } = await lookUpPath(repository, snapshot, path, signal);
  const shown = displayPath(path);
  if (entry.kind !== 'file') {
    throw new VersionsError('Usage', 'NOT_A_FILE', `${shown} is a ${entry.kind}, not a file`, {
      hint: `See what is in it: versions ls ${snapshot.id.slice(0, 8)}:${shown}`,
    });
  }
  if (((entry.remarks ?? 0) & 2) !== 0) {
    throw new VersionsError(
      'NotFound',
      'CONTENT_NOT_SAVED',
      `The content of ${shown} could not be read when the snapshot was made`,
    );
  }
  if (entry.inline) yield entry.inline;
  const chunks = await repository.chunks(signal);
  for await (const { id, length } of new TreeReader(chunks, signal).content(entry)) {
    const chunk = await chunks.read('data', id, signal);
    if (chunk.byteLength !== length) throw wrongLength(shown);
    yield new Uint8Array(chunk);
  }
}

function wrongLength(shown: string): VersionsError {
  return new VersionsError(
    'Corrupt',
    'CHUNK_LENGTH',
    `A chunk of ${shown} has another length than the file says`,
    { hint: 'Run "versions verify" to see what else is wrong' },
  );
}
