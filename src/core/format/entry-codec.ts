import {
  byteStringOf,
  chunkIdBytes,
  entryChunksMax,
  nameBytesMax,
  type ByteString,
} from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { CborReader } from './cbor-reader.ts';
import { CborWriter } from './cbor-writer.ts';
import { entryFault, nameFault, targetBytesMax } from './entry-rules.ts';
import { damaged, tooNew } from './failures.ts';
import { entryKinds, type RootEntry, type TreeEntry, type Xattr } from './tree-entry.ts';
import { readXattrs, writeXattrs } from './xattrs.ts';

/** An entry as it stands in a tree page. */
export function encodeEntry(entry: TreeEntry): Buffer {
  scratch.reset();
  writeEntry(scratch, entry);
  return scratch.toBytes();
}

/** Writes an entry behind what `writer` holds. */
export function writeEntry(writer: CborWriter, entry: TreeEntry): void {
  checkEntry(entry, entry.name);
  writeFields(writer, entry, { name: entry.name, tree: entry.tree, fileId: entry.fileId });
}

/** The part of an entry that its version id is made of: all but name and file id. */
export function encodeEntryState(entry: TreeEntry): Buffer {
  checkEntry(entry, entry.name);
  return encodeFields(entry, { tree: entry.tree });
}

/** The entry of `/`: no name, no tree. */
export function encodeRootEntry(entry: RootEntry): Buffer {
  checkEntry(entry, undefined);
  assert(entry.kind === 'directory', 'The root is a directory');
  return encodeFields(entry, { fileId: entry.fileId });
}

/** Throws `Corrupt` (codes ENTRY_INVALID, CBOR_INVALID) or `Unsupported` (code FORMAT_TOO_NEW). */
export function decodeEntry(bytes: Uint8Array): TreeEntry {
  const reader = new CborReader(bytes);
  const entry = readEntry(reader);
  if (!reader.done) throw entryInvalid('it goes on behind its end');
  return entry;
}

export function decodeRootEntry(bytes: Uint8Array): RootEntry {
  const reader = new CborReader(bytes);
  const fields = readFields(reader);
  const { name, tree, ...entry } = fields;
  if (!reader.done || fields.kind !== 'directory') throw entryInvalid('it is not that of a root');
  if (name !== '' || tree !== undefined) throw entryInvalid('it is not that of a root');
  return entry;
}

/** Reads the entry that begins here, strictly: what an encoder would not write is refused. */
export function readEntry(reader: CborReader): TreeEntry {
  const entry = readFields(reader);
  const fault = nameFault(entry.name);
  if (fault !== undefined) throw entryInvalid(fault);
  return entry;
}

const scratch = new CborWriter();

/** The fields that some uses of an entry leave out. */
interface OptionalFields {
  readonly name?: ByteString;
  readonly tree?: Uint8Array | undefined;
  readonly fileId?: Uint8Array | undefined;
}

function checkEntry(
  entry: RootEntry & { readonly tree?: Uint8Array | undefined },
  name: string | undefined,
): void {
  const fault = (name === undefined ? undefined : nameFault(name)) ?? entryFault(entry);
  assert(fault === undefined, `An entry cannot be stored: ${fault}`);
  const { tree } = entry;
  const treeFits =
    tree === undefined || (entry.kind === 'directory' && tree.byteLength === chunkIdBytes);
  assert(treeFits, 'An entry cannot be stored: only a directory has a tree');
}

function encodeFields(entry: RootEntry, optional: OptionalFields): Buffer {
  scratch.reset();
  writeFields(scratch, entry, optional);
  return scratch.toBytes();
}

/** Number of pairs first, then the pairs in ascending order of keys; zeros are left out. */
function writeFields(writer: CborWriter, entry: RootEntry, optional: OptionalFields): void {
  const { inline, chunks, lengths, list, target, device, xattrs, xattrsRef } = entry;
  const { linkCount = 1, birthSeconds = 0, birthNanos = 0, flags = 0, remarks = 0 } = entry;
  const { name, tree, fileId } = optional;
  const severalLengths = lengths !== undefined && lengths.length > 1 ? lengths : undefined;
  writer.map(
    1 +
      present(name) +
      nonZero(entry.mode) +
      nonZero(entry.mtimeSeconds) +
      nonZero(entry.mtimeNanos) +
      nonZero(entry.uid) +
      nonZero(entry.gid) +
      nonZero(entry.size) +
      present(inline) +
      present(chunks) +
      present(severalLengths) +
      present(list) +
      present(target) +
      present(tree) +
      present(device) +
      present(xattrs) +
      present(xattrsRef) +
      nonZero(linkCount - 1) +
      present(fileId) +
      nonZero(birthSeconds) +
      nonZero(birthNanos) +
      nonZero(flags) +
      (entry.sparse === true ? 1 : 0) +
      nonZero(remarks),
  );
  if (name !== undefined) {
    writer.int(0);
    writer.latin1(name);
  }
  writer.int(1);
  writer.int(entryKinds.indexOf(entry.kind));
  writeNumber(writer, 2, entry.mode);
  writeNumber(writer, 3, entry.mtimeSeconds);
  writeNumber(writer, 4, entry.mtimeNanos);
  writeNumber(writer, 5, entry.uid);
  writeNumber(writer, 6, entry.gid);
  writeNumber(writer, 9, entry.size);
  writeBytes(writer, 10, inline);
  writeBytes(writer, 11, chunks);
  writeNumbers(writer, 12, severalLengths);
  writeBytes(writer, 13, list);
  writeBytes(writer, 14, target);
  writeBytes(writer, 15, tree);
  writeNumbers(writer, 16, device);
  if (xattrs !== undefined) {
    writer.int(17);
    writeXattrs(writer, xattrs);
  }
  writeBytes(writer, 18, xattrsRef);
  if (linkCount > 1) writeNumber(writer, 19, linkCount);
  writeBytes(writer, 20, fileId);
  writeNumber(writer, 21, birthSeconds);
  writeNumber(writer, 22, birthNanos);
  writeNumber(writer, 23, flags);
  if (entry.sparse === true) {
    writer.int(24);
    writer.yes();
  }
  writeNumber(writer, 25, remarks);
}

function present(value: unknown): number {
  return value === undefined ? 0 : 1;
}

function nonZero(value: number): number {
  return value === 0 ? 0 : 1;
}

function writeNumber(writer: CborWriter, key: number, value: number): void {
  if (value === 0) return;
  writer.int(key);
  writer.int(value);
}

function writeBytes(writer: CborWriter, key: number, value: Uint8Array | undefined): void {
  if (value === undefined) return;
  writer.int(key);
  writer.bytes(value);
}

function writeNumbers(
  writer: CborWriter,
  key: number,
  values: readonly number[] | undefined,
): void {
  if (values === undefined) return;
  writer.int(key);
  writer.array(values.length);
  for (const value of values) writer.int(value);
}

/** Every field an own property from the start, so that all entries share one shape. */
class EntryFields {
  name: ByteString = '' as ByteString;
  kind: TreeEntry['kind'] = 'file';
  mode = 0;
  mtimeSeconds = 0;
  mtimeNanos = 0;
  uid = 0;
  gid = 0;
  size = 0;
  inline: Uint8Array | undefined = undefined;
  chunks: Uint8Array | undefined = undefined;
  lengths: readonly number[] | undefined = undefined;
  list: Uint8Array | undefined = undefined;
  target: Uint8Array | undefined = undefined;
  tree: Uint8Array | undefined = undefined;
  device: readonly [number, number] | undefined = undefined;
  xattrs: readonly Xattr[] | undefined = undefined;
  xattrsRef: Uint8Array | undefined = undefined;
  linkCount: number | undefined = undefined;
  fileId: Uint8Array | undefined = undefined;
  birthSeconds: number | undefined = undefined;
  birthNanos: number | undefined = undefined;
  flags: number | undefined = undefined;
  sparse: boolean | undefined = undefined;
  remarks: number | undefined = undefined;
}

/** Reads an entry with or without a name; without one it is empty. */
function readFields(reader: CborReader): EntryFields {
  const pairCount = reader.map();
  const entry = new EntryFields();
  let lastKey = -1;
  let kindFound = false;
  for (let pair = 0; pair < pairCount; pair++) {
    const key = reader.uint();
    if (key <= lastKey) throw entryInvalid('its keys are not in order');
    lastKey = key;
    if (key === 1) kindFound = true;
    readField(reader, entry, key);
  }
  if (!kindFound) throw entryInvalid('its kind is missing');
  const fault = entryFault(entry);
  if (fault !== undefined) throw entryInvalid(fault);
  if (entry.tree !== undefined && entry.kind !== 'directory') {
    throw entryInvalid('only a directory has a tree');
  }
  // A single chunk is as long as the file.
  if (entry.chunks !== undefined && entry.lengths === undefined) entry.lengths = [entry.size];
  return entry;
}

function readField(reader: CborReader, entry: EntryFields, key: number): void {
  switch (key) {
    case 0:
      entry.name = byteStringOf(reader.byteString(1, nameBytesMax));
      return;
    case 1: {
      const number = reader.uint();
      const kind = entryKinds[number];
      if (kind === undefined) throw tooNew('An entry of a tree', { kind: number });
      entry.kind = kind;
      return;
    }
    case 2:
      entry.mode = nonZeroInt(reader);
      return;
    case 3:
      entry.mtimeSeconds = nonZeroInt(reader);
      return;
    case 4:
      entry.mtimeNanos = nonZeroInt(reader);
      return;
    case 5:
      entry.uid = nonZeroInt(reader);
      return;
    case 6:
      entry.gid = nonZeroInt(reader);
      return;
    case 9:
      entry.size = nonZeroInt(reader);
      return;
    default:
      readContentField(reader, entry, key);
  }
}

function readContentField(reader: CborReader, entry: EntryFields, key: number): void {
  switch (key) {
    case 10:
      entry.inline = reader.byteString(1);
      return;
    case 11:
      entry.chunks = reader.byteString(chunkIdBytes, entryChunksMax * chunkIdBytes);
      return;
    case 12:
      entry.lengths = readNumbers(reader, 2, entryChunksMax);
      return;
    case 13:
      entry.list = reader.byteString(chunkIdBytes, chunkIdBytes);
      return;
    case 14:
      entry.target = reader.byteString(1, targetBytesMax);
      return;
    case 15:
      entry.tree = reader.byteString(chunkIdBytes, chunkIdBytes);
      return;
    case 16: {
      const [major = 0, minor = 0] = readNumbers(reader, 2, 2);
      entry.device = [major, minor];
      return;
    }
    default:
      readOtherField(reader, entry, key);
  }
}

function readOtherField(reader: CborReader, entry: EntryFields, key: number): void {
  switch (key) {
    case 17:
      entry.xattrs = readXattrs(reader);
      return;
    case 18:
      entry.xattrsRef = reader.byteString(chunkIdBytes, chunkIdBytes);
      return;
    case 19:
      entry.linkCount = nonZeroInt(reader);
      if (entry.linkCount < 2) throw entryInvalid('a single hard link is not counted');
      return;
    case 20:
      entry.fileId = reader.byteString(16, 16);
      return;
    case 21:
      entry.birthSeconds = nonZeroInt(reader);
      return;
    case 22:
      entry.birthNanos = nonZeroInt(reader);
      return;
    case 23:
      entry.flags = nonZeroInt(reader);
      return;
    case 24:
      if (reader.value() !== true) throw entryInvalid('its mark for sparse files is not true');
      entry.sparse = true;
      return;
    case 25:
      entry.remarks = nonZeroInt(reader);
      return;
    default:
      // From 128 on a reader may ignore what it does not know.
      if (key < 128) throw tooNew('An entry of a tree', { key });
      reader.value();
  }
}

/** An integer other than zero, which is written by leaving it out. */
function nonZeroInt(reader: CborReader): number {
  const value = reader.int();
  if (value === 0) throw entryInvalid('a zero is not left out');
  return value;
}

function readNumbers(reader: CborReader, least: number, most: number): number[] {
  const count = reader.array();
  if (count < least || count > most) throw entryInvalid('a list has a length that is refused');
  const numbers: number[] = [];
  for (let read = 0; read < count; read++) numbers.push(reader.uint());
  return numbers;
}

function entryInvalid(why: string): Error {
  return damaged('ENTRY_INVALID', `An entry of a tree is not valid: ${why}`);
}
