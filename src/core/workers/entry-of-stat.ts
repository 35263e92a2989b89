import { inlineXattrBytesMax, type ByteString } from '../base/index.ts';
import { isSparse, type FileStat, type Xattr } from '../files/index.ts';
import { encodeXattrs, type TreeEntry } from '../format/index.ts';

export type MutableEntry = { -readonly [K in keyof TreeEntry]: TreeEntry[K] };

/** The entry of something in the file system, without content, target, tree and attributes. */
export function entryOfStat(name: ByteString, stat: FileStat): MutableEntry {
  const entry: MutableEntry = {
    name,
    kind: stat.kind,
    mode: stat.mode,
    mtimeSeconds: stat.mtimeSeconds,
    mtimeNanos: stat.mtimeNanos,
    uid: stat.uid,
    gid: stat.gid,
    size: 0,
  };
  if (stat.kind === 'character-device' || stat.kind === 'block-device') {
    entry.device = [stat.rdevMajor, stat.rdevMinor];
  }
  if (stat.kind !== 'directory' && stat.linkCount > 1) entry.linkCount = stat.linkCount;
  if (isSparse(stat)) entry.sparse = true;
  if (stat.birthtimeSeconds !== undefined) {
    entry.birthSeconds = stat.birthtimeSeconds;
    entry.birthNanos = stat.birthtimeNanos;
  }
  return entry;
}

/**
 * The fields for extended attributes, as `readXattrs` gives them. `storeLarge` keeps an encoded
 * list that does not fit into an entry and returns its id.
 */
export function xattrFields(
  xattrs: readonly Xattr[],
  storeLarge: (bytes: Uint8Array) => Uint8Array,
): Pick<TreeEntry, 'xattrs' | 'xattrsRef'> {
  if (xattrs.length === 0) return {};
  const sorted = xattrs.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const encoded = encodeXattrs(sorted);
  if (encoded.byteLength <= inlineXattrBytesMax) return { xattrs: sorted };
  return { xattrsRef: storeLarge(encoded) };
}
