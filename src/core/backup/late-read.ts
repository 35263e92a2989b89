import type { ByteString } from '../base/index.ts';
import { joinPath } from '../files/index.ts';
import { fingerprintBytes, writeFingerprint } from './fingerprint.ts';
import type { FileResult } from './results.ts';
import type { Upload } from './upload.ts';

/**
 * Reads a further name of a file after all, because under its first name the file was gone or
 * unreadable when its turn came. Undefined if this one is gone too.
 */
export async function readLate(
  upload: Upload,
  directory: ByteString,
  name: ByteString,
): Promise<FileResult | undefined> {
  const stat = upload.look(joinPath(directory, name));
  if (stat?.kind !== 'file') return undefined;
  const fingerprint = Buffer.alloc(fingerprintBytes);
  writeFingerprint(stat, fingerprint, 0);
  return upload.readNow({ directory, name, fingerprint, size: stat.size, racy: false });
}
