import type { Mirror } from '../mirror/index.ts';
import { type Judge, readCopy } from '../verify/index.ts';
import { noSource, targetUnreadable, writtenBadly } from './heal-errors.ts';
import { setAside } from './quarantine.ts';

export interface CopyOptions {
  readonly judge: Judge;
  readonly signal?: AbortSignal | undefined;
}

/** What became of one copy. */
export interface Copied {
  /** `present`: the target had a good copy already, and was left alone. */
  readonly result: 'copied' | 'present';
  readonly bytes: number;
  /** Name of the mirror that gave the good copy. */
  readonly from?: string | undefined;
  /** Where the damaged copy that was in the way lies now. */
  readonly quarantined?: string | undefined;
}

/**
 * Brings a good copy of an object from the first of `sources` that has one to `target`. The source
 * is re-hashed before, the target re-read and re-hashed after; a good copy in the target is never
 * written over, a damaged one is set aside first.
 *
 * Throws `Corrupt` (NO_GOOD_COPY), `Unavailable` (TARGET_UNREADABLE, COPY_WRITTEN_BADLY), and what
 * the target's store throws on writing.
 */
export async function copyObject(
  key: string,
  sources: readonly Mirror[],
  target: Mirror,
  options: CopyOptions,
): Promise<Copied> {
  const reasons: string[] = [];
  for (const source of sources) {
    if (source.id === target.id) continue;
    const { good, bad } = await readCopy(source, key, options.judge, options.signal);
    if (good !== undefined) {
      const written = await writeCopy(key, good, target, options);
      return written.result === 'present' ? written : { ...written, from: source.name };
    }
    reasons.push(`${source.name}: ${bad?.detail ?? 'unknown'}`);
  }
  throw noSource(key, reasons);
}

/**
 * Puts the bytes of an object, which the caller has judged to be good, into a mirror that has no
 * good copy, and reads them back. Throws like `copyObject`.
 */
export async function writeCopy(
  key: string,
  bytes: Uint8Array,
  target: Mirror,
  { judge, signal }: CopyOptions,
): Promise<Copied> {
  // Who handed the bytes in may have been wrong, and memory may have failed since.
  const verdict = await judge(key, bytes, target);
  if (verdict !== undefined) throw noSource(key, [verdict]);
  const before = await readCopy(target, key, judge, signal);
  if (before.good !== undefined) return { result: 'present', bytes: bytes.byteLength };
  const { bad } = before;
  if (bad?.kind === 'unreadable') throw targetUnreadable(key, target.name, bad.detail);
  const damaged = bad?.bytes;
  const quarantined = damaged && (await setAside(key, damaged, target, signal));
  // Twice, because the first one may have met a passing fault.
  for (let attempt = 1; ; attempt++) {
    const why = await writeAndReadBack(key, bytes, target, { judge, signal });
    if (why === undefined) return { result: 'copied', bytes: bytes.byteLength, quarantined };
    if (attempt === 2) throw writtenBadly(key, target.name, why);
  }
}

async function writeAndReadBack(
  key: string,
  bytes: Uint8Array,
  target: Mirror,
  { judge, signal }: CopyOptions,
): Promise<string | undefined> {
  await target.store.put(key, [bytes], { signal });
  const { bad } = await readCopy(target, key, judge, signal);
  return bad?.detail;
}
