import { isObjectHash, type ObjectHash, type RepositoryId } from '../base/index.ts';
import type { Suite } from '../crypto/index.ts';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
import { decodeKeyObject, objectHashOf, type DecodedKeyObject } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import { keyObjectKey } from './object-keys.ts';

/** Key objects that are kept between being compared and being tried; the others are read twice. */
const keptMax = 16;

/** Why key objects did not open the repository. */
export interface KeyFailures {
  wrong?: VersionsError;
  damaged?: unknown;
}

/** Notes why a key object did not help; throws what has nothing to do with it. */
export function noteFailure(failures: KeyFailures, error: unknown): void {
  if (isVersionsError(error, 'Denied')) failures.wrong = error;
  else if (isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) failures.damaged = error;
  else throw error;
}

/**
 * The key objects of the repository in the order in which they are to be tried. Whoever can write to
 * a mirror can put any number of them there that cost seconds each, and nothing tells them from
 * honest ones: so those come first that most mirrors have, and among them those that cost least.
 */
export async function* keyCandidates(
  mirrors: MirrorSet,
  repository: RepositoryId,
  suite: Suite,
  failures: KeyFailures,
): AsyncGenerator<DecodedKeyObject> {
  const found: Candidate[] = [];
  for (const [name, mirrorCount] of await keyObjectNames(mirrors)) {
    try {
      const object = await readKeyObject(mirrors, name);
      const { header } = object;
      if (header.repository !== repository || header.suite !== suite) continue;
      const kept = found.length < keptMax ? object : undefined;
      found.push({ name, mirrorCount, cost: costOf(object), kept });
    } catch (error) {
      noteFailure(failures, error);
    }
  }
  found.sort((a, b) => b.mirrorCount - a.mirrorCount || a.cost - b.cost);
  for (const { name, kept } of found) yield kept ?? (await readKeyObject(mirrors, name));
}

interface Candidate {
  readonly name: ObjectHash;
  readonly mirrorCount: number;
  readonly cost: number;
  readonly kept: DecodedKeyObject | undefined;
}

async function readKeyObject(mirrors: MirrorSet, name: ObjectHash): Promise<DecodedKeyObject> {
  const accept = (read: Uint8Array): boolean => objectHashOf(read) === name;
  return decodeKeyObject(await mirrors.get(keyObjectKey(name), { accept }));
}

/** What trying it costs, in kibibytes that are filled. */
export function costOf({ parameters }: DecodedKeyObject): number {
  return parameters.kdf === 'argon2id' ? parameters.passes * parameters.memoryKiB : 0;
}

/** What any mirror lists, and how many do: one may lack some, or not be listable at all. */
async function keyObjectNames(mirrors: MirrorSet): Promise<ReadonlyMap<ObjectHash, number>> {
  const counts = new Map<ObjectHash, number>();
  let failure: VersionsError | undefined;
  for (const { store } of mirrors.mirrors) {
    try {
      for await (const { key } of store.list('keys/')) {
        const name = key.slice('keys/'.length);
        if (isObjectHash(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) throw error;
      failure = error;
    }
  }
  if (counts.size === 0 && failure !== undefined) throw failure;
  return counts;
}
