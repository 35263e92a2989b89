import { VersionsError } from '../../src/core/errors/index.ts';
import type { JournalIo, LogFile, LogLock } from '../../src/core/journal/index.ts';

/** One call that changes a file, in the order in which the calls came. */
export type DiskCall =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number }
  | { readonly kind: 'sync' };

/**
 * A disk in memory with one file. It records what is done to it, fails on demand, and tells every
 * state in which a power cut could leave it: what was synced is there; of everything after it, any
 * part may be there, in any combination, and a write may be torn at any byte.
 */
export class CrashDisk implements JournalIo {
  readonly calls: DiskCall[] = [];
  /** Called before each change and read; what it throws is what the call throws. */
  beforeCall: (call: DiskCall | { readonly kind: 'read' }) => void = () => {};
  /** The largest buffer that was ever handed in to be filled. */
  largestRead = 0;
  #bytes: Buffer;
  #exists: boolean;
  #isLocked = false;

  constructor(bytes?: Uint8Array) {
    this.#bytes = Buffer.from(bytes ?? []);
    this.#exists = bytes !== undefined;
  }

  get bytes(): Buffer {
    return Buffer.from(this.#bytes);
  }

  lock(path: string): LogLock {
    if (this.#isLocked) throw new VersionsError('Conflict', 'JOURNAL_BUSY', `${path} is in use`);
    this.#isLocked = true;
    return {
      release: () => {
        this.#isLocked = false;
      },
    };
  }

  open(_path: string, { readOnly }: { readonly readOnly: boolean }): LogFile {
    if (readOnly && !this.#exists) throw systemError('ENOENT');
    this.#exists = true;
    return {
      size: () => this.#bytes.length,
      readNow: (into, position) => this.#read(into, position),
      read: async (into, position) => this.#read(into, position),
      write: (bytes, position) =>
        this.#change({ kind: 'write', position, bytes: Buffer.from(bytes) }),
      truncate: (size) => this.#change({ kind: 'truncate', size }),
      sync: async () => {
        await Promise.resolve();
        this.#change({ kind: 'sync' });
      },
      syncName: async () => {},
      isInPlace: () => true,
      close: () => {},
    };
  }

  #read(into: Uint8Array, position: number): number {
    this.beforeCall({ kind: 'read' });
    this.largestRead = Math.max(this.largestRead, into.length);
    const found = this.#bytes.subarray(position, position + into.length);
    into.set(found);
    return found.length;
  }

  #change(call: DiskCall): void {
    this.beforeCall(call);
    this.calls.push(call);
    this.#bytes = applyCall(this.#bytes, call);
  }

  /** Puts bytes into the file behind the journal's back, or half of a write that failed. */
  poke(position: number, bytes: Uint8Array): void {
    this.#bytes = applyCall(this.#bytes, { kind: 'write', position, bytes: Buffer.from(bytes) });
  }

  /** The states that a power cut just after the first `count` calls could leave. */
  *imagesAfterCrash(count: number): Generator<Buffer> {
    const done = this.calls.slice(0, count);
    const syncedCount = done.findLastIndex(({ kind }) => kind === 'sync') + 1;
    const synced = done.slice(0, syncedCount).reduce(applyCall, Buffer.alloc(0));
    const open = done.slice(syncedCount);
    for (let subset = 0; subset < 2 ** open.length; subset += 1) {
      const chosen = open.filter((_, index) => (subset & (1 << index)) !== 0);
      yield chosen.reduce(applyCall, synced);
      yield chosen.map(firstHalfOf).reduce(applyCall, synced);
      const isTorn = chosen.length === open.length || chosen.length === 1;
      for (const [index, call] of chosen.entries()) {
        if (!isTorn || call.kind !== 'write') continue;
        for (const torn of partsOf(call)) yield chosen.with(index, torn).reduce(applyCall, synced);
      }
    }
  }
}

/** A write of which only the first or only the last bytes arrived. Runs of zeros are one step. */
function* partsOf({ position, bytes }: DiskCall & { readonly kind: 'write' }): Generator<DiskCall> {
  for (let at = 1; at < bytes.length; at += 1) {
    if (bytes[at] === 0 && bytes[at - 1] === 0) continue;
    yield { kind: 'write', position, bytes: bytes.subarray(0, at) };
    yield { kind: 'write', position: position + at, bytes: bytes.subarray(at) };
  }
}

function firstHalfOf(call: DiskCall): DiskCall {
  if (call.kind !== 'write') return call;
  return { ...call, bytes: call.bytes.subarray(0, call.bytes.length / 2) };
}

function applyCall(before: Buffer, call: DiskCall): Buffer {
  if (call.kind === 'sync') return before;
  const size =
    call.kind === 'truncate'
      ? call.size
      : Math.max(before.length, call.position + call.bytes.length);
  const after = Buffer.alloc(size);
  before.copy(after);
  if (call.kind === 'write') call.bytes.copy(after, call.position);
  return after;
}

/** As `node:fs` throws them. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: failed on purpose`), { code });
}
