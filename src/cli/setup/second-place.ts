import { stat } from 'node:fs/promises';
import type { MirrorConfig } from '../../core/index.ts';
import { mirrorDirectory } from './places.ts';

/**
 * Whether every mirror lies on a disk that also holds what is saved, as far as device numbers tell:
 * then one broken disk takes the files and their only copy.
 */
export async function areAllOnSameDisk(
  mirrors: readonly MirrorConfig[],
  savedPaths: readonly (string | Buffer)[],
): Promise<boolean> {
  const saved = new Set<number>();
  for (const path of savedPaths) {
    const device = await deviceOf(path);
    if (device !== undefined) saved.add(device);
  }
  for (const { url } of mirrors) {
    const directory = mirrorDirectory(url);
    const device = directory === undefined ? undefined : await deviceOf(directory);
    if (device === undefined || !saved.has(device)) return false;
  }
  return true;
}

async function deviceOf(path: string | Buffer): Promise<number | undefined> {
  try {
    return (await stat(path)).dev;
  } catch {
    return undefined;
  }
}
