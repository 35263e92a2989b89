import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type BigIntStats } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ByteString } from '../../src/core/index.ts';
import { fsPath } from '../../src/core/index.ts';

/** Repositories of every stored format that was ever released. They are never edited. */
export const goldenDirectory: string = fileURLToPath(
  new URL('../fixtures/repositories', import.meta.url),
);

/** Where the source of every golden snapshot appears to have been. */
export const goldenSource = '/home/ann';

/** What a golden repository must give back: `manifest.json` beside its mirror. */
export interface GoldenManifest {
  readonly secret: GoldenSecret;
  readonly repository: string;
  /** Number of entries of the journal. */
  readonly entries: number;
  /** Everything that some snapshot holds. */
  readonly items: readonly GoldenItem[];
  /** Oldest first. */
  readonly snapshots: readonly GoldenSnapshot[];
}

export type GoldenSecret =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'key'; readonly keyFile: string }
  | { readonly kind: 'none' };

export interface GoldenSnapshot {
  readonly id: string;
  readonly time: number;
  readonly host: string;
  readonly tags: readonly string[];
  readonly partial: boolean;
  /** What is below the source, itself included, parents first: places in the list of items. */
  readonly items: readonly number[];
}

export interface GoldenItem {
  /** Relative; the empty path is the source itself. Bytes that are not printable ASCII, and `%`, as %xx. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'fifo';
  readonly mode: string;
  /** Seconds since 1970 and nine digits. */
  readonly mtime: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  /** The first path of the same file, if it has another before this. */
  readonly linkOf?: string;
  /** Values in hexadecimal; not compared on disk, where a file system may have none. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** Bytes as text that every editor and JSON leaves alone. */
export function escapeBytes(bytes: ByteString): string {
  return bytes.replace(
    /[^\x21-\x24\x26-\x7e]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** What is in a directory, itself included. Extended attributes are left out. */
export function readItems(directory: string): readonly GoldenItem[] {
  const items: GoldenItem[] = [];
  const firstPaths = new Map<bigint, string>();
  const visit = (full: ByteString, path: string): void => {
    const stat = lstatSync(fsPath(full), { bigint: true });
    const item = itemOf(full, path, stat);
    const first = firstPaths.get(stat.ino);
    if (item.kind !== 'directory' && stat.nlink > 1n) {
      if (first === undefined) firstPaths.set(stat.ino, path);
    }
    items.push(
      first === undefined || item.kind === 'directory' ? item : { ...item, linkOf: first },
    );
    if (item.kind !== 'directory') return;
    const names = readdirSync(fsPath(full), 'latin1') as ByteString[];
    for (const name of names.toSorted()) {
      const below = path === '' ? escapeBytes(name) : `${path}/${escapeBytes(name)}`;
      visit(`${full}/${name}` as ByteString, below);
    }
  };
  visit(directory as ByteString, '');
  return items;
}

function itemOf(full: ByteString, path: string, stat: BigIntStats): GoldenItem {
  const common = {
    path,
    mode: (Number(stat.mode) & 0o7777).toString(8).padStart(4, '0'),
    mtime: timeText(stat.mtimeNs),
  };
  if (stat.isDirectory()) return { ...common, kind: 'directory' };
  if (stat.isFIFO()) return { ...common, kind: 'fifo' };
  if (stat.isSymbolicLink()) {
    const target = readlinkSync(fsPath(full), 'latin1') as ByteString;
    return { ...common, kind: 'symlink', target: escapeBytes(target) };
  }
  const sha256 = createHash('sha256')
    .update(readFileSync(fsPath(full)))
    .digest('hex');
  return { ...common, kind: 'file', size: Number(stat.size), sha256 };
}

/** A time in nanoseconds since 1970, which may be negative, in seconds. */
export function timeText(nanos: bigint): string {
  const billion = 1_000_000_000n;
  const rest = ((nanos % billion) + billion) % billion;
  return `${(nanos - rest) / billion}.${rest.toString().padStart(9, '0')}`;
}
