import { isObjectHash, type ObjectHash, type RepositoryId } from '../base/index.ts';
import type { Suite } from '../crypto/index.ts';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
import { decodeKeyObject, objectHashOf, type DecodedKeyObject } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import type { KeptOpening } from './kept-opening.ts';
import { keyObjectKey } from './object-keys.ts';

/** Key objects that are held in memory between being compared and being tried; the others are read twice. */
const heldMax = 16;

/** Whose key objects are looked for, and what this machine keeps of them, if it keeps any. */
export interface KeyPlace {
  readonly repository: RepositoryId;
  readonly kept?: KeptOpening | undefined;
}

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
 * honest ones: so those come first that this machine keeps, because the journal has named them, then
 * those that most mirrors have, and among them those that cost least.
 */
export async function* keyCandidates(
  mirrors: MirrorSet,
  { repository, suite, kept }: KeyPlace & { readonly suite: Suite },
  failures: KeyFailures,
): AsyncGenerator<DecodedKeyObject> {
  const found: Candidate[] = [];
  const keptNames = new Set(kept?.keyNames());
  for (const [name, mirrorCount] of await keyObjectNames(mirrors, keptNames)) {
    try {
      const object = await readKeyObject(mirrors, name, kept);
      const { header } = object;
      if (header.repository !== repository || header.suite !== suite) continue;
      const held = found.length < heldMax ? object : undefined;
      const isKept = keptNames.has(name);
      found.push({ name, isKept, mirrorCount, cost: costOf(object), held });
    } catch (error) {
      noteFailure(failures, error);
    }
  }
  found.sort(
    (a, b) =>
      Number(b.isKept) - Number(a.isKept) || b.mirrorCount - a.mirrorCount || a.cost - b.cost,
  );
  for (const { name, held } of found) yield held ?? (await readKeyObject(mirrors, name, kept));
}

interface Candidate {
  readonly name: ObjectHash;
  readonly isKept: boolean;
  readonly mirrorCount: number;
  readonly cost: number;
  readonly held: DecodedKeyObject | undefined;
}

async function readKeyObject(
  mirrors: MirrorSet,
  name: ObjectHash,
  kept: KeptOpening | undefined,
): Promise<DecodedKeyObject> {
  const key = keyObjectKey(name);
  const accept = (read: Uint8Array): boolean => objectHashOf(read) === name;
  let bytes: Uint8Array;
  try {
    bytes = await mirrors.get(key, { accept });
    kept?.saw(key, bytes);
  } catch (error) {
    const own = isVersionsError(error, 'NotFound', 'Corrupt') && kept?.instead(key, accept);
    if (!own) throw error;
    bytes = own;
  }
  return decodeKeyObject(bytes);
}

/** What trying it costs, in kibibytes that are filled. */
export function costOf({ parameters }: DecodedKeyObject): number {
  return parameters.kdf === 'argon2id' ? parameters.passes * parameters.memoryKiB : 0;
}

/** What any mirror lists, and how many do: one may lack some, or not be listable at all. */
async function keyObjectNames(
  mirrors: MirrorSet,
  kept: ReadonlySet<ObjectHash>,
): Promise<ReadonlyMap<ObjectHash, number>> {
  const counts = new Map<ObjectHash, number>([...kept].map((name) => [name, 0]));
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
