import type { ByteString, ChunkId } from '../base/index.ts';
import { byteSlice } from '../files/index.ts';
import {
  decodeEntry,
  TreePageBuilder,
  type TreeEntry,
  type TreePageRule,
} from '../format/index.ts';

export interface WrapOptions {
  readonly rule: TreePageRule;
  readonly storePage: (page: Uint8Array) => ChunkId;
  readonly startMs: number;
}

/** The tree of `/` in which an entry stands at `path` (absolute) instead of where it was (`--as`). */
export function wrapInPath(captured: Uint8Array, path: ByteString, options: WrapOptions): ChunkId {
  let entry: TreeEntry = decodeEntry(captured);
  let at = path;
  if (at === '/' && entry.tree !== undefined) return entry.tree;
  for (;;) {
    const name = byteSlice(at, at.lastIndexOf('/') + 1);
    const pages = new TreePageBuilder(options.rule, options.storePage);
    pages.add({ ...entry, name });
    const tree = pages.finish();
    at = byteSlice(at, 0, at.lastIndexOf('/'));
    if (at === '') return tree;
    entry = {
      name,
      kind: 'directory',
      mode: 0o755,
      mtimeSeconds: Math.floor(options.startMs / 1000),
      mtimeNanos: 0,
      uid: 0,
      gid: 0,
      size: 0,
      tree,
    };
  }
}
