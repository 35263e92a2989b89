/**
 * The local file system: walk, ignore rules, metadata read and applied, change detection, and
 * everything that a restore writes.
 *
 * Invariants:
 * - Names and paths are bytes (`ByteString`). Any name the kernel allows can be read and restored,
 *   at any depth: paths beyond PATH_MAX are reached through directory descriptors.
 * - Times, inode and device numbers are exact; what a file system or this machine cannot hold or
 *   read is reported (`NativeCapabilities`, `MetadataMiss`), never rounded in silence.
 * - Nothing that is read is followed: no part of a path below what was asked for is taken through a
 *   symlink, also where one takes the place of a directory in the middle of a run, and a FIFO or
 *   device that took a file's place is not opened for long.
 * - Nothing is written outside the directory of a `RestoreTarget`, whatever a repository names and
 *   whatever is planted or swapped there.
 * - What cannot be read is an event, not an exception: one bad file stops nothing.
 * - Memory holds one directory's names for each level, packed when there are many.
 *
 * Ignore rules. Patterns are those of `.gitignore`, and as in git they are matched as bytes, upper
 * and lower case apart: `*` is any bytes but `/`, `?` one byte, `[a-z]` one of a set, `\` takes the
 * next byte as it is, `**` as a whole part of a path is any number of parts; a pattern that ends in
 * `/` matches directories only; one that holds a `/` before its end is anchored to its base
 * directory, any other matches a name at any depth; `!` takes back. The last pattern that matches
 * decides, and nothing can be taken back below a directory that is ignored.
 * 1. `--exclude` and `--exclude-file`: the base is `/`. `*.iso` matches anywhere, `/home/ann/tmp`
 *    and `home/ann/tmp` only there, `**` + `/target/debug` at any depth. They win over ignore files. In
 *    `--exclude` the text is the pattern: `#` begins no comment, spaces at the end count.
 * 2. `.versionsignore`: the base is its directory. Deeper files win over those above. Those above
 *    the paths that were asked for are not read, nor are symlinks; at most 1 MiB.
 * 3. A path that was asked for is saved even if a pattern matches it.
 * Matching takes at most pattern length times path length steps: a planted pattern stalls nothing.
 *
 * Change detection. A file is unchanged if size, mtime, ctime, inode, mode and kind are equal
 * (`sameState`) and it was not racy then (`isRacy`): its times were at least one granule older
 * than the start of that scan. The granule is 10 ms, the longest tick of a kernel's clock, where
 * the stamps show nanoseconds, else 2 s, FAT's. A server whose clock lags by more than the granule
 * can hide a change made within that lag; nothing in a stat tells, `--force` reads everything.
 */
export * from './account-names.ts';
export {
  applyMetadata,
  applyMetadataToFd,
  metadataError,
  type ApplyOptions,
  type MetadataMiss,
  type MetadataPart,
  type TargetMetadata,
} from './apply-metadata.ts';
export { resolvePath } from './asked-paths.ts';
export { bootId } from './boot-id.ts';
export * from './change-detection.ts';
export {
  hasIdentity,
  isSparse,
  lstat,
  lstatIfExists,
  statFollowing,
  statOfFd,
  type FileStat,
} from './file-stat.ts';
export { readNames, type DirectoryNames } from './directory-names.ts';
export type { FileKind } from './file-kind.ts';
export { freeSpaceAt, type FreeSpace } from './free-space.ts';
export {
  ignoreFileBytesMax,
  parseExclude,
  parseIgnoreFile,
  type IgnorePattern,
} from './ignore-pattern.ts';
export { ignoreFileName, IgnoreRules, readExcludeFile, readIgnoreFile } from './ignore-rules.ts';
export { readDirectoryFlags, readInodeFlags } from './inode-flags.ts';
export { byteSlice, joinPath } from './long-path.ts';
export { limitMallocArenas } from './malloc-arenas.ts';
export type {
  Device,
  Mtime,
  NativeCalls,
  NativeCapabilities,
  NativePlace,
} from './native-calls.ts';
export { nativeCalls } from './native.ts';
export { openForReading, readlink } from './open-for-reading.ts';
export { SourcePaths } from './source-paths.ts';
export { plainCalls } from './plain-calls.ts';
export {
  isUnfinished,
  RestoreTarget,
  type Replaceable,
  type SpecialKind,
  type WritableFile,
  type WriteOptions,
} from './restore-target.ts';
export { ScratchDatabase } from './scratch-database.ts';
export { SpoolFile } from './spool-file.ts';
export { inTheWayError, targetError } from './target-error.ts';
export * from './walk-events.ts';
export { whatIsNotRestored, whatIsNotSaved } from './what-is-lost.ts';
export { walk, walkSource } from './walk.ts';
export { readXattrs, readXattrsOfFd, type Xattr } from './xattrs.ts';
