import type { ByteString } from '../base/index.ts';
import type { FileStat, Moment } from '../files/index.ts';

const recentSeconds = 7 * 24 * 3600;
const recentBytesMax = 64 * 1024 * 1024;
const smallBytesMax = 1024 * 1024;
const userPrefixes: readonly string[] = ['/home/', '/root/', '/Users/', '/var/mail/'];

/**
 * The class in which a file is uploaded, 0 first (GridBackup's idea): what was changed lately;
 * small files of users; their other files; the rest. Few classes, and inside each the order of the
 * tree, because neighbours compress together.
 */
export function priorityOf(directory: ByteString, stat: FileStat, now: Moment): number {
  const age = now.seconds - stat.mtimeSeconds;
  if (age >= 0 && age < recentSeconds && stat.size <= recentBytesMax) return 0;
  const path = `${directory}/`;
  if (!userPrefixes.some((prefix) => path.startsWith(prefix))) return 3;
  return stat.size <= smallBytesMax ? 1 : 2;
}
