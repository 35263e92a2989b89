import type { ObjectHash } from '../base/index.ts';
import { parseObjectName } from '../format/index.ts';
import { type FileHasher, markerKey, type Mirror } from '../mirror/index.ts';
import type { Finding, FindingKind, Monitor } from '../monitor/index.ts';
import { eachAtOnce } from './each-at-once.ts';
import { expectedByLists, type ExpectedObject, isOurs } from './expected-objects.ts';
import type { Judge } from './judge.ts';
import { listMirror, type ListedMirror } from './list-mirror.ts';
import { checkCopy } from './read-copy.ts';
import { staleFinding } from './stale-mirror.ts';

export type VerifyLevel = 'quick' | 'structure' | 'data';

export interface VerifyMirrorsOptions {
  /** `quick`: only lists. `structure`: reads small objects whole. `data`: reads every byte. */
  readonly level: VerifyLevel;
  /** Says whether bytes are the object. */
  readonly judge: Judge;
  /** Reads copies whose bytes need not come here; without one, all come. */
  readonly hasher?: FileHasher | undefined;
  /** Which packs are read at level `data`, once it is known what there must be; all by default. */
  readonly select?: ((objects: readonly ExpectedObject[]) => Wanted | undefined) | undefined;
  /** Copies that are to be read whatever the level, by mirror and key: somebody suspects them. */
  readonly isSuspect?: ((object: ExpectedObject, mirror: Mirror) => boolean) | undefined;
  /** Told of every copy that was read or is missing. */
  readonly onCopy?: ((seen: SeenCopy) => void | Promise<void>) | undefined;
  /** Can an object without a good copy be put together from the bad ones? Default: no. */
  readonly canMend?:
    | ((object: ExpectedObject, others: OtherObjects) => Promise<boolean>)
    | undefined;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
}

type Wanted = (object: ExpectedObject, mirror: Mirror) => boolean;

/** What was learnt about one copy. */
export interface SeenCopy {
  readonly mirror: Mirror;
  readonly object: ExpectedObject;
  /** Undefined: it is good, every byte of it. */
  readonly bad: FindingKind | undefined;
  /** It is good, but a first look said otherwise: it is suspect. */
  readonly isDoubtful?: boolean | undefined;
}

/** A copy that is not good. */
export interface BadCopy {
  readonly mirror: Mirror;
  readonly object: ExpectedObject;
  readonly kind: FindingKind;
  readonly detail: string;
}

/** A copy that is not the object whose name it has: it may be another one. */
export interface StrayCopy {
  readonly mirror: Mirror;
  readonly key: string;
  readonly bytes: number;
}

/** What is known of the other objects when one is to be put together. */
export interface OtherObjects {
  readonly strays: readonly StrayCopy[];
  /** The SHA-256 of every object that the mirrors must hold. */
  readonly hashes: ReadonlySet<ObjectHash>;
}

export interface VerifyMirrorsResult extends OtherObjects {
  /** What the mirrors must hold, by key. */
  readonly expected: readonly ExpectedObject[];
  /** Copies that should be there. */
  readonly objects: number;
  readonly bytesRead: number;
  /** Those that could be listed. */
  readonly listed: readonly ListedMirror[];
  readonly bad: readonly BadCopy[];
  readonly findings: readonly Finding[];
  /** Keys of expected objects that no mirror has a good copy of, and that cannot be mended. */
  readonly lost: readonly string[];
  /** Keys of those that no mirror has a good copy of, and that can be put together. */
  readonly mendable: readonly string[];
}

const readsAtOnce = 4;

/**
 * Compares every mirror with the objects it must hold, without any key and without writing; each is
 * listed once. Without `expected`, everything that any of them lists must be in all.
 */
export async function verifyMirrors(
  mirrors: readonly Mirror[],
  expected: readonly ExpectedObject[] | undefined,
  options: VerifyMirrorsOptions,
): Promise<VerifyMirrorsResult> {
  const { monitor, signal } = options;
  const looked = await Promise.all(mirrors.map((mirror) => listMirror(mirror, signal)));
  const listed = looked.filter((each) => 'sizes' in each);
  const objects = expected ?? expectedByLists(listed);
  const known = new Set(objects.map(({ key }) => key));
  const others: Finding[] = looked.flatMap((each) => ('detail' in each ? [unlisted(each)] : []));
  const bad: BadCopy[] = [];
  const archived: BadCopy[] = [];
  let bytesRead = 0;
  const wanted: Wanted = options.select?.(objects) ?? (() => true);
  const mustRead: Wanted = (object, mirror) => isToBeRead(object, mirror, options, wanted);
  announce(objects, listed, mustRead, monitor);
  for (const each of listed) {
    const stale = staleFinding(each, objects, listed.length > 1);
    if (stale) others.push(stale);
    for (const key of each.sizes.keys()) {
      if (!known.has(key) && isOurs(key)) others.push(extraFinding(each.mirror, key));
    }
    const seen = await verifyMirror(each, objects, mustRead, options);
    bytesRead += seen.bytesRead;
    // Nothing is known of a copy in an archive: it is told, and is no damage.
    for (const copy of seen.bad) (copy.kind === 'archived' ? archived : bad).push(copy);
  }
  const strays = straysIn(bad, listed);
  const hashes = new Set(objects.flatMap(({ hash }) => hash ?? []));
  const found = { bad, strays, hashes, listedCount: listed.length };
  const { lost, mendable } = await findLost(found, options);
  const inParts = new Set(mendable);
  const findings = [...bad, ...archived].map((copy) => findingOf(copy, { lost, inParts }));
  findings.push(...others);
  for (const finding of findings) monitor.finding(finding);
  return {
    expected: objects,
    objects: objects.length * mirrors.length,
    bytesRead,
    listed,
    bad,
    strays,
    hashes,
    findings,
    lost: [...lost],
    mendable,
  };
}

function announce(
  objects: readonly ExpectedObject[],
  listed: readonly ListedMirror[],
  mustRead: Wanted,
  monitor: Monitor,
): void {
  let count = 0;
  let bytes = 0;
  for (const { mirror, sizes } of listed) {
    for (const object of objects) {
      if (!mustRead(object, mirror)) continue;
      count += 1;
      bytes += object.bytes ?? sizes.get(object.key) ?? 0;
    }
  }
  monitor.count('objectsTotal', count);
  monitor.count('bytesTotal', bytes);
}

/** Looks at all copies of one mirror. */
async function verifyMirror(
  { mirror, sizes }: ListedMirror,
  objects: readonly ExpectedObject[],
  mustRead: Wanted,
  options: VerifyMirrorsOptions,
): Promise<{ readonly bytesRead: number; readonly bad: readonly BadCopy[] }> {
  const bad: BadCopy[] = [];
  let bytesRead = 0;
  let doubtCount = 0;
  let doubted: string | undefined;
  const present: ExpectedObject[] = [];
  for (const object of objects) {
    // That was found when the mirror was opened.
    if (object.key === markerKey && mirror.isUnmarked === true) continue;
    const wrong = wrongByList(object, sizes.get(object.key));
    // Missing only because its writer has not come so far yet.
    if (wrong?.kind === 'missing' && object.mayBeMissing === true) continue;
    if (wrong) bad.push({ mirror, object, ...wrong });
    else present.push(object);
    if (wrong) await options.onCopy?.({ mirror, object, bad: wrong.kind });
  }
  await eachAtOnce(present, readsAtOnce, async (object) => {
    options.signal?.throwIfAborted();
    if (!mustRead(object, mirror)) return;
    const read = await checkCopy(mirror, object.key, options);
    bytesRead += read.bytesRead;
    options.monitor.count('objectsDone', 1);
    options.monitor.count('bytesDone', read.bytesRead);
    if (read.bad) {
      const { kind, detail } = read.bad;
      bad.push({ mirror, object, kind, detail });
    }
    doubted ??= read.doubt;
    if (read.doubt !== undefined) doubtCount += 1;
    const isDoubtful = read.doubt !== undefined;
    await options.onCopy?.({ mirror, object, bad: read.bad?.kind, isDoubtful });
  });
  if (doubted !== undefined) {
    const count = doubtCount === 1 ? '1 copy' : `${doubtCount} copies`;
    options.monitor.note(
      `${mirror.name}: ${count} read badly once and well over a fresh connection, so suspect a cable, memory or the network, not the mirror (first: ${doubted})`,
    );
  }
  return { bytesRead, bad };
}

function isToBeRead(
  object: ExpectedObject,
  mirror: Mirror,
  { level, isSuspect }: VerifyMirrorsOptions,
  wanted: Wanted,
): boolean {
  if (object.isDisputed === true || isSuspect?.(object, mirror) === true) return true;
  if (level === 'quick') return false;
  if (parseObjectName(object.key)?.part !== 'pack') return true;
  return level === 'data' && wanted(object, mirror);
}

/** Smaller than any object can be: its header alone has as many bytes. */
const objectBytesMin = 64;

function wrongByList(
  object: ExpectedObject,
  bytes: number | undefined,
): { readonly kind: FindingKind; readonly detail: string } | undefined {
  if (bytes === undefined) return { kind: 'missing', detail: 'The mirror does not hold it' };
  const wanted = object.bytes;
  if (wanted === undefined) {
    const detail = `It has ${bytes} bytes, which is less than any object has`;
    return bytes < objectBytesMin ? { kind: 'truncated', detail } : undefined;
  }
  if (wanted === bytes) return undefined;
  const kind = bytes < wanted ? 'truncated' : 'corrupt';
  return { kind, detail: `It has ${bytes} bytes and must have ${wanted}` };
}

/** The objects of which every mirror that could be listed has a bad copy; markers are each their own. */
async function findLost(
  {
    bad,
    listedCount,
    ...others
  }: OtherObjects & Pick<VerifyMirrorsResult, 'bad'> & { readonly listedCount: number },
  { canMend }: VerifyMirrorsOptions,
): Promise<{ readonly lost: ReadonlySet<string>; readonly mendable: readonly string[] }> {
  const lost = new Set<string>();
  const mendable: string[] = [];
  for (const [key, copies] of Map.groupBy(bad, ({ object }) => object.key)) {
    const [first] = copies;
    if (first === undefined || first.object.atHand === true || key === markerKey) continue;
    if (copies.length < listedCount) continue;
    if (await canMend?.(first.object, others)) mendable.push(key);
    else lost.add(key);
  }
  return { lost, mendable };
}

/** Two objects that have changed places are both bad, and nothing of them is lost. */
function straysIn(bad: readonly BadCopy[], listed: readonly ListedMirror[]): readonly StrayCopy[] {
  return bad.flatMap(({ mirror, object, kind }) => {
    const sizes = listed.find((each) => each.mirror.id === mirror.id)?.sizes;
    const bytes = sizes?.get(object.key) ?? 0;
    return kind === 'missing' || bytes === 0 ? [] : [{ mirror, key: object.key, bytes }];
  });
}

function findingOf(
  { mirror, object: { key }, kind, detail }: BadCopy,
  { lost, inParts }: { readonly lost: ReadonlySet<string>; readonly inParts: ReadonlySet<string> },
): Finding {
  const finding = { kind, mirror: mirror.name, object: key, healable: !lost.has(key), detail };
  return inParts.has(key) ? { ...finding, inParts: true } : finding;
}

function unlisted({
  mirror,
  detail,
}: {
  readonly mirror: Mirror;
  readonly detail: string;
}): Finding {
  return { kind: 'unreadable', mirror: mirror.name, object: '', healable: false, detail };
}

function extraFinding(mirror: Mirror, key: string): Finding {
  const detail =
    parseObjectName(key) === undefined
      ? 'No object has such a name: foreign, or left over'
      : 'The journal does not name it: left over from a run that was cut short, or foreign';
  return { kind: 'extra', mirror: mirror.name, object: key, healable: true, detail };
}
