import {
  chunkBytesMax,
  chunkIdBytes,
  entryChunksMax,
  inlineFileBytesMax,
  inlineXattrBytesMax,
  nameBytesMax,
} from '../base/index.ts';
import { cborXattrBytes } from './xattrs.ts';
import type { RootEntry } from './tree-entry.ts';

/** Longest target of a symlink; no system allows more than 4,096. */
export const targetBytesMax = 65_536;
const u32Max = 0xffff_ffff;

/** Why `name` cannot be an entry's name, or undefined. */
export function nameFault(name: string): string | undefined {
  if (name.length === 0 || name.length > nameBytesMax)
    return 'its name has a length that is refused';
  if (name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    return 'its name would lead elsewhere';
  }
  return undefined;
}

/** Why an entry cannot be stored, name and tree apart, or undefined: the table of section 9. */
export function entryFault(entry: RootEntry): string | undefined {
  return numberFault(entry) ?? kindFault(entry) ?? contentFault(entry) ?? xattrFault(entry);
}

function numberFault(entry: RootEntry): string | undefined {
  const { mode, mtimeSeconds, mtimeNanos, uid, gid, size } = entry;
  const { birthSeconds = 0, birthNanos = 0, flags = 0, remarks = 0, linkCount = 1 } = entry;
  const fits =
    isBetween(mode, 0, 0o7777) &&
    Number.isSafeInteger(mtimeSeconds) &&
    isBetween(mtimeNanos, 0, 999_999_999) &&
    isBetween(uid, 0, u32Max) &&
    isBetween(gid, 0, u32Max) &&
    isBetween(size, 0, Number.MAX_SAFE_INTEGER) &&
    Number.isSafeInteger(birthSeconds) &&
    isBetween(birthNanos, 0, 999_999_999) &&
    isBetween(flags, 0, u32Max) &&
    isBetween(remarks, 0, u32Max) &&
    isBetween(linkCount, 1, Number.MAX_SAFE_INTEGER);
  return fits ? undefined : 'a number is out of range';
}

function kindFault(entry: RootEntry): string | undefined {
  const { kind, size, inline, chunks, list, target, device, linkCount, flags, sparse } = entry;
  const isFile = kind === 'file';
  const isDevice = kind === 'character-device' || kind === 'block-device';
  if (!isFile && (size > 0 || sparse || inline || chunks || list)) return 'only a file has content';
  if ((target !== undefined) !== (kind === 'symlink'))
    return 'a symlink and only that has a target';
  if (target && (target.byteLength === 0 || target.byteLength > targetBytesMax)) {
    return 'its target has a length that is refused';
  }
  if (target?.includes(0)) return 'its target holds a NUL';
  if ((device !== undefined) !== isDevice) return 'a device and only that has device numbers';
  if (device && !device.every((part) => isBetween(part, 0, u32Max)))
    return 'a number is out of range';
  if (kind === 'directory' && (linkCount ?? 1) > 1) return 'a directory has no hard links';
  if (flags && !isFile && kind !== 'directory') return 'only a file or directory has inode flags';
  return undefined;
}

function contentFault(entry: RootEntry): string | undefined {
  const { size, inline, chunks, lengths, list, fileId } = entry;
  if (fileId && fileId.byteLength !== 16) return 'its file id is not 16 bytes';
  if ([inline, chunks, list].filter((content) => content !== undefined).length > 1) {
    return 'it has its content twice';
  }
  if (lengths !== undefined && chunks === undefined) return 'it has lengths without chunks';
  if (inline) {
    const fits = inline.byteLength === size && size > 0 && size <= inlineFileBytesMax;
    return fits ? undefined : 'its inline content does not fit its size';
  }
  if (list)
    return list.byteLength === chunkIdBytes && size > 0 ? undefined : 'its list is malformed';
  return chunks ? chunksFault(chunks, lengths, size) : undefined;
}

function chunksFault(
  chunks: Uint8Array,
  lengths: readonly number[] | undefined,
  size: number,
): string | undefined {
  const count = chunks.byteLength / chunkIdBytes;
  if (!Number.isInteger(count) || !isBetween(count, 1, entryChunksMax)) {
    return 'its chunk ids are malformed';
  }
  if (lengths === undefined) {
    return count === 1 && isBetween(size, 1, chunkBytesMax) ? undefined : 'its lengths are missing';
  }
  let sum = 0;
  for (const length of lengths) {
    if (!isBetween(length, 1, chunkBytesMax)) return 'the length of a chunk is out of range';
    sum += length;
  }
  return lengths.length === count && sum === size ? undefined : 'its lengths do not add up';
}

function xattrFault(entry: RootEntry): string | undefined {
  const { xattrs, xattrsRef } = entry;
  if (xattrs && xattrsRef) return 'it has its extended attributes twice';
  if (xattrsRef && xattrsRef.byteLength !== chunkIdBytes) return 'a chunk id is malformed';
  if (xattrs === undefined) return undefined;
  const bytes = cborXattrBytes(xattrs);
  if (bytes === undefined)
    return 'the names of its extended attributes are refused or not in order';
  return bytes <= inlineXattrBytesMax ? undefined : 'its extended attributes are too large';
}

function isBetween(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}
