import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Numbers of file systems, from the kernel's list; others are named by their number. */
const fileSystems: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0x794c7630, 'overlayfs'],
  [0x6969, 'nfs'],
]);

/** What a directory lies on. */
export function fileSystemOf(directory: string): string {
  const { type } = statfsSync(directory);
  return fileSystems.get(type) ?? `file system 0x${type.toString(16)}`;
}

/** Bytes that may still be written there. */
export function freeBytesOf(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

const sharedMemory = '/dev/shm';

/** A new directory for all that is written: in the directory given, else in memory, else on disk. */
export function makeScratch(given: string | undefined): string {
  const isMemory = existsSync(sharedMemory) && fileSystemOf(sharedMemory) === 'tmpfs';
  const parent = given ?? (isMemory ? sharedMemory : tmpdir());
  return mkdtempSync(join(realpathSync(parent), 'versions-bench-'));
}

/** Removes a directory with everything in it, also what was restored without permission to change it. */
export function removeTree(path: string): void {
  if (!existsSync(path)) return;
  try {
    rmSync(path, { recursive: true });
  } catch {
    spawnSync('chmod', ['-R', 'u+rwX', path], { stdio: 'ignore' });
    rmSync(path, { recursive: true, force: true });
  }
}
