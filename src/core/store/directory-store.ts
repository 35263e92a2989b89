import { constants } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { type Clock, packBytesMax, type Random, systemRandom, toHex } from '../base/index.ts';
import { assert, systemErrorCode, type VersionsError } from '../errors/index.ts';
import { clampRange, partsBytes } from './byte-range.ts';
import { throwIfAborted } from './cancel.ts';
import type { FileHasher, ObjectDigest } from './digest.ts';
import { DirectoryRoot, parentOf } from './directory-root.ts';
import { walkObjects, walkTemporaries } from './directory-walk.ts';
import { temporaryPrefix, writeDurably } from './durable-file.ts';
import { assertKeyPrefix, assertObjectKey } from './object-key.ts';
import type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoreProperties,
} from './object-store.ts';
import { objectExists, objectNotFound, objectUnreadable, storeReadOnly } from './store-errors.ts';
import { type FailedCall, isMissing, storeErrorFrom } from './system-errors.ts';

export interface DirectoryStoreOptions {
  /** Make the directory and what leads to it; else it must be there. */
  readonly create?: boolean | undefined;
  /** Refuse `put` and `delete`. */
  readonly readOnly?: boolean | undefined;
  /** For names of unfinished writes. */
  readonly random?: Random | undefined;
}

export interface SweptTemporaries {
  readonly files: number;
  readonly bytes: number;
}

/**
 * A store in a directory, on a local disk or a mounted share: a key is a path below it. Files are
 * made with mode 0600, directories with 0700. Where the file system has no hard links, `ifAbsent`
 * is not atomic, and `properties.conditionalPut` says so after the first attempt.
 */
export class DirectoryStore implements ObjectStore {
  readonly #root: DirectoryRoot;
  readonly #readOnly: boolean;
  readonly #random: Random;
  #exclusive = true;

  private constructor(root: DirectoryRoot, options: DirectoryStoreOptions) {
    this.#root = root;
    this.#readOnly = options.readOnly ?? false;
    this.#random = options.random ?? systemRandom;
  }

  /**
   * Errors: `Unavailable` (STORE_ABSENT), `Denied` (STORE_DENIED), `Usage` (STORE_NOT_DIRECTORY).
   */
  static async open(path: string, options: DirectoryStoreOptions = {}): Promise<DirectoryStore> {
    const create = options.create ?? false;
    assert(!(create && options.readOnly), 'A directory is not made for reading only');
    return new DirectoryStore(await DirectoryRoot.open(path, { create }), options);
  }

  get properties(): StoreProperties {
    return {
      location: this.#root.path,
      // Each call may hold one of the few threads that do file operations for the whole process;
      // a share that hangs must not take them all.
      connectionsMax: 2,
      objectBytesMax: packBytesMax,
      conditionalPut: this.#exclusive,
    };
  }

  async put(key: string, parts: readonly Uint8Array[], options: PutOptions = {}): Promise<void> {
    assertObjectKey(key);
    const bytes = partsBytes(parts);
    assert(bytes <= packBytesMax, `${key} is too large: ${bytes} bytes`);
    this.#assertWritable();
    await this.#call({ action: 'write', key }, options.signal, async () => {
      try {
        await this.#write(key, parts, options);
      } catch (error) {
        if (nameTaken.has(systemErrorCode(error) ?? '')) {
          throw objectUnreadable(key, this.#root.path, 'a directory');
        }
        // A directory that was known is gone; whether all of it is, `check` tells.
        if (!isMissing(error)) throw error;
        this.#root.forget();
        await this.#write(key, parts, options);
      }
    });
  }

  async get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    return this.#withFile(key, options.signal, (handle, size) =>
      this.#read(handle, { key, size, options }),
    );
  }

  /** See `digestIn`. */
  async digest(
    key: string,
    hasher: FileHasher,
    options: CallOptions = {},
  ): Promise<ObjectDigest | undefined> {
    return this.#withFile(key, options.signal, async (handle, size) => {
      this.#assertObjectBytes(key, size, size);
      return hasher.hashFile(handle.fd, size);
    });
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    assertObjectKey(key);
    return this.#call({ action: 'read', key }, options.signal, async () => {
      try {
        await this.#root.checkBelow(parentOf(key));
        const found = await lstat(this.#root.absolute(key));
        if (found.isDirectory()) return undefined;
        if (!found.isFile()) throw this.#unreadable(key);
        return { key, bytes: found.size };
      } catch (error) {
        if (!isMissing(error)) throw error;
        await this.#root.check();
        return undefined;
      }
    });
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    assertKeyPrefix(prefix);
    const { signal, after = '' } = options;
    throwIfAborted(signal);
    try {
      await this.#root.check();
      await this.#root.checkBelow(parentOf(prefix)).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
      const absolute = (relative: string): string => this.#root.absolute(relative);
      yield* walkObjects({ prefix, after, signal, absolute });
      // Unmounted meanwhile, the rest would only seem to be missing.
      await this.#root.check();
    } catch (error) {
      throw storeErrorFrom(error, { action: 'list', location: this.#root.path });
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    assertObjectKey(key);
    this.#assertWritable();
    await this.#call({ action: 'delete', key }, options.signal, async () => {
      await this.#root.check();
      try {
        await this.#root.checkBelow(parentOf(key));
        // No fsync: an object that comes back with a power cut is deleted again.
        await unlink(this.#root.absolute(key));
      } catch (error) {
        // A directory is no object; macOS says EPERM for it.
        const code = systemErrorCode(error);
        if (isMissing(error) || code === 'EISDIR') return;
        if (code !== 'EPERM') throw error;
        const found = await lstat(this.#root.absolute(key));
        if (!found.isDirectory()) throw error;
      }
    });
  }

  /**
   * Removes unfinished writes that were last changed more than `ageMsMin` ago (a day, unless told
   * otherwise): what killed runs left. A write that is under way is younger.
   */
  async sweepTemporaries(
    clock: Clock,
    options: CallOptions & { readonly ageMsMin?: number } = {},
  ): Promise<SweptTemporaries> {
    this.#assertWritable();
    const before = clock.now() - (options.ageMsMin ?? 24 * 3_600_000);
    const isTemporary = (name: string): boolean => temporaryName.test(name);
    const absolute = (relative: string): string => this.#root.absolute(relative);
    return this.#call({ action: 'delete' }, options.signal, async () => {
      await this.#root.check();
      let files = 0;
      let bytes = 0;
      for await (const found of walkTemporaries({
        absolute,
        isTemporary,
        signal: options.signal,
      })) {
        if (found.changedAt >= before) continue;
        await unlink(absolute(found.path)).catch((error: unknown) => {
          // Somebody else sweeps too.
          if (!isMissing(error)) throw error;
        });
        files += 1;
        bytes += found.bytes;
      }
      return { files, bytes };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #write(
    key: string,
    parts: readonly Uint8Array[],
    { ifAbsent = false, signal }: PutOptions,
  ): Promise<void> {
    await this.#root.check();
    const parent = parentOf(key);
    await this.#root.ensure(parent);
    const result = await writeDurably({
      directory: this.#root.absolute(parent),
      name: key.slice(parent === '' ? 0 : parent.length + 1),
      temporaryName: temporaryPrefix + toHex(this.#random.bytes(16)),
      parts,
      ifAbsent,
      signal,
    });
    if (!result.exclusive) this.#exclusive = false;
    if (!result.stored) throw objectExists(key, this.#root.path);
  }

  /** Opens what lies under the key, if it is a regular file, and tells its length. */
  async #withFile<T>(
    key: string,
    signal: AbortSignal | undefined,
    work: (handle: FileHandle, size: number) => Promise<T>,
  ): Promise<T> {
    assertObjectKey(key);
    return this.#call({ action: 'read', key }, signal, async () => {
      try {
        await this.#root.checkBelow(parentOf(key));
        // Not blocking: to open a FIFO for reading would wait for a writer for ever.
        const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
        await using handle = await open(this.#root.absolute(key), flags);
        const found = await handle.stat();
        if (found.isDirectory()) throw objectNotFound(key, this.#root.path);
        if (!found.isFile()) throw this.#unreadable(key);
        return await work(handle, found.size);
      } catch (error) {
        if (isMissing(error)) {
          await this.#root.check();
          throw objectNotFound(key, this.#root.path, error);
        }
        if (notAFile.has(systemErrorCode(error) ?? '')) throw this.#unreadable(key);
        throw error;
      }
    });
  }

  async #read(
    handle: FileHandle,
    {
      key,
      size,
      options,
    }: { readonly key: string; readonly size: number; readonly options: GetOptions },
  ): Promise<Uint8Array> {
    const { offset, length } = clampRange(options.range, size);
    this.#assertObjectBytes(key, length, size);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      throwIfAborted(options.signal);
      const count = Math.min(length - filled, readBytesMax);
      const { bytesRead } = await handle.read(bytes, filled, count, offset + filled);
      if (bytesRead === 0) return bytes.slice(0, filled);
      filled += bytesRead;
    }
    return bytes;
  }

  /** Nobody reads more at once than any object has. */
  #assertObjectBytes(key: string, wanted: number, size: number): void {
    if (wanted <= packBytesMax) return;
    throw objectUnreadable(key, this.#root.path, `larger than any object (${size} bytes)`);
  }

  #assertWritable(): void {
    if (this.#readOnly) throw storeReadOnly(this.#root.path);
  }

  #unreadable(key: string): VersionsError {
    return objectUnreadable(key, this.#root.path, 'not a regular file');
  }

  async #call<T>(
    call: Omit<FailedCall, 'location'>,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    try {
      return await work();
    } catch (error) {
      throw storeErrorFrom(error, { ...call, location: this.#root.path });
    }
  }
}

const temporaryName = /^\.tmp-[0-9a-f]{32}$/;

/** Bytes for one system call, so that a signal is heard within a large object. */
const readBytesMax = 16 * 1024 * 1024;

/** What renaming a file over a directory gives. */
const nameTaken: ReadonlySet<string> = new Set(['EISDIR', 'ENOTEMPTY']);

/** What opening a symbolic link or a socket gives. */
const notAFile: ReadonlySet<string> = new Set(['ELOOP', 'EMLINK', 'ENXIO', 'ENODEV']);
