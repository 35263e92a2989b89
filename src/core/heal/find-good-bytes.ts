import type { RepositoryId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { decodeConfig, parseObjectName } from '../format/index.ts';
import { type Mirror, versionedStoreIn } from '../mirror/index.ts';
import { type Judge, readCopy } from '../verify/index.ts';
import { mergeClear } from './merge-clear.ts';
import { mergeCopies } from './merge-copies.ts';

export interface Sources {
  readonly repository: RepositoryId;
  /** In the order in which they are to be asked. */
  readonly mirrors: readonly Mirror[];
  readonly judge: Judge;
  /** Damaged copies that were set aside, by the key of their object: more to mend with. */
  readonly quarantined?: ReadonlyMap<string, readonly QuarantinedCopy[]> | undefined;
  /** What this machine keeps of an object; it is judged like any copy. */
  readonly atHand?: ((key: string) => Promise<Uint8Array | undefined>) | undefined;
  /** Bytes that may be hashed in trying to put one object together. */
  readonly budgetBytes?: number | undefined;
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
  for (const copy of sources.quarantined?.get(key)?.slice(0, moreCopiesMax) ?? []) {
    const aside = await readQuietly(() => copy.mirror.store.get(copy.key, { signal }));
    if (aside) damaged.push(aside);
  }
  const merged = await merge(key, damaged, sources, bytes);
  const from = `${damaged.length} damaged copies`;
  return merged && { bytes: merged, how: 'merge', from: damaged.length === 1 ? 'itself' : from };
}

async function merge(
  key: string,
  damaged: readonly Uint8Array[],
  { repository, budgetBytes, signal }: Sources,
  bytes: number | undefined,
): Promise<Uint8Array | undefined> {
  if (parseObjectName(key)?.part !== 'config') {
    return mergeCopies(key, damaged, { bytes, budgetBytes, signal });
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
