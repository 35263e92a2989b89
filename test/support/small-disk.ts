import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system in memory of so many bytes, mounted for a test; `using` unmounts it. */
export class SmallDisk implements Disposable {
  readonly path: string;

  constructor(path: string, bytes: number) {
    mkdirSync(path, { recursive: true });
    this.path = path;
    const options = `size=${bytes},mode=0700`;
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
    if (status !== 0) throw new Error(`mount: ${String(stderr)}`);
  }

  /** Fills it until so many bytes are left. */
  fill(leftBytes: number): void {
    this.empty();
    const { bavail, bsize } = statfsSync(this.path);
    writeFileSync(join(this.path, ballast), Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
  }

  /** Makes it larger; what is in it stays. */
  grow(bytes: number): void {
    const { status, stderr } = spawnSync('mount', ['-o', `remount,size=${bytes}`, this.path]);
    if (status !== 0) throw new Error(`mount: ${String(stderr)}`);
  }

  /** Gives back what `fill` took. */
  empty(): void {
    rmSync(join(this.path, ballast), { force: true });
  }

  [Symbol.dispose](): void {
    spawnSync('umount', ['-l', this.path]);
  }
}

const ballast = 'ballast';

/** Why file systems cannot be mounted here; undefined if they can. */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== 'linux') return 'this needs tmpfs, which Linux has';
  const directory = mkdtempSync(join(tmpdir(), 'versions-mount-'));
  try {
    using disk = new SmallDisk(directory, 65_536);
    return statfsSync(disk.path).bsize > 0 ? undefined : 'tmpfs shows no size';
  } catch (error) {
    return `file systems can be mounted by root only: ${String(error)}`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
