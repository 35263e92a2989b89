import { win32 } from 'node:path';
import {
  type ByteString,
  byteStringFromText,
  snapshotPathOfWindows,
  type System,
  thisSystem,
  VersionsError,
} from '../../core/index.ts';

/**
 * An absolute path of this system in the form in which snapshots and the core have it: on Windows
 * `/C/Users/ann` for `C:\Users\ann`, elsewhere as it is.
 */
export function localPath(path: string, system: System = thisSystem): ByteString {
  if (system !== 'win32') return byteStringFromText(path);
  const found = snapshotPathOfWindows(win32.normalize(path));
  if (found !== undefined) return byteStringFromText(found);
  throw new VersionsError('Usage', 'PATH_ON_NO_DRIVE', `${path} is on no drive with a letter`, {
    context: { path },
    hint: 'give the share a letter with "net use", and "versions backup" or "versions restore" that path',
  });
}
