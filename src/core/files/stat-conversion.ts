import type { BigIntStats } from 'node:fs';
import { displayPath, thisSystem, type ByteString, type System } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { type FileKind, kindOfMode } from './file-kind.ts';
import type { FileStat } from './file-stat.ts';

/** What is used of `node:fs`'s bigint stats. */
export type SystemStats = Pick<
  BigIntStats,
  | 'dev'
  | 'ino'
  | 'mode'
  | 'nlink'
  | 'uid'
  | 'gid'
  | 'rdev'
  | 'size'
  | 'mtimeNs'
  | 'ctimeNs'
  | 'birthtimeNs'
> & {
  /** Undefined where the system does not count them. */
  readonly blocks: bigint | undefined;
};

const billion = 1_000_000_000n;

/** What the stats of `system` say of the file at `path`, which is for the message only. */
export function fileStatOf(
  stats: SystemStats,
  path: ByteString,
  system: System = thisSystem,
): FileStat {
  const mode = Number(stats.mode);
  const kind = kindOf(mode, path);
  const size = Number(stats.size);
  const isDevice = kind === 'character-device' || kind === 'block-device';
  const hasBirthtime = stats.birthtimeNs > 0n;
  return {
    kind,
    size,
    mode: system === 'win32' ? modeOnWindows(mode, kind) : mode & 0o7777,
    mtimeSeconds: floorSeconds(stats.mtimeNs),
    mtimeNanos: nanosWithin(stats.mtimeNs),
    ctimeSeconds: floorSeconds(stats.ctimeNs),
    ctimeNanos: nanosWithin(stats.ctimeNs),
    birthtimeSeconds: hasBirthtime ? floorSeconds(stats.birthtimeNs) : undefined,
    birthtimeNanos: hasBirthtime ? nanosWithin(stats.birthtimeNs) : undefined,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    // Node takes numbers of 64 bits for signed ones.
    dev: BigInt.asUintN(64, stats.dev),
    ino: BigInt.asUintN(64, stats.ino),
    linkCount: Number(stats.nlink),
    rdevMajor: isDevice ? majorOf(stats.rdev, system) : 0,
    rdevMinor: isDevice ? minorOf(stats.rdev, system) : 0,
    allocatedBytes: stats.blocks === undefined ? size : Number(stats.blocks) * 512,
  };
}

function floorSeconds(nanos: bigint): number {
  const seconds = Number(nanos / billion);
  return nanos < 0n && nanos % billion !== 0n ? seconds - 1 : seconds;
}

function nanosWithin(nanos: bigint): number {
  const rest = Number(nanos % billion);
  return rest < 0 ? rest + 1_000_000_000 : rest;
}

function kindOf(mode: number, path: ByteString): FileKind {
  const kind = kindOfMode(mode);
  if (kind !== undefined) return kind;
  throw new VersionsError(
    'Source',
    'SOURCE_KIND_UNKNOWN',
    `The file system gives no known kind for ${displayPath(path)}`,
    { context: { path: displayPath(path), mode } },
  );
}

/**
 * Windows has one bit, "read-only", which Node shows as everybody's right to read and write, and
 * no right to enter directories. Restored elsewhere, that would lock directories and open files to
 * everybody; so the rights are those of the owner alone.
 */
function modeOnWindows(mode: number, kind: FileKind): number {
  const execute = kind === 'directory' || kind === 'symlink' ? 0o100 : 0;
  return (mode & 0o200) | 0o400 | execute;
}

function majorOf(rdev: bigint, system: System): number {
  return system === 'linux'
    ? Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n))
    : Number((rdev >> 24n) & 0xffn);
}

function minorOf(rdev: bigint, system: System): number {
  return system === 'linux'
    ? Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n))
    : Number(rdev & 0xffffffn);
}
