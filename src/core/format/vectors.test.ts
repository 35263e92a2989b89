import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readFormatVectors } from '../../../test/support/format-vectors.ts';
import {
  byteStringFromText,
  toHex,
  type LineageId,
  type MirrorId,
  type RepositoryId,
  type SessionId,
  type SnapshotId,
  type WriterId,
} from '../base/index.ts';
import { chunkerParamsOf, createGearTable, nextBoundary } from '../chunking/index.ts';
import { decompress } from '../compression/index.ts';
import {
  encodeKeyFile,
  kdfParametersFor,
  MasterBundle,
  open,
  openBundle,
  seal,
  sealBundle,
  SealingKey,
  sealInto,
  type RepositoryKeys,
  type Secret,
} from '../crypto/index.ts';
import { encodeEntryState } from './entry-codec.ts';
import {
  blockAad,
  ChunkTableBuilder,
  chunkKinds,
  decodeChunkTable,
  decodeKeyObject,
  decodeObjectHeader,
  decodePackTrailer,
  decodeRecords,
  decodeSnapshotRecord,
  decodeTreePage,
  type CheckpointPart,
  encodeCheckpointRuns,
  encodeCheckpointStart,
  encodeConfig,
  encodeEntry,
  encodeEntryStart,
  encodeKeyObjectStart,
  encodeMarker,
  encodeObjectHeader,
  encodePayloadPlaintext,
  encodePayloadStart,
  encodeRecords,
  encodeRun,
  type EntryEnvelope,
  encodeSnapshotRecord,
  headerBytes,
  ListPageBuilder,
  noHash,
  objectHashOf,
  packEndBytes,
  packNameOf,
  tablePosition,
  trailerBytes,
  TreePageBuilder,
  TreePageRule,
  writePackEnd,
  type SealedObjectStart,
  type SnapshotRecord,
  type TreeEntry,
} from './index.ts';

/* Everything below is fixed: see the list of inputs in docs/format.md section 14. To write new
   vectors into the page after adding some: UPDATE_VECTORS=1 vitest run vectors. Vectors that stand
   there already never change. */

const page = new URL('../../../docs/format.md', import.meta.url);
const repository = '000102030405060708090a0b0c0d0e0f' as RepositoryId;
const created = 1_700_000_000_000;
const password: Secret = { kind: 'password', password: 'pässword' };
const keyFile: Secret = { kind: 'key', key: filled(32, 0x20) };
const hello = Buffer.from('hello');
const world = Buffer.from('world!!');
const hundred = Buffer.alloc(100, 'a');
/** One frame with one run of 100 times "a": compressors may change, this does not. */
const hundredFrame = Buffer.from('28b52ffd206423030061', 'hex');

const file: TreeEntry = {
  name: byteStringFromText('report.txt'),
  kind: 'file',
  mode: 0o644,
  mtimeSeconds: 1_700_000_000,
  mtimeNanos: 123_456_789,
  uid: 1000,
  gid: 1000,
  size: 12,
  chunks: Buffer.concat([filled(32, 0x51), filled(32, 0x52)]),
  lengths: [5, 7],
};
const link: TreeEntry = {
  name: byteStringFromText('täglich'),
  kind: 'symlink',
  mode: 0o777,
  mtimeSeconds: -1,
  mtimeNanos: 999_999_999,
  uid: 0,
  gid: 0,
  size: 0,
  target: Buffer.from('report.txt'),
  xattrs: [{ name: byteStringFromText('user.a'), value: Buffer.from('1') }],
};

const vectors = await buildVectors();

if (process.env['UPDATE_VECTORS'] === '1') writeVectors(vectors);

describe('docs/format.md section 14', () => {
  const written = readFormatVectors();

  test('has the vectors that are made here, and no others', () => {
    expect([...written.keys()]).toEqual([...vectors.keys()]);
  });

  test.each([...vectors])('%s', (name, value) => {
    expect(written.get(name)).toBe(value);
  });
});

/** A stranger's reader: from the vectors on the page alone. */
describe('what stands on the page is read back', () => {
  const written = readFormatVectors();
  const bytesOf = (name: string): Buffer => Buffer.from(written.get(name) ?? '', 'hex');

  test.each<[string, Secret]>([
    ['key-object.password', password],
    ['key-object.key-file', keyFile],
  ])('%s, then pack and journal with the bundle in it', async (name, secret) => {
    const { parameters, aad, sealed, header } = decodeKeyObject(bytesOf(name));
    const place = { suite: header.suite, salt: header.salt, aad };
    const bundle = await openBundle(sealed, secret, parameters, place);
    const keys = MasterBundle.decode(bundle, repository).repositoryKeys(1);
    expect(readPack(bytesOf('pack'), keys)).toEqual([
      [toHex(keys.ids.idOf(0, hello)), 'hello'],
      [toHex(keys.ids.idOf(0, world)), 'world!!'],
      [toHex(keys.ids.idOf(0, hundred)), 'a'.repeat(100)],
    ]);
  });

  test('records, snapshot and tree', () => {
    expect(decodeRecords(bytesOf('records')).map(({ type }) => type)).toEqual([
      'lineage',
      'session',
    ]);
    expect(decodeSnapshotRecord(bytesOf('snapshot')).host).toBe('host');
    expect(decodeTreePage(bytesOf('tree.page.0'))).toMatchObject({
      level: 0,
      entries: { length: 2 },
    });
  });
});

async function buildVectors(): Promise<ReadonlyMap<string, string>> {
  const bundle = createBundle();
  const keys = bundle.repositoryKeys(1);
  return new Map<string, string>([
    ...keyVectors(bundle, keys),
    ...(await keyObjectVectors(bundle)),
    ...clearObjectVectors(keys),
    ...sealingVectors(keys),
    ...treeVectors(keys),
    ...journalVectors(keys),
  ]);
}

function keyVectors(bundle: MasterBundle, keys: RepositoryKeys): [string, string][] {
  const gear = Buffer.alloc(1024);
  createGearTable(keys.chunkerSecret()).forEach((value, at) => gear.writeUInt32LE(value, 4 * at));
  return [
    ['bundle', toHex(bundle.encode())],
    ['gear.first-16-bytes', toHex(gear.subarray(0, 16))],
    ['gear.sha256', sha256(gear)],
    ['page-key', toHex(keys.pageKey())],
    ['boundaries', boundaries(createGearTable(keys.chunkerSecret())).join(',')],
    ['chunk-id.data', toHex(keys.ids.idOf(0, hello))],
    ['chunk-id.tree', toHex(keys.ids.idOf(1, hello))],
    ['chunk-id.list', toHex(keys.ids.idOf(2, hello))],
    ['chunk-id.snapshot', toHex(keys.ids.idOf(3, hello))],
  ];
}

async function keyObjectVectors(bundle: MasterBundle): Promise<[string, string][]> {
  const make = async (secret: Secret, suite: 0 | 1, salt: Uint8Array): Promise<string> => {
    const plain = bundle.encode();
    const parameters = kdfParametersFor(secret, { passes: 1, memoryKiB: 64, lanes: 1 });
    const sealedBytes = plain.byteLength + 16;
    const start = encodeKeyObjectStart(
      { repository, salt, sealedBytes },
      { ...parameters, created },
    );
    const sealed = await sealBundle(plain, secret, parameters, { suite, salt, aad: start });
    return toHex(Buffer.concat([start, sealed]));
  };
  const characters = encodeKeyFile(filled(32, 0x20)).replace(/^#.*$/gm, '').replace(/\s/g, '');
  return [
    ['key-file', characters],
    ['key-object.password', await make(password, 1, filled(32, 0x31))],
    ['key-object.key-file', await make(keyFile, 1, filled(32, 0x32))],
    ['key-object.none', await make({ kind: 'none' }, 0, filled(32, 0x33))],
  ];
}

function clearObjectVectors(keys: RepositoryKeys): [string, string][] {
  const sizes = { chunkBytesAvg: 1_048_576, blockBytes: 1_048_576, inlineBytes: 256 };
  const config = { repository, suite: 1 as const, created, ...sizes };
  const mirror = '101112131415161718191a1b1c1d1e1f' as MirrorId;
  return [
    ['config', toHex(encodeConfig(config, (bytes) => keys.configMac(bytes)))],
    ['mirror', toHex(encodeMarker({ repository, suite: 1, mirror, created }))],
  ];
}

function sealingVectors(keys: RepositoryKeys): [string, string][] {
  const salt = filled(32, 0x41);
  const header = encodeObjectHeader({ kind: 'data-pack', suite: 1, epoch: 1, repository, salt });
  const clear = encodeObjectHeader({ kind: 'data-pack', suite: 0, repository, salt });
  const key = keys.sealingKey('data', 1, salt);
  const pack = buildPack(keys, header);
  return [
    ['header', toHex(header)],
    ['sealed-block', toHex(seal(key, 7, blockAad(header, 7), hello))],
    ['sealed-block.suite-0', toHex(seal(SealingKey.none, 7, blockAad(clear, 7), hello))],
    ['chunk-table', toHex(buildTable(keys).encode())],
    ['pack', toHex(pack)],
    ['pack.name', packNameOf(pack)],
  ];
}

function buildTable(keys: RepositoryKeys): ChunkTableBuilder {
  const table = new ChunkTableBuilder();
  for (const chunk of [hello, world]) {
    table.addChunk(chunkKinds.data, chunk.byteLength, keys.ids.idOf(0, chunk));
  }
  table.finishBlock(0, 12 + 16, 12);
  table.addChunk(chunkKinds.data, 100, keys.ids.idOf(0, hundred));
  table.finishBlock(1, hundredFrame.byteLength + 16, 100);
  return table;
}

function buildPack(keys: RepositoryKeys, header: Buffer): Buffer {
  const { salt } = decodeObjectHeader(header);
  const pack = Buffer.alloc(1024);
  pack.set(header);
  let at = headerBytes;
  const put = (key: SealingKey, position: number, plain: readonly Uint8Array[]): void => {
    at += sealInto(key, position, blockAad(header, position), plain, pack, at);
  };
  put(keys.sealingKey('data', 1, salt), 0, [hello, world]);
  put(keys.sealingKey('data', 1, salt), 1, [hundredFrame]);
  const blocksEnd = at;
  put(keys.sealingKey('table', 1, salt), tablePosition, [buildTable(keys).encode()]);
  const packBytes = writePackEnd(pack, at, at - blocksEnd);
  expect(packBytes).toBe(blocksEnd + packEndBytes(blocksEnd, at - blocksEnd));
  return Buffer.from(pack.subarray(0, packBytes));
}

/** Id and content of every chunk. */
function readPack(pack: Buffer, keys: RepositoryKeys): [string, string][] {
  const header = decodeObjectHeader(pack, { kinds: ['data-pack'], repository });
  const trailer = decodePackTrailer(pack.subarray(-trailerBytes), pack.byteLength);
  const tableOffset = trailer.pieceTableOffset - trailer.tableBytes;
  const tableKey = keys.sealingKey('table', header.epoch, header.salt);
  const sealed = pack.subarray(tableOffset, trailer.pieceTableOffset);
  const opened = open(tableKey, tablePosition, blockAad(pack, tablePosition), sealed);
  const table = decodeChunkTable(opened, tableOffset);
  const plains = Array.from(table.blockOffsets, (offset, block) => {
    const stored = pack.subarray(offset, offset + (table.blockStoredBytes[block] ?? 0));
    const key = keys.sealingKey('data', header.epoch, header.salt);
    const bytes = open(key, block, blockAad(pack, block), stored);
    return decompress(
      table.blockCodecs[block] === 1 ? 1 : 0,
      bytes,
      table.blockPlainBytes[block] ?? 0,
    );
  });
  return Array.from(table.chunkLengths, (length, chunk): [string, string] => {
    const start = table.chunkOffsets[chunk] ?? 0;
    const plain = plains[table.chunkBlocks[chunk] ?? 0]?.subarray(start, start + length);
    const id = table.ids.subarray(32 * chunk, 32 * chunk + 32);
    return [toHex(id), Buffer.from(plain ?? []).toString()];
  });
}

function treeVectors(keys: RepositoryKeys): [string, string][] {
  const source = keys.identities.sourceId('host', [byteStringFromText('/home/ann')]);
  const fileId = keys.identities.fileId(source, byteStringFromText('/home/ann/report.txt'));
  return [
    ['entry.file', toHex(encodeEntry(file))],
    ['entry.symlink', toHex(encodeEntry(link))],
    ['source-id', toHex(source)],
    ['file-id', toHex(fileId)],
    ['version-id', toHex(keys.identities.versionId(encodeEntryState(file)))],
    ['tree.page.0', toHex(smallTreePage(keys))],
    ...largeTreeVectors(keys),
    ...largeListVectors(keys),
    ['snapshot', toHex(encodeSnapshotRecord(snapshotOf(toHex(source))))],
  ];
}

function smallTreePage(keys: RepositoryKeys): Uint8Array {
  const pages: Uint8Array[] = [];
  const builder = new TreePageBuilder(new TreePageRule(keys.pageKey()), (bytes) => {
    pages.push(bytes);
    return keys.ids.idOf(1, bytes);
  });
  for (const entry of [file, link]) builder.add(entry);
  builder.finish();
  return pages[0] ?? Buffer.of();
}

/** 5,000 empty files named 00000 to 04999. */
function largeTreeVectors(keys: RepositoryKeys): [string, string][] {
  let top: Uint8Array = Buffer.of();
  const builder = new TreePageBuilder(new TreePageRule(keys.pageKey()), (bytes) => {
    top = bytes;
    return keys.ids.idOf(1, bytes);
  });
  const empty = { ...file, mode: 0o600, size: 0, chunks: undefined, lengths: undefined };
  for (let number = 0; number < 5000; number++) {
    builder.add({ ...empty, name: byteStringFromText(String(number).padStart(5, '0')) });
  }
  const id = toHex(builder.finish());
  return [
    ['tree.5000.top', toHex(top)],
    ['tree.5000.id', id],
  ];
}

/** 1,000 chunks; the id of number n is SHA-256 of n in decimal, its length n + 1. */
function largeListVectors(keys: RepositoryKeys): [string, string][] {
  let top: Uint8Array = Buffer.of();
  const builder = new ListPageBuilder((bytes) => {
    top = bytes;
    return keys.ids.idOf(2, bytes);
  });
  for (let number = 0; number < 1000; number++) {
    builder.add(createHash('sha256').update(String(number)).digest(), number + 1);
  }
  const id = toHex(builder.finish());
  return [
    ['list.1000.top', toHex(top)],
    ['list.1000.id', id],
  ];
}

function snapshotOf(source: string): SnapshotRecord {
  return {
    id: '61'.repeat(16) as SnapshotId,
    time: created,
    finished: created + 5000,
    host: 'host',
    user: 'ann',
    source,
    paths: [byteStringFromText('/home/ann')],
    root: filled(32, 0x62),
    rootEntry: {
      kind: 'directory',
      mode: 0o755,
      mtimeSeconds: 1,
      mtimeNanos: 0,
      uid: 0,
      gid: 0,
      size: 0,
    },
    tags: ['weekly'],
    partial: true,
    problems: 1,
    missing: [],
    stats: {
      files: 2,
      dirs: 1,
      others: 1,
      bytes: 112,
      filesNew: 2,
      filesChanged: 0,
      filesUnchanged: 0,
      bytesNew: 112,
      bytesStored: 400,
    },
    users: new Map([[1000, 'ann']]),
    groups: new Map(),
    program: 'versions 0.1.0',
  };
}

interface SealedBytes {
  readonly salt: number;
  readonly plain: Uint8Array;
  readonly start: (start: SealedObjectStart) => Uint8Array;
}

function sealedObject(keys: RepositoryKeys, { salt, plain, start }: SealedBytes): Buffer {
  const salted = filled(32, salt);
  const aad = start({
    suite: 1,
    epoch: 1,
    repository,
    salt: salted,
    sealedBytes: plain.byteLength + 16,
  });
  return Buffer.concat([aad, seal(keys.sealingKey('journal', 1, salted), 0, aad, plain)]);
}

function journalVectors(keys: RepositoryKeys): [string, string][] {
  const records = encodeRecords([
    { type: 'lineage', reason: 'init' },
    { type: 'session', session: '71'.repeat(16) as SessionId, base: 0, host: 'host' },
  ]);
  const plain = encodePayloadPlaintext({ codec: 0, bytes: records }, records.byteLength);
  const payload = sealedObject(keys, { salt: 0x76, plain, start: encodePayloadStart });
  const envelope: EntryEnvelope = {
    number: 1,
    lineage: '73'.repeat(16) as LineageId,
    entryId: '74'.repeat(16),
    writer: '75'.repeat(16) as WriterId,
    time: created,
    previous: noHash,
  };
  const entry = sealedObject(keys, {
    salt: 0x72,
    plain,
    start: (start) => encodeEntryStart(start, envelope),
  });
  const second = {
    ...envelope,
    number: 2,
    entryId: '77'.repeat(16),
    previous: objectHashOf(entry),
    payload: objectHashOf(payload),
  };
  const next = sealedObject(keys, {
    salt: 0x78,
    plain: new Uint8Array(),
    start: (start) => encodeEntryStart(start, second),
  });
  return [
    ['records', toHex(records)],
    ['journal-entry', toHex(entry)],
    ['payload', toHex(payload)],
    ...checkpointVectors(keys, [{ bytes: entry }, { bytes: next, payload }]),
    ['events-record', eventsRecord()],
  ];
}

function checkpointVectors(
  keys: RepositoryKeys,
  entries: readonly [{ readonly bytes: Buffer }, { readonly bytes: Buffer; payload: Buffer }],
): [string, string][] {
  const hash = objectHashOf(entries[1].bytes);
  const covers = { first: 1, last: 2, lineage: '73'.repeat(16) as LineageId, hash };
  const run = sealedObject(keys, {
    salt: 0x79,
    plain: encodeRun(entries),
    start: (start) => encodeCheckpointStart(start, { part: 'run', ...covers }),
  });
  const runs = [partOf(run, 0x79)];
  const checkpoint = sealedObject(keys, {
    salt: 0x7a,
    plain: encodeCheckpointRuns(runs),
    start: (start) => encodeCheckpointStart(start, { part: 'checkpoint', ...covers }),
  });
  const record = { type: 'checkpoint', checkpoint: partOf(checkpoint, 0x7a), hash, runs } as const;
  return [
    ['run', toHex(run)],
    ['checkpoint', toHex(checkpoint)],
    ['checkpoint-record', toHex(encodeRecords([record]))],
  ];
}

function eventsRecord(): string {
  const by = 'host';
  const events = [
    {
      at: 1_700_000_000_000,
      kind: 'healed',
      mirror: '10'.repeat(16) as MirrorId,
      object: 'config',
      by,
      detail: 'mended from b',
    },
    { at: 1_700_000_000_001, kind: 'reported', by, detail: '' },
  ];
  return toHex(encodeRecords([{ type: 'events', events }]));
}

function partOf(object: Buffer, salt: number): CheckpointPart {
  const name = objectHashOf(object);
  return { name, bytes: object.length, salt: filled(32, salt), epoch: 1, first: 1, last: 2 };
}

/** The keys are drawn in this order: data, trees, index, journal, mac, idKey, chunkerSecret. */
function createBundle(): MasterBundle {
  let drawn = 0;
  return MasterBundle.create(repository, created, { bytes: (count) => filled(count, ++drawn) });
}

/** Where a file of 100,000 bytes from a known generator is cut, with chunks of 4 KiB on average. */
function boundaries(gear: Uint32Array): number[] {
  const bytes = new Uint8Array(100_000);
  let x = 1;
  for (let at = 0; at < bytes.byteLength; at++) {
    x = (Math.imul(1_664_525, x) + 1_013_904_223) >>> 0;
    bytes[at] = x >>> 24;
  }
  const ends: number[] = [];
  for (let at = 0; at < bytes.byteLength; ends.push(at)) {
    at = nextBoundary(bytes, at, bytes.byteLength, chunkerParamsOf(4096), gear);
  }
  return ends;
}

function filled(count: number, value: number): Uint8Array {
  return new Uint8Array(count).fill(value);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A name, then its value in indented lines, which are joined: with nothing if it is hexadecimal. */
function writeVectors(made: ReadonlyMap<string, string>): void {
  const lines = [...made].flatMap(([name, value]) => [
    name,
    ...(value.match(/.{1,120}/g) ?? []).map((part) => `  ${part}`),
  ]);
  const text = readFileSync(page, 'utf8');
  const block = /(## 14\.[^]*?```text\n)[^]*?```/;
  if (!block.test(text)) throw new Error('Section 14 has no block');
  writeFileSync(
    page,
    text.replace(block, (_, before: string) => `${before}${lines.join('\n')}\n\`\`\``),
  );
}
