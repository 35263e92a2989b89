import { isVersionsError } from '../errors/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { Finding, FindingKind, Monitor } from '../monitor/index.ts';
import { objectPrefixes, type ExpectedObject } from './expected-objects.ts';
import type { Judge } from './judge.ts';
import { readCopy } from './read-copy.ts';

export type VerifyLevel = 'quick' | 'structure' | 'data';

export interface VerifyMirrorsOptions {
  /** `quick`: only lists. `structure`: reads small objects whole. `data`: reads every byte. */
  readonly level: VerifyLevel;
  /** Says whether bytes are the object. */
  readonly judge: Judge;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
}

export interface VerifyMirrorsResult {
  readonly objects: number;
  readonly bytesRead: number;
  readonly findings: readonly Finding[];
  /** Keys of expected objects that no mirror has a good copy of. */
  readonly lost: readonly string[];
}

/** A key whose copy in one mirror is not good. */
interface BadCopy {
  readonly mirror: Mirror;
  readonly object: ExpectedObject;
  readonly kind: FindingKind;
  readonly detail: string;
}

const readsAtOnce = 4;

/**
 * Compares every mirror with the objects it must hold, without any key and without writing. The
 * expected objects come sorted by key; each mirror is listed once.
 */
export async function verifyMirrors(
  mirrors: readonly Mirror[],
  expected: readonly ExpectedObject[],
  options: VerifyMirrorsOptions,
): Promise<VerifyMirrorsResult> {
  const bad: BadCopy[] = [];
  const others: Finding[] = [];
  let bytesRead = 0;
  let listed = 0;
  for (const mirror of mirrors) {
    const seen = await listMirror(mirror, expected, options.signal);
    if ('detail' in seen) {
      // Nothing is known of its copies: they count neither as good nor as bad.
      const { detail } = seen;
      others.push({ kind: 'unreadable', mirror: mirror.name, object: '', healable: false, detail });
      continue;
    }
    listed += 1;
    bad.push(...seen.bad.filter((copy) => !isArriving(copy)));
    others.push(...seen.extra.map((key) => extraFinding(mirror, key)));
    await eachAtOnce(seen.present, readsAtOnce, async (object) => {
      options.signal?.throwIfAborted();
      if (!mustRead(object, options.level)) return;
      const copy = await lookAt(mirror, object, options);
      bytesRead += copy.bytesRead;
      options.monitor.count('objectsDone', 1);
      options.monitor.count('bytesDone', copy.bytesRead);
      if (copy.bad) bad.push(copy.bad);
    });
  }
  const badCount = new Map<string, number>();
  for (const { object } of bad) badCount.set(object.key, (badCount.get(object.key) ?? 0) + 1);
  const atHand = new Set(expected.filter((object) => object.atHand).map(({ key }) => key));
  const lost = [...badCount]
    .filter(([key, count]) => count >= listed && !atHand.has(key))
    .map(([key]) => key);
  const lostKeys = new Set(lost.filter((key) => key !== 'mirror'));
  const findings: Finding[] = bad.map(({ mirror, object, kind, detail }) => ({
    kind,
    mirror: mirror.name,
    object: object.key,
    healable: !lostKeys.has(object.key),
    detail,
  }));
  findings.push(...others);
  for (const finding of findings) options.monitor.finding(finding);
  return {
    objects: expected.length * mirrors.length,
    bytesRead,
    findings,
    lost: [...lostKeys],
  };
}

/** Missing only because its writer has not come so far yet. */
function isArriving({ kind, object }: BadCopy): boolean {
  return kind === 'missing' && object.mayBeMissing === true;
}

function mustRead(object: ExpectedObject, level: VerifyLevel): boolean {
  if (level === 'data') return true;
  return level === 'structure' && !object.key.startsWith('packs/');
}

/** What a mirror lists beside what it should. */
interface Listing {
  /** Expected, and listed with the right size. */
  readonly present: ExpectedObject[];
  readonly bad: BadCopy[];
  /** Keys of objects that nothing names. */
  readonly extra: string[];
}

/** Lists a mirror; `detail` says why it cannot be listed. */
async function listMirror(
  mirror: Mirror,
  expected: readonly ExpectedObject[],
  signal: AbortSignal | undefined,
): Promise<Listing | { readonly detail: string }> {
  try {
    return await compareListing(mirror, expected, signal);
  } catch (error) {
    if (signal?.aborted || !isVersionsError(error, 'Unavailable', 'Denied', 'NotFound', 'Corrupt'))
      throw error;
    return { detail: `It cannot be listed: ${error.message}` };
  }
}

async function compareListing(
  mirror: Mirror,
  expected: readonly ExpectedObject[],
  signal: AbortSignal | undefined,
): Promise<Listing> {
  const listing: Listing = { present: [], bad: [], extra: [] };
  let next = 0;
  const missing = (object: ExpectedObject): void => {
    const detail = 'The mirror does not hold it';
    listing.bad.push({ mirror, object, kind: 'missing', detail });
  };
  for await (const { key, bytes } of mirror.store.list('', { signal })) {
    for (let object = expected[next]; object && object.key < key; object = expected[++next])
      missing(object);
    const object = expected[next];
    if (object?.key !== key) {
      if (objectPrefixes.some((prefix) => key.startsWith(prefix))) listing.extra.push(key);
      continue;
    }
    next += 1;
    if (object.bytes === undefined || object.bytes === bytes) listing.present.push(object);
    else {
      const detail = `It has ${bytes} bytes and must have ${object.bytes}`;
      const kind = bytes < object.bytes ? 'truncated' : 'corrupt';
      listing.bad.push({ mirror, object, kind, detail });
    }
  }
  for (let object = expected[next]; object; object = expected[++next]) missing(object);
  return listing;
}

function extraFinding(mirror: Mirror, key: string): Finding {
  const detail =
    'The journal does not name it: left over from a run that was cut short, or foreign';
  return { kind: 'extra', mirror: mirror.name, object: key, healable: true, detail };
}

/** Reads a copy twice if need be; its bytes may be gone afterwards. */
async function lookAt(
  mirror: Mirror,
  object: ExpectedObject,
  options: VerifyMirrorsOptions,
): Promise<{ readonly bytesRead: number; readonly bad?: BadCopy }> {
  const { bytesRead, bad } = await readCopy(mirror, object.key, options.judge, options.signal);
  if (bad === undefined) return { bytesRead };
  return { bytesRead, bad: { mirror, object, kind: bad.kind, detail: bad.detail } };
}

/** Runs `work` over all items, `limit` at a time; the first failure ends it. */
async function eachAtOnce<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
}
