import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { displayPath, fsPath, thisSystem, type ByteString, type System } from '../base/index.ts';
import { systemErrorCode, VersionsError } from '../errors/index.ts';
import {
  applyMetadata,
  type ApplyOptions,
  type MetadataMiss,
  type TargetMetadata,
} from './apply-metadata.ts';
import { resolvePath } from './asked-paths.ts';
import { DirectoryHandles } from './directory-handles.ts';
import { readNames, type DirectoryNames } from './directory-names.ts';
import type { FileKind } from './file-kind.ts';
import { hasIdentity, lstatRaw, statFollowing, statOfFd, type FileStat } from './file-stat.ts';
import {
  byteSlice,
  descriptorPath,
  hasDescriptorPaths,
  joinPath,
  openPathOnly,
} from './long-path.ts';
import type { Device } from './native-calls.ts';
import { nativeCalls } from './native.ts';
import { RestorableNames } from './restorable-names.ts';
import { inTheWayError, replacedInTargetError, targetError } from './target-error.ts';

/**
 * What of another kind may be removed to make room: nothing; all but directories; directories
 * with everything in them too.
 */
export type Replaceable = 'nothing' | 'non-directories' | 'anything';

export type SpecialKind = 'fifo' | 'character-device' | 'block-device' | 'socket';

export interface WriteOptions {
  /**
   * Write into an existing regular file of this owner instead of making a new one. Never done if
   * the file has other names (hard links), which would change with it, nor if somebody else owns
   * it, who may be reading along.
   */
  readonly inPlaceIfOwnedBy?: number | undefined;
}

export interface WritableFile {
  readonly fd: number;
  /** The file was made just now and is empty; else it has its former content. */
  readonly isNew: boolean;
}

/**
 * Makes things below one directory and never anywhere else, whatever the names and whatever is
 * planted there: see `DirectoryHandles`. All paths are relative to it, names joined by `/`; the
 * directory of a path must exist. New things are private (mode 0600 and 0700, and of files the mark
 * of `isUnfinished`) until `applyMetadata`. A symlink is never written or led through, it is replaced: what is of the kind
 * that is made always, anything else as far as `replaceable` allows. All throws are kind `Source`,
 * those for unsafe names kind `Corrupt`. `using` closes it.
 */
export class RestoreTarget implements Disposable {
  readonly #root: ByteString;
  readonly #handles: DirectoryHandles;
  readonly #replaceable: Replaceable;
  readonly #names: RestorableNames;

  private constructor(root: ByteString, replaceable: Replaceable, system: System) {
    this.#root = root;
    this.#handles = new DirectoryHandles(root);
    this.#replaceable = replaceable;
    this.#names = new RestorableNames(root, system, namesAt);
  }

  /**
   * Opens `root` (absolute), which is made with all above it if it is not there. Names that
   * `system` cannot hold as they are, are refused.
   */
  static open(
    root: ByteString,
    replaceable: Replaceable = 'non-directories',
    system: System = thisSystem,
  ): RestoreTarget {
    try {
      makeWithParents(root);
      return new RestoreTarget(root, replaceable, system);
    } catch (error) {
      throw targetError(error, root, 'open the restore target');
    }
  }

  /** For people and for errors. */
  pathOf(path: ByteString): ByteString {
    return path === '' ? this.#root : joinPath(this.#root, path);
  }

  lstat(path: ByteString): FileStat | undefined {
    return this.#at(path, 'look at', (at) => {
      const stat = lstatRaw(fsPath(at), at);
      if (stat !== undefined && path !== '') this.#names.checkKept(path, at, stat);
      return stat;
    });
  }

  /** Names in a directory, ascending; of a large one they are not held as a list. */
  list(path: ByteString): DirectoryNames {
    return this.#at(path, 'list', (at) =>
      listing(at, (opened) => readNames(opened, lstatRaw(fsPath(at), at)?.size ?? 0)),
    );
  }

  /** The caller gives it its metadata also if it existed: its mode may have been widened. */
  makeDirectory(path: ByteString): 'made' | 'existed' {
    return this.#at(path, 'make the directory', (at) => {
      if (path === '') return 'existed';
      try {
        mkdirSync(fsPath(at), 0o700);
        return 'made';
      } catch (error) {
        if (systemErrorCode(error) !== 'EEXIST') throw error;
      }
      const stat = lstatRaw(fsPath(at), at);
      if (stat?.kind === 'directory') {
        this.#names.checkKept(path, at, stat);
        if ((stat.mode & 0o700) !== 0o700) widenDirectory(at, stat.mode | 0o700);
        return 'existed';
      }
      this.#makeRoom(path, at, 'directory');
      mkdirSync(fsPath(at), 0o700);
      return 'made';
    });
  }

  /** Opens a file for reading and writing; the caller writes, truncates, and closes it. */
  openForWriting(path: ByteString, options: WriteOptions = {}): WritableFile {
    return this.#at(path, 'write', (at) => {
      const { inPlaceIfOwnedBy } = options;
      if (inPlaceIfOwnedBy !== undefined) {
        const fd = openExisting(at, inPlaceIfOwnedBy);
        if (fd !== undefined) return { fd, isNew: false };
      }
      const make = (): number => openSync(fsPath(at), createOnly, unfinishedMode);
      return { fd: this.#replacing(path, at, 'file', make), isNew: true };
    });
  }

  makeSymlink(path: ByteString, target: ByteString): void {
    this.#at(path, 'make the symbolic link', (at) => {
      this.#replacing(path, at, 'symlink', () => symlinkSync(fsPath(target, 'linux'), fsPath(at)));
    });
  }

  /** A further name for `existing`, a path below the same root. */
  makeHardLink(path: ByteString, existing: ByteString): void {
    this.#at(path, 'make the hard link', () => {
      this.#names.check(existing);
      using from = this.#handles.pin(existing);
      const at = this.#handles.reach(path);
      const wanted = lstatRaw(fsPath(from.at), existing);
      const present = lstatRaw(fsPath(at), path);
      if (wanted && present && isOne(wanted, present)) return;
      this.#replacing(path, at, wanted?.kind ?? 'file', () => {
        linkSync(fsPath(from.at), fsPath(at));
      });
    });
  }

  /** Makes a FIFO or a device. A socket is made by the program that listens on it: not restorable. */
  makeSpecial(path: ByteString, kind: SpecialKind, device: Device = noDevice): void {
    const context = { path: displayPath(this.pathOf(path)) };
    if (kind === 'socket') {
      throw new VersionsError(
        'Source',
        'TARGET_SOCKET',
        `The socket ${context.path} was not restored: its program makes it anew`,
        { context },
      );
    }
    const native = nativeCalls();
    if (!native.capabilities.specialFiles) {
      throw new VersionsError(
        'Source',
        'TARGET_SPECIAL_UNSUPPORTED',
        `The ${kind} ${context.path} was not restored: ${native.capabilities.missingBecause ?? ''}`,
        { context },
      );
    }
    this.#at(path, `make the ${kind}`, (at) => {
      this.#replacing(path, at, kind, () => {
        native.makeNode(fsPath(at), kindBits[kind] | 0o600, device);
      });
    });
  }

  /** Removes what is there, a directory with everything in it; nothing if there is nothing. */
  remove(path: ByteString): void {
    this.#at(path, 'remove', (at) => {
      if (path !== '') this.#removeTree(path, at);
    });
  }

  /** Puts something finished in the place of a file, in one step. */
  rename(from: ByteString, to: ByteString): void {
    this.#at(to, 'rename', () => {
      this.#names.check(from);
      this.#handles.forget(from);
      this.#handles.forget(to);
      using source = this.#handles.pin(from);
      renameSync(fsPath(source.at), fsPath(this.#handles.reach(to)));
    });
  }

  applyMetadata(
    path: ByteString,
    target: TargetMetadata,
    options: ApplyOptions,
  ): readonly MetadataMiss[] {
    return this.#at(path, 'set the metadata of', (at) => applyMetadata(at, target, options));
  }

  [Symbol.dispose](): void {
    this.#handles[Symbol.dispose]();
  }

  #at<T>(path: ByteString, action: string, use: (at: ByteString) => T): T {
    this.#names.check(path);
    try {
      return use(this.#handles.reach(path));
    } catch (error) {
      const code = systemErrorCode(error);
      const shown = this.pathOf(path);
      if (code === 'ELOOP' || code === 'ENOTDIR') throw replacedInTargetError(shown);
      throw targetError(error, shown, action);
    }
  }

  /** Makes something new where there may be something already. */
  #replacing<T>(path: ByteString, at: ByteString, kind: FileKind, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
    this.#makeRoom(path, at, kind);
    return make();
  }

  #makeRoom(path: ByteString, at: ByteString, kind: FileKind): void {
    const stat = lstatRaw(fsPath(at), at);
    if (stat === undefined) return;
    this.#names.checkKept(path, at, stat);
    const present = stat.kind;
    if (present === 'directory') {
      if (this.#replaceable !== 'anything') throw inTheWayError(this.pathOf(path), present);
      this.#removeTree(path, at);
    } else {
      if (present !== kind && this.#replaceable === 'nothing') {
        throw inTheWayError(this.pathOf(path), present);
      }
      unlinkSync(fsPath(at));
    }
  }

  /** Without recursion: directories may be nested deeper than the stack. */
  #removeTree(path: ByteString, at: ByteString): void {
    if (unlinkUnlessDirectory(at)) return;
    const open = [{ path, names: [...namesAt(at)] }];
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const name = top.names.pop();
      if (name === undefined) {
        this.#handles.forget(top.path);
        rmdirSync(fsPath(this.#handles.reach(top.path)));
        open.pop();
        continue;
      }
      const child = joinPath(top.path, name);
      const childAt = this.#handles.reach(child);
      if (!unlinkUnlessDirectory(childAt)) open.push({ path: child, names: [...namesAt(childAt)] });
    }
  }
}

/**
 * Is this a file that a restore began to write and did not complete? It has the sticky bit, which
 * means nothing to files on Linux, until it gets its own mode as the last thing of all.
 */
export function isUnfinished({ kind, mode }: FileStat): boolean {
  return kind === 'file' && mode === (0o1000 | 0o600);
}

const unfinishedMode = thisSystem === 'linux' ? 0o1600 : 0o600;
const createOnly = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const directoryOnly = constants.O_DIRECTORY | constants.O_NOFOLLOW;
const kindBits = { fifo: 0o010000, 'character-device': 0o020000, 'block-device': 0o060000 };
const noDevice: Device = { major: 0, minor: 0 };

/** Where the file system gives no numbers, a link is made anew. */
function isOne(a: FileStat, b: FileStat): boolean {
  return hasIdentity(a) && a.ino === b.ino && a.dev === b.dev;
}

/** Node's own `recursive` never returns where a parent exists and yet nothing can be made in it. */
function makeWithParents(path: ByteString): void {
  const missing: ByteString[] = [];
  let at = resolvePath(path, path);
  while (statFollowing(at) === undefined) {
    missing.push(at);
    at = byteSlice(at, 0, Math.max(at.lastIndexOf('/'), 1));
  }
  for (const directory of missing.toReversed()) mkdirSync(fsPath(directory), 0o700);
}

function namesAt(at: ByteString): readonly ByteString[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- latin1 gives one character a byte
  return listing(at, (opened) => readdirSync(fsPath(opened), 'latin1') as ByteString[]);
}

/** A symlink that takes the directory's place must not be listed. */
function listing<T>(at: ByteString, read: (opened: ByteString) => T): T {
  const fd = openSync(fsPath(at), directoryOnly);
  try {
    return read(hasDescriptorPaths() ? descriptorPath(fd) : at);
  } finally {
    closeSync(fd);
  }
}

/** Lets the owner create in a directory. If that fails, so will the creating, and say why. */
function widenDirectory(at: ByteString, mode: number): void {
  try {
    if (!hasDescriptorPaths()) {
      chmodSync(fsPath(at), mode);
      return;
    }
    const fd = openSync(fsPath(at), openPathOnly | directoryOnly);
    try {
      chmodSync(fsPath(descriptorPath(fd)), mode);
    } finally {
      closeSync(fd);
    }
  } catch {
    // See above.
  }
}

/** False for a directory. */
function unlinkUnlessDirectory(at: ByteString): boolean {
  const stat = lstatRaw(fsPath(at), at);
  if (stat?.kind === 'directory') return false;
  if (stat !== undefined) unlinkSync(fsPath(at));
  return true;
}

/** Undefined if the file must not be written in place; then it is replaced. */
function openExisting(at: ByteString, owner: number): number | undefined {
  const isFit = (stat: FileStat | undefined): boolean =>
    stat?.kind === 'file' && stat.linkCount === 1 && stat.uid === owner;
  // Looked at first, because opening a device can do things.
  if (!isFit(lstatRaw(fsPath(at), at))) return undefined;
  let fd: number;
  try {
    fd = openSync(fsPath(at), constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  if (isFit(statOfFd(fd, at))) {
    // Nobody shall read the new content by the mode of the old.
    fchmodSync(fd, unfinishedMode);
    return fd;
  }
  closeSync(fd);
  return undefined;
}
