import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { type ByteString, byteStringFromText, displayPath, fsPath } from '../../src/core/index.ts';

/** What one name in a directory tree looks like to a user; made for `toEqual`. */
export interface TreeItem {
  readonly kind: string;
  readonly mode: string;
  readonly owner: string;
  /** Seconds and nanoseconds. */
  readonly mtime: string;
  /** Size and SHA-256 of a file, target of a symlink. */
  readonly content: string;
  /** The first path of the same file, if it has several names below the root. */
  readonly link?: string;
}

export interface TreeImageOptions {
  /** Leave the times of directories out: something was made or removed in them. */
  readonly ignoreDirectoryTimes?: boolean;
}

/** Everything below a directory, itself included (as `.`), by path in byte order. */
export function treeImage(root: string, options: TreeImageOptions = {}): Map<string, TreeItem> {
  const image = new Map<string, TreeItem>();
  const links = new Map<bigint, string>();
  const visit = (path: ByteString, shown: string): void => {
    const stat = lstatSync(fsPath(path), { bigint: true });
    const kind = kindOf(stat);
    const item: { -readonly [K in keyof TreeItem]: TreeItem[K] } = {
      kind,
      mode: (Number(stat.mode) & 0o7777).toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      mtime: kind === 'directory' && options.ignoreDirectoryTimes ? '' : timeText(stat.mtimeNs),
      content: contentOf(path, kind),
    };
    if (kind !== 'directory' && stat.nlink > 1n) {
      const first = links.get(stat.ino);
      if (first === undefined) links.set(stat.ino, shown);
      else item.link = first;
    }
    image.set(shown, item);
    if (kind !== 'directory') return;
    const names = readdirSync(fsPath(path), 'latin1') as ByteString[];
    for (const name of names.sort()) {
      visit(
        `${path}/${name}` as ByteString,
        shown === '.' ? displayPath(name) : `${shown}/${displayPath(name)}`,
      );
    }
  };
  visit(byteStringFromText(root), '.');
  return image;
}

function kindOf(stat: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
  isFIFO(): boolean;
}): string {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  return stat.isFIFO() ? 'fifo' : 'other';
}

function timeText(nanos: bigint): string {
  const rest = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return `${(nanos - rest) / 1_000_000_000n}.${rest.toString().padStart(9, '0')}`;
}

/** One for all files: with one for each, collecting them took most of the time of a large tree. */
const buffer = Buffer.alloc(1024 * 1024);

function contentOf(path: ByteString, kind: string): string {
  if (kind === 'symlink') return readlinkSync(fsPath(path), 'latin1');
  if (kind !== 'file') return '';
  const hash = createHash('sha256');
  let bytes = 0;
  const fd = openSync(fsPath(path), 'r');
  try {
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.byteLength, null);
      if (count === 0) break;
      hash.update(buffer.subarray(0, count));
      bytes += count;
    }
  } finally {
    closeSync(fd);
  }
  return `${bytes} ${hash.digest('hex').slice(0, 16)}`;
}
