import { displayPath, type ByteString } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { decodeXattrs, type TreeEntry } from '../format/index.ts';
import { contentArchived, isArchived } from './archived-packs.ts';
import { reportProblem, type RestoreWork } from './restore-work.ts';

/**
 * Extended attributes that are too large for their entry, encoded; empty if there are none. Lost
 * ones are told, and everything else of the file is restored.
 */
export async function largeXattrs(
  work: RestoreWork,
  relative: ByteString,
  { xattrsRef }: TreeEntry,
): Promise<Uint8Array> {
  if (xattrsRef === undefined) return new Uint8Array(0);
  const { chunks, context } = work;
  try {
    const bytes = await chunks.read('data', xattrsRef, context.signal);
    decodeXattrs(bytes);
    return new Uint8Array(bytes);
  } catch (error) {
    if (isArchived(work, error)) {
      reportProblem(work, contentArchived(relative, error));
      return new Uint8Array(0);
    }
    if (!isVersionsError(error, 'Corrupt', 'NotFound')) throw error;
    const shown = displayPath(relative);
    const message = `The extended attributes of ${shown} cannot be restored: ${error.message}`;
    reportProblem(work, new VersionsError(error.kind, error.code, message, { cause: error }));
    return new Uint8Array(0);
  }
}
