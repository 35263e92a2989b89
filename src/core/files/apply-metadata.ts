import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  openSync,
} from 'node:fs';
import { displayPath, fsPath, type ByteString } from '../base/index.ts';
import { systemErrorCode, VersionsError } from '../errors/index.ts';
import type { FileKind } from './file-kind.ts';
import { lstat, statOfFd, type FileStat } from './file-stat.ts';
import { restorableFlags } from './inode-flags.ts';
import { descriptorPath, hasDescriptorPaths, openPathOnly, reach } from './long-path.ts';
import type { NativeCalls, NativePlace } from './native-calls.ts';
import { nativeCalls } from './native.ts';
import { systemReason } from './source-error.ts';
import { applyXattrs } from './apply-xattrs.ts';
import type { Xattr } from './xattrs.ts';

/** What a file shall have, apart from its content. */
export interface TargetMetadata {
  readonly kind: FileKind;
  /** The lower 12 bits of `st_mode`; a symlink's is never applied. */
  readonly mode: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  /** Already those of this machine: the caller has looked names up. */
  readonly uid: number;
  readonly gid: number;
  readonly xattrs?: readonly Xattr[] | undefined;
  readonly flags?: number | undefined;
}

export interface ApplyOptions {
  readonly owner: boolean;
  readonly xattrs: boolean;
  /** Set inode flags too; off by default, because immutable files cannot be restored over. */
  readonly flags?: boolean | undefined;
  readonly native?: NativeCalls | undefined;
}

export type MetadataPart = 'kind' | 'owner' | 'mode' | 'xattr' | 'mtime' | 'flags';

/** Something that could not be set. */
export interface MetadataMiss {
  readonly part: MetadataPart;
  /** For people: what and why. */
  readonly detail: string;
  /** Of the system, if it gave one. */
  readonly code: string | undefined;
}

/**
 * Gives what stands at `path` the metadata of `target`, and tells what could not be set; it
 * never throws for that. What stands there is opened once without being followed and everything
 * is applied to just that, so that a symlink put into its place meanwhile leads nowhere.
 *
 * Owner first, because changing it clears set-user-id bits and capabilities; then extended
 * attributes while the owner can still write; then times; the mode and flags last. Where the owner
 * could not be set, set-user-id and set-group-id bits are left off: they would lend the rights of
 * somebody else. A directory's times hold only if nothing is created in it afterwards.
 */
export function applyMetadata(
  path: ByteString,
  target: TargetMetadata,
  options: ApplyOptions,
): readonly MetadataMiss[] {
  const misses: MetadataMiss[] = [];
  try {
    if (!hasDescriptorPaths()) {
      reach(path, (reachable) => {
        const place = { at: reachable, follow: false, stat: () => lstat(path) };
        new Application(place, target, options, misses).run();
      });
      return misses;
    }
    const fd = reach(path, (at) => openSync(at, openPathOnly | constants.O_NOFOLLOW));
    try {
      const place = {
        at: fsPath(descriptorPath(fd)),
        follow: true,
        stat: () => statOfFd(fd, path),
      };
      new Application(place, target, options, misses).run();
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    misses.push({ part: 'kind', detail: systemReason(error), code: systemErrorCode(error) });
  }
  return misses;
}

/**
 * As `applyMetadata`, of a regular file that is open for writing or reading: three times as fast.
 * Nothing may be written to it afterwards. `path` is for messages only.
 */
export function applyMetadataToFd(
  fd: number,
  path: ByteString,
  target: TargetMetadata,
  options: ApplyOptions,
): readonly MetadataMiss[] {
  const misses: MetadataMiss[] = [];
  try {
    const place = { at: fd, follow: true, stat: () => statOfFd(fd, path) };
    new Application(place, target, options, misses).run();
  } catch (error) {
    misses.push({ part: 'kind', detail: systemReason(error), code: systemErrorCode(error) });
  }
  return misses;
}

/** All misses of one file as one problem. */
export function metadataError(path: ByteString, misses: readonly MetadataMiss[]): VersionsError {
  const shown = displayPath(path);
  const details = misses.map(({ detail }) => detail).join('; ');
  return new VersionsError(
    'Source',
    'TARGET_METADATA_INCOMPLETE',
    `Not all metadata of ${shown} could be set: ${details}`,
    { context: { path: shown, parts: misses.map(({ part }) => part).join(',') } },
  );
}

interface Place {
  readonly at: NativePlace;
  /** If `at` is a path: it leads to the opened file itself. */
  readonly follow: boolean;
  readonly stat: () => FileStat;
}

const setIdBits = 0o6000;
/** The years that every file system can hold: 1970 to 2037. */
const commonSecondsMax = 0x7fffffff;

class Application {
  readonly #place: Place;
  readonly #target: TargetMetadata;
  readonly #options: ApplyOptions;
  readonly #native: NativeCalls;
  readonly #misses: MetadataMiss[];

  // oxlint-disable-next-line max-params -- taken apart from one call
  constructor(place: Place, target: TargetMetadata, options: ApplyOptions, misses: MetadataMiss[]) {
    this.#place = place;
    this.#target = target;
    this.#options = options;
    this.#native = options.native ?? nativeCalls();
    this.#misses = misses;
  }

  run(): void {
    const target = this.#target;
    const stat = this.#place.stat();
    if (stat.kind !== target.kind) {
      this.#misses.push({
        part: 'kind',
        detail: `it is a ${stat.kind} now, not a ${target.kind}`,
        code: undefined,
      });
      return;
    }
    const owner = this.#options.owner ? this.#setOwner(stat) : stat;
    const xattrsTouched = this.#options.xattrs && this.#setXattrs();
    this.#setMtime();
    // The mode last: it tells that a file is complete (`isUnfinished`), and changes no time.
    if (target.kind !== 'symlink') this.#setMode(stat, owner, xattrsTouched);
    if (this.#options.flags && target.flags !== undefined) this.#setFlags(target.flags);
  }

  /** Returns the owner that it has now. */
  #setOwner(stat: FileStat): Pick<FileStat, 'uid' | 'gid'> {
    const { uid, gid } = this.#target;
    if (stat.uid === uid && stat.gid === gid) return stat;
    try {
      this.#chown(uid, gid);
      return { uid, gid };
    } catch (error) {
      const code = systemErrorCode(error);
      this.#miss('owner', `owner ${uid}:${gid}`, error);
      if (code !== 'EPERM' || stat.gid === gid) return stat;
    }
    try {
      // Anybody may give a file to a group of theirs.
      this.#chown(-1, gid);
      return { uid: stat.uid, gid };
    } catch {
      return stat;
    }
  }

  #chown(uid: number, gid: number): void {
    const { at, follow } = this.#place;
    if (typeof at === 'number') fchownSync(at, uid, gid);
    else if (follow) chownSync(at, uid, gid);
    else lchownSync(at, uid, gid);
  }

  #setXattrs(): boolean {
    const wanted = this.#target.xattrs ?? [];
    if (!this.#native.capabilities.xattrs) {
      for (const { name } of wanted) {
        this.#misses.push({
          part: 'xattr',
          detail: `attribute ${displayPath(name)}: not possible here`,
          code: 'ENOSYS',
        });
      }
      return false;
    }
    const { at, follow } = this.#place;
    return applyXattrs({ at, follow }, wanted, this.#native, (name, error) =>
      this.#miss('xattr', `attribute ${displayPath(name)}`, error),
    );
  }

  #setMode(before: FileStat, owner: Pick<FileStat, 'uid' | 'gid'>, xattrsTouched: boolean): void {
    const { kind, mode, uid, gid } = this.#target;
    let allowed = mode;
    if (owner.uid !== uid) allowed &= ~0o4000;
    // On a directory the bit only says which group new files get.
    if (owner.gid !== gid && kind !== 'directory') allowed &= ~0o2000;
    const ownerChanged = owner.uid !== before.uid || owner.gid !== before.gid;
    if (before.mode !== allowed || ownerChanged || xattrsTouched) {
      try {
        const { at } = this.#place;
        if (typeof at === 'number') fchmodSync(at, allowed);
        else chmodSync(at, allowed);
      } catch (error) {
        this.#miss('mode', `mode ${mode.toString(8)}`, error);
        return;
      }
    }
    // The kernel takes set-group-id away in silence from whoever is not in the group.
    const got = (mode & setIdBits) === 0 ? allowed : this.#place.stat().mode;
    if ((got & setIdBits) !== (mode & setIdBits)) {
      this.#misses.push({
        part: 'mode',
        detail: `mode ${mode.toString(8)}: set-id bits were left off, because the owner differs`,
        code: undefined,
      });
    }
  }

  #setMtime(): void {
    const { mtimeSeconds, mtimeNanos } = this.#target;
    try {
      this.#native.setMtime(this.#place.at, { mtimeSeconds, mtimeNanos }, this.#place.follow);
    } catch (error) {
      this.#miss('mtime', 'modification time', error);
      return;
    }
    if (mtimeSeconds >= 0 && mtimeSeconds <= commonSecondsMax) return;
    // File systems clamp in silence what they cannot hold.
    const got = this.#place.stat().mtimeSeconds;
    if (Math.abs(got - mtimeSeconds) > 2) {
      this.#misses.push({
        part: 'mtime',
        detail: 'modification time: beyond what the file system can hold',
        code: undefined,
      });
    }
  }

  #setFlags(flags: number): void {
    const { kind } = this.#target;
    const wanted = flags & restorableFlags;
    if (wanted === 0 || (kind !== 'file' && kind !== 'directory')) return;
    try {
      const { at } = this.#place;
      if (typeof at === 'number') this.#exchangeFlags(at, wanted);
      else {
        // Opened anew, because the handle is not one that takes requests.
        const fd = openSync(at, constants.O_RDONLY | constants.O_NONBLOCK);
        try {
          this.#exchangeFlags(fd, wanted);
        } finally {
          closeSync(fd);
        }
      }
    } catch (error) {
      this.#miss('flags', `inode flags ${wanted.toString(16)}`, error);
    }
  }

  #exchangeFlags(fd: number, wanted: number): void {
    const present = this.#native.inodeFlags(fd) ?? 0;
    this.#native.setInodeFlags(fd, (present & ~restorableFlags) | wanted);
  }

  #miss(part: MetadataPart, what: string, error: unknown): void {
    this.#misses.push({
      part,
      detail: `${what}: ${systemReason(error)}`,
      code: systemErrorCode(error),
    });
  }
}
