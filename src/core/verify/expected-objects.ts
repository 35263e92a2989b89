import type { ObjectHash } from '../base/index.ts';

/** An object that every mirror must hold. */
export interface ExpectedObject {
  readonly key: string;
  /** Undefined where only the content tells. */
  readonly bytes: number | undefined;
  /** SHA-256 of its bytes; undefined for `config` and `mirror`, which carry theirs inside. */
  readonly hash: ObjectHash | undefined;
  /** Its writer may be about to store it: that it is missing is no finding. */
  readonly mayBeMissing?: boolean;
  /** This machine has its bytes and stores it again when it next writes: it is never lost. */
  readonly atHand?: boolean;
}

/** The parts of a mirror that hold objects of the repository; what lies elsewhere is not ours. */
export const objectPrefixes: readonly string[] = [
  'keys/',
  'packs/',
  'journal/',
  'payloads/',
  'checkpoints/',
];

/** Sorts as a store lists: ascending by the bytes of the key. Keys are ASCII. */
export function sortedByKey(objects: readonly ExpectedObject[]): readonly ExpectedObject[] {
  return objects.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}
