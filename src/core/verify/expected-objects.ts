import type { ObjectHash } from '../base/index.ts';
import { parseObjectName } from '../format/index.ts';
import type { ListedMirror } from './list-mirror.ts';

/** An object that every mirror must hold. */
export interface ExpectedObject {
  readonly key: string;
  /** Undefined where only the content tells. */
  readonly bytes: number | undefined;
  /** SHA-256 of its bytes; undefined for `config` and `mirror`, which carry theirs inside. */
  readonly hash: ObjectHash | undefined;
  /** The mirrors do not agree on its size, and nobody else knows it: only reading tells. */
  readonly isDisputed?: boolean | undefined;
  /** Its writer may be about to store it: that it is missing is no finding. */
  readonly mayBeMissing?: boolean | undefined;
  /** This machine has its bytes: it is never lost. */
  readonly atHand?: boolean | undefined;
}

/** The parts of a mirror that hold objects of the repository; what lies elsewhere is not ours. */
export const objectPrefixes: readonly string[] = [
  'keys/',
  'packs/',
  'journal/',
  'payloads/',
  'checkpoints/',
];

/** Could the key be an object of the repository, were it named by anybody? */
export function isOurs(key: string): boolean {
  return objectPrefixes.some((prefix) => key.startsWith(prefix));
}

/** Sorts as a store lists: ascending by the bytes of the key. Keys are ASCII. */
export function sortedByKey(objects: readonly ExpectedObject[]): readonly ExpectedObject[] {
  return objects.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

/**
 * What mirrors must hold, as far as their lists tell: everything that any of them has under a name
 * that an object can have. Without the journal nobody knows what all of them have lost.
 */
export function expectedByLists(listed: readonly ListedMirror[]): readonly ExpectedObject[] {
  const sizes = new Map<string, number | undefined>([
    ['config', undefined],
    ['mirror', undefined],
  ]);
  const disputed = new Set<string>();
  for (const { sizes: own } of listed) {
    for (const [key, bytes] of own) {
      const known = sizes.get(key);
      if (known === undefined) sizes.set(key, bytes);
      else if (known !== bytes) disputed.add(key);
    }
  }
  const objects: ExpectedObject[] = [];
  for (const [key, bytes] of sizes) {
    const name = parseObjectName(key);
    if (name === undefined) continue;
    const isClear = name.hash === undefined;
    const isDisputed = !isClear && disputed.has(key);
    objects.push({
      key,
      bytes: isClear || isDisputed ? undefined : bytes,
      hash: name.hash,
      isDisputed,
    });
  }
  return sortedByKey(objects);
}
