import { constantFrom, nat, record, type Arbitrary } from 'fast-check';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { type ByteString, byteStringFromText, fsPath } from '../../src/core/base/index.ts';
import { nativeCalls } from '../../src/core/files/index.ts';
import { SeededRandom } from './seeded-random.ts';
import { testChunkBytesAvg, testChunkBytesMax, testChunkBytesMin } from './test-repository.ts';

const editKinds = [
  'file',
  'file',
  'file',
  'directory',
  'directory',
  'overwrite',
  'append',
  'truncate',
  'rename',
  'remove',
  'chmod',
  'touch',
  'symlink',
  'link',
  'copy',
  'sparse',
  'fifo',
] as const;

/** One change of a directory tree; the numbers choose among what there is when it is applied. */
export interface Edit {
  readonly kind: (typeof editKinds)[number];
  readonly where: number;
  readonly which: number;
  readonly name: string;
  readonly bytes: number;
  readonly seed: number;
  readonly mode: number;
  readonly mtime: readonly [seconds: number, nanos: number];
}

/** Names as bytes that programs have stumbled over. */
const hostileNames: readonly string[] = [
  'plain',
  'a',
  'b',
  '-rf',
  ' ',
  ' lead and trail ',
  'new\nline',
  'tab\t\x1b[31m',
  '\xc3\xa4\xc3\xb6',
  '\xff\xfe\x80',
  '"quoted\'',
  'back\\slash',
  '*?[x]',
  '~',
  '#c',
  '!n',
  '..x',
  '...',
  '.hidden',
  'x'.repeat(255),
  'CON',
  'a:b',
  '\x01',
];

const sizes: readonly number[] = [
  0,
  1,
  255,
  256,
  257,
  4096,
  testChunkBytesMin - 1,
  testChunkBytesMin,
  testChunkBytesMin + 1,
  testChunkBytesAvg,
  testChunkBytesMax - 1,
  testChunkBytesMax,
  testChunkBytesMax + 1,
  testChunkBytesMax * 3 + 17,
];

const mtimes: readonly (readonly [number, number])[] = [
  [-1, 999_999_999],
  [-1_000_000_000, 1],
  [0, 0],
  [1, 5],
  [1_000_000_000, 123_456_789],
  [1_700_000_000, 0],
  [4_294_967_301, 7],
];

export const arbitraryEdit: Arbitrary<Edit> = record({
  kind: constantFrom(...editKinds),
  where: nat(),
  which: nat(),
  name: constantFrom(...hostileNames),
  bytes: constantFrom(...sizes),
  // Few seeds, so that contents meet again.
  seed: nat(5),
  mode: constantFrom(0o644, 0o600, 0o755, 0o400, 0o4755, 0o2711, 0o1777, 0o666),
  mtime: constantFrom(...mtimes),
});

/** What a tree of the model has; paths are byte strings. */
interface Listing {
  readonly directories: ByteString[];
  readonly files: ByteString[];
  /** Everything but the root. */
  readonly all: ByteString[];
}

/** Applies edits below `root`, which exists. What an edit cannot be applied to, it leaves alone. */
export function applyEdits(root: string, edits: readonly Edit[]): void {
  for (const edit of edits) applyEdit(byteStringFromText(root), edit);
}

function applyEdit(root: ByteString, edit: Edit): void {
  const { directories, files, all } = list(root);
  const directory = pick(directories, edit.where) ?? root;
  const target = `${directory}/${edit.name}` as ByteString;
  const file = pick(files, edit.which);
  const any = pick(all, edit.which);
  switch (edit.kind) {
    case 'file':
      clear(target);
      writeFileSync(fsPath(target), contentOf(edit), { mode: edit.mode });
      return setMtime(target, edit);
    case 'directory':
      clear(target);
      return mkdirSync(fsPath(target));
    case 'overwrite':
      return file === undefined ? undefined : overwrite(file, edit);
    case 'append':
      return file === undefined ? undefined : appendFileSync(fsPath(file), contentOf(edit));
    case 'truncate':
      return file === undefined ? undefined : truncateSync(fsPath(file), edit.bytes);
    case 'rename':
      return any === undefined || within(directory, any) || target === any
        ? undefined
        : move(any, target);
    case 'remove':
      return any === undefined ? undefined : rmSync(fsPath(any), { recursive: true });
    case 'chmod':
      return any === undefined || isLink(any)
        ? undefined
        : chmodSync(fsPath(any), edit.mode | 0o400);
    case 'touch':
      return any === undefined ? undefined : setMtime(any, edit);
    case 'symlink':
      clear(target);
      return symlinkSync(fsPath(pick(hostileNames, edit.which) as ByteString), fsPath(target));
    case 'link':
      if (file === undefined || within(file, target)) return undefined;
      clear(target);
      return linkSync(fsPath(file), fsPath(target));
    case 'copy':
      if (file === undefined || within(file, target)) return undefined;
      clear(target);
      return copyFileSync(fsPath(file), fsPath(target));
    case 'sparse':
      clear(target);
      return writeSparse(target, edit);
    case 'fifo':
      if (!nativeCalls().capabilities.specialFiles) return undefined;
      clear(target);
      return nativeCalls().makeNode(fsPath(target), 0o010644, { major: 0, minor: 0 });
    default:
      return edit.kind satisfies never;
  }
}

function list(root: ByteString): Listing {
  const listing: Listing = { directories: [root], files: [], all: [] };
  for (const directory of listing.directories) {
    for (const name of (readdirSync(fsPath(directory), 'latin1') as ByteString[]).sort()) {
      const path = `${directory}/${name}` as ByteString;
      const stat = lstatSync(fsPath(path));
      listing.all.push(path);
      if (stat.isDirectory()) listing.directories.push(path);
      if (stat.isFile()) listing.files.push(path);
    }
  }
  return listing;
}

function pick<T>(items: readonly T[], number: number): T | undefined {
  return items.length === 0 ? undefined : items[number % items.length];
}

function within(path: ByteString, outer: ByteString): boolean {
  return path === outer || path.startsWith(`${outer}/`);
}

function isLink(path: ByteString): boolean {
  return lstatSync(fsPath(path)).isSymbolicLink();
}

function clear(path: ByteString): void {
  rmSync(fsPath(path), { recursive: true, force: true });
}

function move(from: ByteString, to: ByteString): void {
  if (within(from, to)) return;
  clear(to);
  renameSync(fsPath(from), fsPath(to));
}

/** A piece in the middle, so that most chunks stay as they are. */
function overwrite(path: ByteString, edit: Edit): void {
  const { size } = lstatSync(fsPath(path));
  const fd = openSync(fsPath(path), 'r+');
  writeSync(fd, Buffer.from(`piece ${edit.seed}`), 0, 7, Math.floor(size / 2));
  closeSync(fd);
}

function writeSparse(path: ByteString, edit: Edit): void {
  const fd = openSync(fsPath(path), 'w');
  ftruncateSync(fd, 400_000);
  writeSync(fd, Buffer.from('in the middle'), 0, 13, 100_000 + edit.seed * 8192);
  closeSync(fd);
}

function setMtime(path: ByteString, { mtime: [seconds, nanos] }: Edit): void {
  nativeCalls().setMtime(fsPath(path), { mtimeSeconds: seconds, mtimeNanos: nanos }, false);
}

/** Compressible, and the same for the same seed: its beginning too. */
function contentOf({ bytes, seed }: Edit): Buffer {
  const random = Buffer.from(new SeededRandom(seed).bytes(Math.ceil(bytes / 2)));
  return Buffer.concat([random, random]).subarray(0, bytes);
}
