import type { ObjectHash, RepositoryId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { decodeConfig, parseObjectName } from '../format/index.ts';
import { type Mirror, versionedStoreIn } from '../mirror/index.ts';
import { type Judge, readCopy, type StrayCopy } from '../verify/index.ts';
import { mergeClear } from './merge-clear.ts';
import { mergeCopies } from './merge-copies.ts';
import type { SearchBudget } from './search-bytes.ts';

export interface Sources {
  readonly repository: RepositoryId;
  /** In the order in which they are to be asked. */
  readonly mirrors: readonly Mirror[];
  readonly judge: Judge;
  /** Damaged copies that were set aside, by the key of their object: more to mend with. */
  readonly quarantined?: ReadonlyMap<string, readonly QuarantinedCopy[]> | undefined;
  /** Copies of other objects that are not what their names say: one may be this object. */
  readonly strays?: readonly StrayCopy[] | undefined;
  /** Is this the SHA-256 of some other object of the mirrors? Its bytes need not be mended into another. */
  readonly isAnother?: ((hash: ObjectHash) => boolean) | undefined;
  /** What this machine keeps of an object; it is judged like any copy. */
  readonly atHand?: ((key: string) => Promise<Uint8Array | undefined>) | undefined;
  /** Bytes that may be hashed in trying to put one object together. */
  readonly budgetBytes?: number | undefined;
  /** The same for all objects of a run. */
  readonly budgetOfRun?: SearchBudget | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface QuarantinedCopy {
  readonly mirror: Mirror;
  readonly key: string;
}

/** An object, whole, and how it was come by. */
export interface GoodBytes {
  readonly bytes: Uint8Array;
  readonly how: 'copy' | 'own' | 'version' | 'merge';
  /** For people: where it is from. */
  readonly from: string;
}

/** An object may have many versions and quarantined copies; these many are looked at. */
const moreCopiesMax = 8;

/**
 * The whole object: from a mirror with a good copy, from what this machine keeps, from an older
 * version where a store keeps versions, or put together from damaged copies. Undefined if all of
 * that does not suffice.
 */
export async function findGoodBytes(
  key: string,
  sources: Sources,
  bytes?: number,
): Promise<GoodBytes | undefined> {
  const { mirrors, judge, signal } = sources;
  const damaged: Uint8Array[] = [];
  for (const mirror of mirrors) {
    const { good, bad } = await readCopy(mirror, key, judge, signal);
    if (good) return { bytes: good, how: 'copy', from: mirror.name };
    if (bad?.bytes) damaged.push(bad.bytes);
  }
  const own = await sources.atHand?.(key);
  const [first] = mirrors;
  if (own && first && (await judge(key, own, first)) === undefined) {
    return { bytes: own, how: 'own', from: 'this machine' };
  }
  for (const mirror of mirrors) {
    const older = await findVersion(key, mirror, sources, damaged);
    if (older) return { bytes: older, how: 'version', from: mirror.name };
  }
  const stray = await findStray(key, sources, bytes);
  if (stray) return stray;
  for (const copy of quarantinedOf(key, sources).slice(0, moreCopiesMax)) {
    const aside = await readQuietly(() => copy.mirror.store.get(copy.key, { signal }));
    if (aside) damaged.push(aside);
  }
  const merged = await merge(key, damaged, sources, bytes);
  const from = `${damaged.length} damaged copies`;
  return merged && { bytes: merged, how: 'merge', from: damaged.length === 1 ? 'itself' : from };
}

/** Where `config` and marker had changed places, the marker's was set aside with the config in it. */
function quarantinedOf(key: string, { quarantined }: Sources): readonly QuarantinedCopy[] {
  const own = quarantined?.get(key) ?? [];
  return key === 'config' ? [...own, ...(quarantined?.get('mirror') ?? [])] : own;
}

async function merge(
  key: string,
  damaged: readonly Uint8Array[],
  { repository, budgetBytes, budgetOfRun, isAnother, signal }: Sources,
  bytes: number | undefined,
): Promise<Uint8Array | undefined> {
  if (parseObjectName(key)?.part !== 'config') {
    return mergeCopies(key, damaged, { bytes, budgetBytes, budgetOfRun, isAnother, signal });
  }
  return mergeClear(damaged, (config) => {
    try {
      return decodeConfig(config).config.repository === repository;
    } catch (error) {
      if (!isVersionsError(error)) throw error;
      return false;
    }
  });
}

/** Of a mirror in which everything was renamed, no more than these many copies are read. */
const straysMax = 64;

async function findStray(
  key: string,
  { judge, signal, strays = [] }: Sources,
  bytes: number | undefined,
): Promise<GoodBytes | undefined> {
  // Without the journal the size is only what the mirrors list: a hint as to which comes first.
  const others = strays.filter((each) => each.key !== key);
  const possible = others.toSorted((a, b) => Number(b.bytes === bytes) - Number(a.bytes === bytes));
  for (const { mirror, key: name } of possible.slice(0, straysMax)) {
    const found = await readQuietly(() => mirror.store.get(name, { signal }));
    if (found && (await judge(key, found, mirror)) === undefined) {
      return { bytes: found, how: 'copy', from: `${mirror.name}, where it lay as ${name}` };
    }
  }
  return undefined;
}

async function findVersion(
  key: string,
  mirror: Mirror,
  { judge, signal }: Sources,
  damaged: Uint8Array[],
): Promise<Uint8Array | undefined> {
  const store = versionedStoreIn(mirror.store);
  if (store === undefined) return undefined;
  let seen = 0;
  try {
    for await (const { version } of store.versions(key, { signal })) {
      if (++seen > moreCopiesMax) return undefined;
      const bytes = await readQuietly(() => store.getVersion(key, version, { signal }));
      if (bytes === undefined) continue;
      if ((await judge(key, bytes, mirror)) === undefined) return bytes;
      damaged.push(bytes);
    }
  } catch (error) {
    if (!isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) throw error;
  }
  return undefined;
}

/** What cannot be read now is simply not there to mend with. */
async function readQuietly(read: () => Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) throw error;
    return undefined;
  }
}
