import { displayPath, rootPath, type ByteString, type Random } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { joinPath } from '../files/index.ts';
import type { TreeEntry } from '../format/index.ts';
import type { Context, Repository } from '../repository/index.ts';
import { listEntries } from './list-entries.ts';
import { readFile } from './read-file.ts';
import { listSnapshots, type SnapshotInfo } from './snapshot-info.ts';

export interface SampleResult {
  readonly files: number;
  readonly bytes: number;
  /** Files that could not be read back; each was reported. */
  readonly lost: number;
}

/** A way down into a tree may end where there is no file. */
const attemptsPerFile = 20;

/**
 * Reads files back that chance picks, from snapshots that chance picks, and throws them away: what a
 * restore would do, without a target. Every chunk is checked against its id, every file against its
 * size.
 */
export async function sampleRestore(
  repository: Repository,
  count: number,
  { random, monitor, signal }: Pick<Context, 'random' | 'monitor' | 'signal'>,
): Promise<SampleResult> {
  const snapshots = listSnapshots(repository);
  const result = { files: 0, bytes: 0, lost: 0 };
  monitor.at('restoring samples');
  for (let left = count * attemptsPerFile; left > 0 && result.files < count; left--) {
    const snapshot = snapshots[below(random, snapshots.length)];
    if (snapshot === undefined) break;
    try {
      const found = await pickFile(repository, snapshot, random, signal);
      if (found === undefined) continue;
      result.files += 1;
      result.bytes += await readBack(repository, snapshot, found, signal);
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unavailable')) throw error;
      result.lost += 1;
      monitor.problem(sampleLost(snapshot, error));
    }
  }
  return result;
}

interface PickedFile {
  readonly path: ByteString;
  readonly size: number;
}

/** Goes down from the root, at each directory into an entry that chance picks. */
async function pickFile(
  repository: Repository,
  snapshot: SnapshotInfo,
  random: Random,
  signal: AbortSignal | undefined,
): Promise<PickedFile | undefined> {
  let path: ByteString = rootPath;
  for (;;) {
    let picked: TreeEntry | undefined;
    let seen = 0;
    for await (const found of listEntries(repository, snapshot, path, {
      recursive: false,
      signal,
    })) {
      const { entry } = found;
      const isReadable = entry.kind === 'file' && ((entry.remarks ?? 0) & 2) === 0;
      if (!isReadable && entry.tree === undefined) continue;
      seen += 1;
      if (below(random, seen) === 0) picked = { ...entry };
    }
    if (picked === undefined) return undefined;
    path = joinPath(path, picked.name);
    if (picked.kind === 'file') return { path, size: picked.size ?? 0 };
  }
}

async function readBack(
  repository: Repository,
  snapshot: SnapshotInfo,
  { path, size }: PickedFile,
  signal: AbortSignal | undefined,
): Promise<number> {
  let bytes = 0;
  for await (const part of readFile(repository, snapshot, path, { signal })) {
    bytes += part.byteLength;
  }
  if (bytes === size) return bytes;
  throw new VersionsError(
    'Corrupt',
    'CONTENT_LENGTH',
    `${displayPath(path)} has ${bytes} bytes instead of ${size}`,
  );
}

function sampleLost(snapshot: SnapshotInfo, cause: VersionsError): VersionsError {
  return new VersionsError(
    'Corrupt',
    'SAMPLE_LOST',
    `A sample of snapshot ${snapshot.id.slice(0, 8)} could not be read back: ${cause.message}`,
    { hint: 'Run "versions verify --level data --heal"', cause },
  );
}

/** A whole number from 0 up to but not including `end`. */
function below(random: Random, end: number): number {
  const bytes = random.bytes(6);
  return Buffer.from(bytes.buffer, bytes.byteOffset, 6).readUIntLE(0, 6) % Math.max(1, end);
}
