import { readFileSync } from 'node:fs';
import { byteStringFromText, displayPath, fsPath, type ByteString } from '../base/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import {
  ignoreFileBytesMax,
  parseIgnoreFile,
  patternMatches,
  type IgnorePattern,
} from './ignore-pattern.ts';
import { readSmallFile } from './open-for-reading.ts';
import { systemReason } from './source-error.ts';

/** Name of the files in which users list what is not to be saved. */
export const ignoreFileName: ByteString = byteStringFromText('.versionsignore');

/**
 * What is not to be saved: the patterns of the command line and of the ignore files that are in
 * force in one directory. Immutable; `within` gives the rules of a directory below.
 *
 * The last pattern that matches a path decides. Those of the command line (relative to `/`) go
 * before those of ignore files, those of a directory before those of the directories above.
 * Directories above the path are not looked at: whoever walks does not enter ignored ones, and
 * so nothing below one can be taken back.
 */
export class IgnoreRules {
  readonly #excludes: readonly IgnorePattern[];
  readonly #layers: readonly Layer[];

  private constructor(excludes: readonly IgnorePattern[], layers: readonly Layer[]) {
    this.#excludes = excludes;
    this.#layers = layers;
  }

  /** The rules of `--exclude` and `--exclude-file`, in the order in which they were given. */
  static of(excludes: readonly IgnorePattern[]): IgnoreRules {
    return new IgnoreRules(excludes, []);
  }

  /** These rules and the patterns of an ignore file in `directory` (absolute). */
  within(directory: ByteString, patterns: readonly IgnorePattern[]): IgnoreRules {
    if (patterns.length === 0) return this;
    const layer = { baseBytes: directory === '/' ? 1 : directory.length + 1, patterns };
    return new IgnoreRules(this.#excludes, [...this.#layers, layer]);
  }

  /** True if nothing is ever ignored. */
  get isEmpty(): boolean {
    return this.#excludes.length === 0 && this.#layers.length === 0;
  }

  /** Is the absolute `path`, whose last part is `name`, ignored? Never throws. */
  ignores(path: ByteString, name: ByteString, isDirectory: boolean): boolean {
    const excluded = decision(this.#excludes, path.slice(1), name, isDirectory);
    if (excluded !== undefined) return excluded;
    for (let index = this.#layers.length - 1; index >= 0; index--) {
      const layer = this.#layers[index];
      if (layer === undefined) continue;
      const ignored = decision(layer.patterns, path.slice(layer.baseBytes), name, isDirectory);
      if (ignored !== undefined) return ignored;
    }
    return false;
  }
}

interface Layer {
  /** Length of the directory's path and the slash after it. */
  readonly baseBytes: number;
  readonly patterns: readonly IgnorePattern[];
}

/** Undefined if no pattern matches. */
function decision(
  patterns: readonly IgnorePattern[],
  path: string,
  name: ByteString,
  isDirectory: boolean,
): boolean | undefined {
  for (let index = patterns.length - 1; index >= 0; index--) {
    const pattern = patterns[index];
    if (pattern !== undefined && patternMatches(pattern, path, name, isDirectory)) {
      return !pattern.negative;
    }
  }
  return undefined;
}

/** The patterns of the ignore file at `path`. Throws kind `Source`. */
export function readIgnoreFile(path: ByteString): readonly IgnorePattern[] {
  try {
    return parseIgnoreFile(readSmallFile(path, ignoreFileBytesMax));
  } catch (error) {
    // Symlinks are not followed, so that nobody's ignore file can make another's files be read.
    const reason =
      isVersionsError(error) && error.code === 'SOURCE_REPLACED'
        ? 'it is not a regular file'
        : errorMessage(error);
    throw new VersionsError(
      'Source',
      'IGNORE_FILE_UNREADABLE',
      `The ignore file ${displayPath(path)} has no effect: ${reason}`,
      { cause: error, context: { path: displayPath(path) } },
    );
  }
}

/** The patterns of an `--exclude-file`, relative to `/`. Throws kind `Usage`. */
export function readExcludeFile(path: ByteString): readonly IgnorePattern[] {
  const shown = displayPath(path);
  let content: Buffer;
  try {
    // Whoever names the file may name a symlink or a pipe.
    content = readFileSync(fsPath(path));
  } catch (error) {
    throw excludeFileError(shown, systemReason(error), error);
  }
  if (content.length <= ignoreFileBytesMax) return parseIgnoreFile(content);
  throw excludeFileError(shown, `it has more than ${ignoreFileBytesMax} bytes`);
}

function excludeFileError(shown: string, reason: string, cause?: unknown): VersionsError {
  return new VersionsError(
    'Usage',
    'EXCLUDE_FILE_UNREADABLE',
    `Could not read the exclude file ${shown}: ${reason}`,
    { cause, context: { path: shown }, hint: 'Check the path that --exclude-file gives' },
  );
}
