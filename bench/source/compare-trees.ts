import { type BigIntStats, closeSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { joinBytes, walk } from './walk.ts';

/** In what the content of a restored tree can differ. */
export const contentKinds = ['missing', 'extra', 'type', 'content', 'link target'] as const;
const metadataKinds = ['mode', 'owner', 'mtime', 'hard links'] as const;

type DifferenceKind = (typeof contentKinds)[number] | (typeof metadataKinds)[number];

/** How often something differs, and where it does so first. */
export interface Difference {
  readonly kind: DifferenceKind;
  readonly count: number;
  readonly example: string;
}

/**
 * Compares a restored directory with its source, itself and everything below: every byte, type,
 * permissions, owners, times to the nanosecond, and numbers of hard links.
 */
export function compareTrees(source: string, restored: string): Difference[] {
  const comparison = new Comparison(Buffer.from(source), Buffer.from(restored));
  for (const { path, stats } of walk(source)) comparison.compare(path, stats);
  if (statsOf(Buffer.from(restored)) === undefined) return comparison.differences();
  for (const { path } of walk(restored)) comparison.expect(path);
  return comparison.differences();
}

class Comparison {
  readonly #source: Buffer;
  readonly #restored: Buffer;
  readonly #found = new Map<DifferenceKind, { count: number; readonly example: string }>();

  constructor(source: Buffer, restored: Buffer) {
    this.#source = source;
    this.#restored = restored;
  }

  compare(path: Buffer, is: BigIntStats): void {
    const note = (kind: DifferenceKind): void => this.#note(kind, path);
    const [source, restored] = [at(this.#source, path), at(this.#restored, path)];
    const was = statsOf(restored);
    if (was === undefined) return note('missing');
    if (typeOf(is) !== typeOf(was)) return note('type');
    if (is.isFile() && !isSameContent(source, restored, is.size === was.size)) note('content');
    if (is.isSymbolicLink() && readlinkSync(source) !== readlinkSync(restored)) note('link target');
    if (is.mode !== was.mode) note('mode');
    if (is.uid !== was.uid || is.gid !== was.gid) note('owner');
    if (is.mtimeNs !== was.mtimeNs) note('mtime');
    if (!is.isDirectory() && is.nlink !== was.nlink) note('hard links');
  }

  /** Notes a restored entry that the source does not have. */
  expect(path: Buffer): void {
    if (statsOf(at(this.#source, path)) === undefined) this.#note('extra', path);
  }

  differences(): Difference[] {
    return [...contentKinds, ...metadataKinds].flatMap((kind) => {
      const found = this.#found.get(kind);
      return found === undefined ? [] : [{ kind, ...found }];
    });
  }

  #note(kind: DifferenceKind, path: Buffer): void {
    const found = this.#found.get(kind);
    if (found === undefined) this.#found.set(kind, { count: 1, example: `./${path.toString()}` });
    else found.count += 1;
  }
}

function at(root: Buffer, path: Buffer): Buffer {
  return path.length === 0 ? root : joinBytes(root, path);
}

function statsOf(path: Buffer): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

const typeMask = 0o170000n;

function typeOf({ mode }: BigIntStats): bigint {
  return mode & typeMask;
}

const bufferBytes = 1 << 20;
const buffers = [Buffer.allocUnsafe(bufferBytes), Buffer.allocUnsafe(bufferBytes)] as const;

function isSameContent(a: Buffer, b: Buffer, isSameSize: boolean): boolean {
  if (!isSameSize) return false;
  const [left, right] = [openSync(a, 'r'), openSync(b, 'r')];
  try {
    for (;;) {
      const [read, alsoRead] = [readFull(left, buffers[0]), readFull(right, buffers[1])];
      if (!buffers[0].subarray(0, read).equals(buffers[1].subarray(0, alsoRead))) return false;
      if (read < bufferBytes) return true;
    }
  } finally {
    closeSync(left);
    closeSync(right);
  }
}

/** Reads until the buffer is full or the file ends. */
function readFull(file: number, buffer: Buffer): number {
  let filled = 0;
  while (filled < buffer.length) {
    const read = readSync(file, buffer, filled, buffer.length - filled, null);
    if (read === 0) break;
    filled += read;
  }
  return filled;
}
