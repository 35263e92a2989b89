import { byteStringFromText, displayPath, fsPath, type ByteString } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { askedTree, resolvePath, type AskedNode } from './asked-paths.ts';
import { cacheTagName, isCacheTag } from './cache-tag.ts';
import {
  isLargeDirectory,
  listedNames,
  readNames,
  type DirectoryNames,
} from './directory-names.ts';
import { lstatIfExists, lstatRaw, statFollowing, type FileStat } from './file-stat.ts';
import { ignoreFileName, IgnoreRules, readIgnoreFile } from './ignore-rules.ts';
import { byteSlice, joinPath } from './long-path.ts';
import { NearbyStats } from './nearby-stats.ts';
import { NeverSet } from './never-set.ts';
import { sourceError, vanishedError } from './source-error.ts';
import type {
  DirectoryContent,
  ExclusionReason,
  ProblemEvent,
  WalkEvent,
  WalkOptions,
} from './walk-events.ts';

/**
 * Walks what is at `start` (absolute), depth first, names ascending as bytes; a subdirectory is
 * entered in its place among the names of its parent. `start` itself is never excluded. Reads
 * only as far as it is pulled; holds the names of one directory for each level.
 */
export function walk(
  start: ByteString,
  options: WalkOptions = {},
): Generator<WalkEvent, void, undefined> {
  const path = resolvePath(start, rootPath);
  const name = byteSlice(path, path.lastIndexOf('/') + 1);
  return new Walker(options).run(path, name, { asked: true, below: new Map() });
}

/**
 * Walks the tree of `/` as far as it leads to the asked paths (absolute): their directories are
 * entered as `passage`, through symlinks where there are any on the way. A path that was asked for
 * is never excluded; one inside another is walked once, even where `oneFileSystem` would stop.
 */
export function walkSource(
  paths: readonly ByteString[],
  options: WalkOptions = {},
): Generator<WalkEvent, void, undefined> {
  const tree = askedTree(paths.map((path) => resolvePath(path, rootPath)));
  return new Walker(options).run(rootPath, noName, tree);
}

const rootPath = byteStringFromText('/');
const noName = byteStringFromText('');
const nothing: ReadonlyMap<ByteString, AskedNode> = new Map();
const noRules: IgnoreRules = IgnoreRules.of([]);
const looksMax = 3;

interface Frame {
  readonly names: DirectoryNames;
  /** Length of the parent's path. */
  readonly parentBytes: number;
  readonly device: bigint;
  readonly rules: IgnoreRules;
  /** Only what leads to asked paths is visited here. */
  readonly isPassage: boolean;
  readonly asked: ReadonlyMap<ByteString, AskedNode>;
}

/** A directory that is about to be entered. */
interface Door {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly stat: FileStat;
  readonly asked: ReadonlyMap<ByteString, AskedNode>;
  readonly rules: IgnoreRules;
  readonly isPassage: boolean;
  /** Another file system lies behind it, which is not to be entered. */
  readonly isForeign: boolean;
}

class Walker {
  readonly #options: WalkOptions;
  readonly #never: NeverSet;
  readonly #tagNames: readonly ByteString[];
  readonly #askedAfter: readonly ByteString[];
  readonly #frames: Frame[] = [];
  readonly #queue: WalkEvent[] = [];
  readonly #stats: NearbyStats = new NearbyStats();
  /** Of the frame on top. Kept here only: one for each of 10,000 levels would fill memory. */
  #path: ByteString = noName;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#never = new NeverSet(options.never ?? []);
    this.#tagNames = options.excludeIfPresent ?? [];
    this.#askedAfter = [
      ...this.#tagNames,
      ...(options.excludeCaches ? [cacheTagName] : []),
      ...(options.ignoreFiles ? [ignoreFileName] : []),
    ];
  }

  *run(path: ByteString, name: ByteString, node: AskedNode): Generator<WalkEvent, void, undefined> {
    using _ = this.#stats;
    this.#visitAsked(path, name, node, undefined);
    for (;;) {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) {
        yield event;
      }
      const frame = this.#frames.at(-1);
      if (frame === undefined) return;
      const next = frame.names.next();
      if (next === undefined) {
        this.#frames.pop();
        this.#stats.leave();
        this.#path = byteSlice(this.#path, 0, frame.parentBytes);
        yield { type: 'leave' };
      } else {
        this.#visit(joinPath(this.#path, next), next, frame);
      }
    }
  }

  #visit(path: ByteString, name: ByteString, frame: Frame): void {
    const node = frame.asked.size === 0 ? undefined : frame.asked.get(name);
    if (node !== undefined) return this.#visitAsked(path, name, node, frame);
    // A directory that is replaced before it was opened is looked at once more, as what it is now.
    for (let looksLeft = looksMax; looksLeft > 0; looksLeft--) {
      let stat: FileStat | undefined;
      try {
        stat = this.#stats.lstat(name) ?? this.#lstatWithin(path, name);
      } catch (error) {
        if (!this.#isIgnoredWhateverItIs(path, name, frame)) this.#problem(path, error);
        return;
      }
      if (stat === undefined) {
        if (!this.#isIgnoredWhateverItIs(path, name, frame))
          this.#problem(path, vanishedError(path));
        return;
      }
      if (this.#isExcluded(path, name, stat, frame.rules)) return;
      if (stat.kind !== 'directory') {
        this.#queue.push({ type: 'entry', path, name, stat });
        return;
      }
      if (this.#enter(this.#door(path, name, stat, frame), looksLeft > 1)) return;
    }
  }

  #lstatWithin(path: ByteString, name: ByteString): FileStat | undefined {
    const at = joinPath(this.#stats.at(this.#path), name);
    if (at === path) return lstatIfExists(path);
    try {
      return lstatRaw(fsPath(at), path);
    } catch (error) {
      throw sourceError(error, path, 'read the metadata of');
    }
  }

  #door(path: ByteString, name: ByteString, stat: FileStat, frame: Frame): Door {
    const isForeign = this.#options.oneFileSystem === true && stat.dev !== frame.device;
    return { path, name, stat, asked: nothing, rules: frame.rules, isPassage: false, isForeign };
  }

  /** Visits what was asked for or leads there; `frame` is undefined for the start of the walk. */
  #visitAsked(path: ByteString, name: ByteString, node: AskedNode, frame: Frame | undefined): void {
    const rules = frame?.rules ?? this.#options.rules ?? noRules;
    const inPassage = frame?.isPassage ?? true;
    let stat: FileStat | undefined;
    try {
      stat = lstatIfExists(path);
      // Only where the link itself is not saved can it be taken for what it leads to.
      if (stat?.kind === 'symlink' && inPassage && !node.asked) stat = statFollowing(path);
    } catch (error) {
      for (const { path: lost } of askedPaths(path, node)) this.#problem(lost, error, true);
      return;
    }
    if (stat !== undefined && this.#never.has(path, name, stat)) {
      this.#options.onExcluded?.(path, stat, 'never');
      return;
    }
    const isWanted =
      node.asked ||
      (!inPassage && stat !== undefined && !this.#isExcluded(path, name, stat, rules));
    if (stat?.kind === 'directory') {
      const isForeign =
        !node.asked && this.#options.oneFileSystem === true && stat.dev !== frame?.device;
      this.#enter({ path, name, stat, asked: node.below, rules, isPassage: !isWanted, isForeign });
      return;
    }
    if (stat !== undefined && isWanted) this.#queue.push({ type: 'entry', path, name, stat });
    for (const lost of askedPaths(path, node)) {
      if (stat === undefined || lost.path !== path) {
        this.#problem(lost.path, notFoundError(lost.path, stat), true);
      }
    }
  }

  /** False if it was not entered because it is not there any more, and `mayLookAgain`. */
  #enter(door: Door, mayLookAgain = false): boolean {
    const { path, name, stat, asked } = door;
    const problems: ProblemEvent[] = [];
    this.#stats.enter(this.#frames.at(-1)?.isPassage === false ? stat : undefined);
    let { rules } = door;
    let content: DirectoryContent = 'read';
    let names: DirectoryNames = listedNames([...asked.keys()]);
    if (door.isPassage) content = 'passage';
    else if (door.isForeign) content = asked.size > 0 ? 'passage' : 'mount-point';
    else {
      try {
        const all = this.#namesIn(path, stat.size);
        const tags = this.#askedAfter.length === 0 ? [] : this.#tagsIn(path, all);
        if (tags.length > 0) {
          content = 'tagged';
          names = listedNames([...new Set([...tags, ...asked.keys()])]);
        } else names = all;
        if (this.#options.ignoreFiles && all.has(ignoreFileName)) {
          rules = this.#rulesWithin(path, rules, problems);
        }
      } catch (error) {
        const problem = problemOf(path, error, asked.size > 0);
        const isGone = problem.vanished || problem.error.code === 'SOURCE_REPLACED';
        if (problem.vanished || (isGone && mayLookAgain)) {
          this.#stats.leave();
          if (!mayLookAgain) this.#queue.push(problem);
          return !mayLookAgain;
        }
        content = 'unreadable';
        problems.push(problem);
      }
    }
    this.#frames.push({
      names,
      parentBytes: this.#path.length,
      device: stat.dev,
      rules,
      isPassage: content === 'passage',
      asked,
    });
    this.#path = path;
    this.#queue.push({ type: 'enter', path, name, stat, content }, ...problems);
    return true;
  }

  /** The names of the directory that is being entered. */
  #namesIn(path: ByteString, sizeBytes: number): DirectoryNames {
    const nearby = isLargeDirectory(sizeBytes) ? undefined : this.#stats.names(path);
    if (nearby !== undefined) return listedNames(nearby, this.#askedAfter);
    const at = this.#stats.at(path);
    try {
      return readNames(at, sizeBytes, this.#askedAfter);
    } catch (error) {
      if (at === path || !isVersionsError(error)) throw error;
      throw sourceError(error.cause, path, 'list');
    }
  }

  #tagsIn(path: ByteString, names: DirectoryNames): readonly ByteString[] {
    const tags = this.#tagNames.filter((name) => names.has(name));
    if (this.#options.excludeCaches && names.has(cacheTagName)) {
      if (isCacheTag(joinPath(path, cacheTagName))) tags.push(cacheTagName);
    }
    return tags;
  }

  #rulesWithin(path: ByteString, rules: IgnoreRules, problems: ProblemEvent[]): IgnoreRules {
    const file = joinPath(path, ignoreFileName);
    try {
      return rules.within(path, readIgnoreFile(file));
    } catch (error) {
      problems.push(problemOf(file, error, false));
      return rules;
    }
  }

  #isExcluded(path: ByteString, name: ByteString, stat: FileStat, rules: IgnoreRules): boolean {
    const { exclude, excludeLargerThan, onExcluded } = this.#options;
    let reason: ExclusionReason | undefined;
    if (this.#never.has(path, name, stat)) reason = 'never';
    else if (!rules.isEmpty && rules.ignores(path, name, stat.kind === 'directory')) {
      reason = 'pattern';
    } else if (exclude?.(path, stat)) reason = 'pattern';
    else if (
      excludeLargerThan !== undefined &&
      stat.kind === 'file' &&
      stat.size > excludeLargerThan
    ) {
      reason = 'larger';
    }
    if (reason === undefined) return false;
    onExcluded?.(path, stat, reason);
    return true;
  }

  /** What is ignored as a file and as a directory need not be readable. */
  #isIgnoredWhateverItIs(path: ByteString, name: ByteString, { rules }: Frame): boolean {
    return rules.ignores(path, name, true) && rules.ignores(path, name, false);
  }

  #problem(path: ByteString, error: unknown, asked = false): void {
    this.#queue.push(problemOf(path, error, asked));
  }
}

function problemOf(path: ByteString, error: unknown, asked: boolean): ProblemEvent {
  const typed = sourceError(error, path, 'read');
  const vanished = typed.code === 'SOURCE_VANISHED' && !asked;
  return { type: 'problem', path, error: typed, vanished, asked };
}

/** The asked paths at and below a node. */
function* askedPaths(path: ByteString, node: AskedNode): Generator<{ path: ByteString }> {
  if (node.asked) yield { path };
  for (const [name, below] of node.below) yield* askedPaths(joinPath(path, name), below);
}

/** `stat`: what stands there or on the way there instead. */
function notFoundError(path: ByteString, stat: FileStat | undefined): VersionsError {
  const shown = displayPath(path);
  const context = { path: shown };
  if (stat?.kind !== 'symlink') {
    return new VersionsError('Source', 'SOURCE_NOT_FOUND', `${shown} does not exist`, {
      context,
      hint: 'Check the paths given to "versions backup"',
    });
  }
  return new VersionsError(
    'Source',
    'SOURCE_BEHIND_SYMLINK',
    `${shown} lies behind a symbolic link that is saved as a link`,
    { context, hint: 'Give "versions backup" the path without the link' },
  );
}
