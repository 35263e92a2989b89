import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { parseObjectName } from '../format/index.ts';
import { digestIn, type FileHasher, type Mirror } from '../mirror/index.ts';
import type { FindingKind } from '../monitor/index.ts';
import { hashVerdict, type Judge } from './judge.ts';

/** What reading a copy gave. */
export interface ReadCopy {
  /** The whole object, if the copy is good; empty if the judge took its memory. */
  readonly good?: Uint8Array | undefined;
  /** Why it is not, after a second look. */
  readonly bad?: BadRead | undefined;
  /** Why the first look said so, where the second one found the copy good. */
  readonly doubt?: string | undefined;
  /** In both reads, if there were two. */
  readonly bytesRead: number;
}

export interface BadRead {
  readonly kind: FindingKind;
  readonly detail: string;
  /** What was there, if anything could be read. */
  readonly bytes?: Uint8Array | undefined;
}

/** How copies are read whose bytes nobody needs afterwards. */
export interface CheckOptions {
  readonly judge: Judge;
  /** Hashes them where they lie, if the mirror's store lets it. */
  readonly hasher?: FileHasher | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads the copy of an object in one mirror and judges it. A bad read is only a suspicion, because
 * cables and memory fail too: the copy is bad if a second read, over a fresh connection, finds the same
 * wrong. Where the two differ it cannot be read now, and nothing is known of it. Throws only what says
 * nothing about the copy: `Cancelled`, and faults of the program.
 */
export function readCopy(
  mirror: Mirror,
  key: string,
  judge: Judge,
  signal?: AbortSignal,
): Promise<ReadCopy> {
  return readTwice((isFresh) => readOnce(mirror, key, judge, { signal, isFresh }));
}

/** The same for somebody who only wants to know whether the copy is good. */
export function checkCopy(
  mirror: Mirror,
  key: string,
  { judge, hasher, signal }: CheckOptions,
): Promise<Omit<ReadCopy, 'good'>> {
  return readTwice(async (isFresh) => {
    const options = { signal, isFresh };
    const hashed = hasher && (await hashOnce(mirror, key, hasher, options));
    return hashed ?? readOnce(mirror, key, judge, options);
  });
}

interface Look {
  readonly bytes?: Uint8Array;
  readonly byteLength?: number;
  readonly bad?: Omit<BadRead, 'bytes'>;
}

interface LookOptions {
  readonly signal: AbortSignal | undefined;
  readonly isFresh: boolean;
}

async function readTwice(look: (isFresh: boolean) => Promise<Look>): Promise<ReadCopy> {
  const first = await look(false);
  const { byteLength: bytesRead = 0 } = first;
  if (first.bad === undefined) return { good: first.bytes, bytesRead };
  // An archive says the same twice.
  if (first.bad.kind === 'archived') return { bad: first.bad, bytesRead };
  const second = await look(true);
  const bothRead = bytesRead + (second.byteLength ?? 0);
  const { bad, bytes } = second;
  if (bad === undefined) return { good: bytes, doubt: first.bad.detail, bytesRead: bothRead };
  if (agree(first.bad, bad)) return { bad: { ...bad, bytes }, bytesRead: bothRead };
  const detail = `Two reads of it say different things: ${first.bad.detail}; ${bad.detail}`;
  return { bad: { kind: 'unreadable', detail, bytes }, bytesRead: bothRead };
}

/**
 * What is bad in itself is bad in the same way each time. Where each read gives other bytes, or one
 * gives none, it is the reading that fails, and the copy may be good.
 */
function agree(first: Omit<BadRead, 'bytes'>, second: Omit<BadRead, 'bytes'>): boolean {
  if (first.kind !== second.kind) return false;
  // It names the hash of what was read.
  return first.kind !== 'corrupt' || first.detail === second.detail;
}

async function readOnce(
  mirror: Mirror,
  key: string,
  judge: Judge,
  options: LookOptions,
): Promise<Look> {
  let bytes: Uint8Array;
  try {
    bytes = await mirror.store.get(key, options);
  } catch (error) {
    return failedLook(error, options);
  }
  // Before the judge has them: it may take their memory.
  const { byteLength } = bytes;
  const verdict = await judge(key, bytes, mirror);
  if (verdict === undefined) return { bytes, byteLength };
  return { bytes, byteLength, bad: { kind: 'corrupt', detail: verdict } };
}

/** Undefined where more than a hash is needed, or the store wants to be asked for the bytes. */
async function hashOnce(
  { store }: Mirror,
  key: string,
  hasher: FileHasher,
  options: LookOptions,
): Promise<Look | undefined> {
  const wanted = parseObjectName(key)?.hash;
  if (wanted === undefined) return undefined;
  try {
    const digest = await digestIn(store, key, hasher, options);
    if (digest === undefined) return undefined;
    const verdict = hashVerdict(wanted, digest.hash);
    const byteLength = digest.bytes;
    return verdict === undefined
      ? { byteLength }
      : { byteLength, bad: { kind: 'corrupt', detail: verdict } };
  } catch (error) {
    return failedLook(error, options);
  }
}

function failedLook(error: unknown, { signal }: LookOptions): Look {
  if (isVersionsError(error, 'Cancelled', 'Internal') || signal?.aborted) throw error;
  return { bad: { kind: kindOfError(error), detail: errorMessage(error) } };
}

/** What a failed read says of the copy. */
export function kindOfError(error: unknown): FindingKind {
  if (error instanceof VersionsError && error.kind === 'NotFound') return 'missing';
  if (error instanceof VersionsError && error.kind === 'Corrupt') return 'corrupt';
  if (error instanceof VersionsError && error.code === 'OBJECT_ARCHIVED') return 'archived';
  return 'unreadable';
}
