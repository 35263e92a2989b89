import { fsPath, type ByteString, type System } from '../base/index.ts';
import { systemErrorCode } from '../errors/index.ts';
import { lstatRaw, type FileStat } from './file-stat.ts';
import { whyNotHeld } from './held-names.ts';
import { byteSlice, joinPath } from './long-path.ts';
import { NameAliases } from './name-alias.ts';
import { nameTakenError, notHeldError, unsafeNameError } from './target-error.ts';

// oxlint-disable-next-line no-control-regex -- NUL is what is looked for
const unsafeName = /(?:^|\/)\.{0,2}(?:\/|$)|\0/;

/** Refuses paths, relative to a restore target, that would not become what they say. */
export class RestorableNames {
  readonly #root: ByteString;
  readonly #system: System;
  readonly #list: (directory: ByteString) => readonly ByteString[];
  readonly #aliases: NameAliases = new NameAliases();

  /** `root` is for messages; `list` gives the names in a directory without following links. */
  constructor(
    root: ByteString,
    system: System,
    list: (directory: ByteString) => readonly ByteString[],
  ) {
    this.#root = root;
    this.#system = system;
    this.#list = list;
  }

  /** A repository may come from anybody: no name in it may lead anywhere but one level down. */
  check(path: ByteString): void {
    if (path === '') return;
    if (unsafeName.test(path)) throw unsafeNameError(joinPath(this.#root, path));
    if (this.#system === 'linux') return;
    for (let start = 0; start < path.length;) {
      const slash = path.indexOf('/', start);
      const end = slash === -1 ? path.length : slash;
      const why = whyNotHeld(byteSlice(path, start, end), this.#system);
      if (why !== undefined) throw notHeldError(joinPath(this.#root, path), why);
      start = end + 1;
    }
  }

  /**
   * Refuses to take what stands at `at`, with which the system reaches `path`, for what `path`
   * names if it was made under another name.
   */
  checkKept(path: ByteString, at: ByteString, own: FileStat): void {
    const parent = byteSlice(path, 0, Math.max(path.lastIndexOf('/'), 0));
    const directory = byteSlice(at, 0, at.lastIndexOf('/') + 1);
    const name = byteSlice(at, directory.length);
    const taken = this.#aliases.of(parent, name, own, {
      identity: (other) => ifNameable(() => lstatRaw(fsPath(joined(directory, other)), path)),
      list: () => this.#list(joined(directory, dot)),
    });
    if (taken === undefined) return;
    const under = (relative: ByteString): ByteString => joinPath(this.#root, relative);
    throw nameTakenError(under(path), under(joinPath(parent, taken)));
  }
}

/** What the file system cannot name, as too long or not in its alphabet, stands for nothing in it. */
function ifNameable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (['ENAMETOOLONG', 'EILSEQ', 'EINVAL'].includes(systemErrorCode(error) ?? ''))
      return undefined;
    throw error;
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ASCII
const dot = '.' as ByteString;

function joined(directoryWithSlash: ByteString, name: ByteString): ByteString {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- joined from byte strings
  return `${directoryWithSlash}${name}` as ByteString;
}
