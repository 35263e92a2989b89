import type { ByteString } from '../base/index.ts';
import { byteSlice } from './long-path.ts';

/** One part of the paths that were asked for. */
export interface AskedNode {
  /** This very path was asked for, with all that is in it. */
  readonly asked: boolean;
  readonly below: ReadonlyMap<ByteString, AskedNode>;
}

interface Draft {
  asked: boolean;
  readonly below: Map<ByteString, Draft>;
}

/** The asked paths (absolute, normal) as a tree of their parts, from `/`. */
export function askedTree(paths: readonly ByteString[]): AskedNode {
  const root: Draft = { asked: false, below: new Map() };
  for (const path of paths) {
    let node = root;
    for (const name of partsOf(path)) {
      let next = node.below.get(name);
      if (next === undefined) {
        next = { asked: false, below: new Map() };
        node.below.set(name, next);
      }
      node = next;
    }
    node.asked = true;
  }
  return root;
}

/**
 * An absolute path without `.`, `..`, doubled and trailing slashes; a relative one is taken from
 * `workingDirectory`. By its text only: symlinks are not looked at, as in a shell's `cd`.
 */
export function resolvePath(path: ByteString, workingDirectory: ByteString): ByteString {
  const parts: ByteString[] = [];
  const all = path.startsWith('/')
    ? partsOf(path)
    : [...partsOf(workingDirectory), ...partsOf(path)];
  for (const part of all) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- joined from byte strings
  return `/${parts.join('/')}` as ByteString;
}

function partsOf(path: ByteString): ByteString[] {
  const parts: ByteString[] = [];
  let start = 0;
  while (start < path.length) {
    const slash = path.indexOf('/', start);
    const end = slash === -1 ? path.length : slash;
    if (end > start) parts.push(byteSlice(path, start, end));
    start = end + 1;
  }
  return parts;
}
