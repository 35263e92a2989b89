import type { ByteString } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import type { FileStat } from './file-stat.ts';
import type { IgnoreRules } from './ignore-rules.ts';

/**
 * What is in a directory that was entered: `read`, its names; `passage`, only what was asked for
 * below it; `tagged`, only the tag that says its content is not worth saving; `mount-point` and
 * `unreadable`, nothing.
 */
export type DirectoryContent = 'read' | 'passage' | 'tagged' | 'mount-point' | 'unreadable';

export interface EnterEvent {
  readonly type: 'enter';
  readonly path: ByteString;
  readonly name: ByteString;
  readonly stat: FileStat;
  readonly content: DirectoryContent;
}

/** Anything but a directory. */
export interface EntryEvent {
  readonly type: 'entry';
  readonly path: ByteString;
  readonly name: ByteString;
  readonly stat: FileStat;
}

/** The end of the directory that was entered last and not left. */
export interface LeaveEvent {
  readonly type: 'leave';
}

/** Something could not be read. For a directory that was entered all the same, it comes after. */
export interface ProblemEvent {
  readonly type: 'problem';
  readonly path: ByteString;
  readonly error: VersionsError;
  /** It was there when its directory was listed and is gone: worth a note, not a failure. */
  readonly vanished: boolean;
  /** It is one of the paths that were asked for. */
  readonly asked: boolean;
}

export type WalkEvent = EnterEvent | EntryEvent | LeaveEvent | ProblemEvent;

/** Why something was left out on purpose. */
export type ExclusionReason = 'pattern' | 'larger' | 'never';

export interface WalkOptions {
  /** Patterns of `--exclude`; those of ignore files come on top. */
  readonly rules?: IgnoreRules | undefined;
  /** Any other reason to leave something out. Must not throw. */
  readonly exclude?: ((path: ByteString, stat: FileStat) => boolean) | undefined;
  /** Heed `.versionsignore`. */
  readonly ignoreFiles?: boolean | undefined;
  /** Record a directory on another file system, but not what is in it. */
  readonly oneFileSystem?: boolean | undefined;
  /** Of a directory that holds one of these names, keep only that. */
  readonly excludeIfPresent?: readonly ByteString[] | undefined;
  /** The same for a `CACHEDIR.TAG` with the standard's signature. */
  readonly excludeCaches?: boolean | undefined;
  /** Leave out files of more bytes. */
  readonly excludeLargerThan?: number | undefined;
  /**
   * Absolute paths that are never saved or entered, by whatever name they are met: stores,
   * catalog, cache.
   */
  readonly never?: readonly ByteString[] | undefined;
  /** Is told of everything that was left out on purpose. */
  readonly onExcluded?:
    | ((path: ByteString, stat: FileStat, reason: ExclusionReason) => void)
    | undefined;
}
