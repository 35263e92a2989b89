import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { openPack } from '../../../test/support/open-pack.ts';
import { SeededRandom, seededBytes } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import { encodeEntry, type TreeEntry } from '../format/index.ts';
import { compareFiles } from './compare-files.ts';
import { PackBuilder } from './pack-builder.ts';
import {
  writeNumbers,
  type BlockPlace,
  type RestoreFile,
  type RestoreSettings,
  type RestoreTask,
  type SealedPack,
} from './protocol.ts';
import { RestoreWriter } from './restore-writer.ts';

const world = testKeys();
let directory: TemporaryDirectory;
let settings: RestoreSettings;
let writer: RestoreWriter;

beforeEach(() => {
  directory = new TemporaryDirectory();
  settings = {
    root: directory.root,
    owner: false,
    uids: new Map(),
    gids: new Map(),
    system: 'linux',
    ownUid: process.geteuid?.() ?? 0,
  };
  writer = new RestoreWriter(world.keys, settings);
});
afterEach(() => {
  writer.target[Symbol.dispose]();
  directory.remove();
});

/** One pack: each inner list is a block of chunks. */
function packOf(blocks: readonly (readonly Buffer[])[]): SealedPack {
  const packs: SealedPack[] = [];
  const builder = new PackBuilder({
    kind: 'data',
    keys: world.keys,
    repository: world.repository,
    packBytes: 8 * 1024 * 1024,
    blockBytes: 1024 * 1024,
    chunkBytesMax: 1024 * 1024,
    random: new SeededRandom(blocks.length),
    onPack: (pack) => packs.push(pack),
  });
  for (const chunks of blocks) {
    for (const chunk of chunks) builder.addChunk(chunk, 0, world.keys.ids.idOf(0, chunk));
    builder.finishBlock();
  }
  builder.finish();
  const [pack] = packs;
  if (pack === undefined) throw new Error('There is no pack');
  return pack;
}

interface Write {
  /** Number of the chunk in the pack. */
  readonly chunk: number;
  readonly file: number;
  readonly offset: number;
}

/** A task for all blocks of a pack. */
function taskOf(
  pack: SealedPack,
  files: readonly RestoreFile[],
  writes: readonly Write[],
): RestoreTask {
  const { table } = openPack(pack, world);
  const packBytes = Buffer.from(new Uint8Array(pack.buffer, 0, pack.bytes));
  const blocks = Array.from(table.blockOffsets, (at, position): BlockPlace => ({
    at,
    position,
    codec: table.blockCodecs[position] === 1 ? 1 : 0,
    storedBytes: table.blockStoredBytes[position] ?? 0,
    plainBytes: table.blockPlainBytes[position] ?? 0,
  }));
  const numbers = new Float64Array(writes.length * writeNumbers);
  const ids = new Uint8Array(writes.length * 32);
  writes.forEach(({ chunk, file, offset }, at) => {
    const block = table.chunkBlocks[chunk] ?? 0;
    const from = table.chunkOffsets[chunk] ?? 0;
    numbers.set([block, from, table.chunkLengths[chunk] ?? 0, file, offset], at * writeNumbers);
    ids.set(table.ids.subarray(chunk * 32, chunk * 32 + 32), at * 32);
  });
  const packHeader = packBytes.subarray(0, 64);
  return {
    type: 'restore',
    settings,
    packHeader,
    bytes: packBytes,
    blocks,
    files,
    writes: numbers,
    ids,
  };
}

/** A task without blocks. */
function metadataTask(files: readonly RestoreFile[]): RestoreTask {
  const empty = new Uint8Array(0);
  const writes = new Float64Array(0);
  return {
    type: 'restore',
    settings,
    packHeader: empty,
    bytes: empty,
    blocks: [],
    files,
    writes,
    ids: empty,
  };
}

function entryOf(content: Buffer, more: Partial<TreeEntry> = {}): Uint8Array {
  const entry: TreeEntry = {
    name: bytes('x'),
    kind: 'file',
    mode: 0o640,
    mtimeSeconds: 1_234_567_890,
    mtimeNanos: 123_456_789,
    uid: 0,
    gid: 0,
    size: content.byteLength,
    ...(content.byteLength === 0 || more.inline
      ? {}
      : { chunks: new Uint8Array(32), lengths: [content.byteLength] }),
    ...more,
  };
  return encodeEntry(entry);
}

function fileOf(path: string, content: Buffer, more: Partial<RestoreFile> = {}): RestoreFile {
  return { path: bytes(path), entry: entryOf(content), state: 'absent', complete: true, ...more };
}

const readBack = (path: string): Buffer => readFileSync(directory.text(path));
const nothingElse = { badBlocks: [], failures: [], misses: [] };

describe('RestoreWriter', () => {
  it('writes a file with its content and metadata', () => {
    const content = seededBytes(1, 50_000);
    const task = taskOf(
      packOf([[content]]),
      [fileOf('a', content)],
      [{ chunk: 0, file: 0, offset: 0 }],
    );
    expect(writer.run(task)).toEqual({ type: 'restore', ...nothingElse, bytesWritten: 50_000 });
    expect(readBack('a').equals(content)).toBe(true);
    const stat = statSync(directory.text('a'), { bigint: true });
    expect(stat.mode & 0o7777n).toBe(0o640n);
    expect(stat.mtimeNs).toBe(1_234_567_890_123_456_789n);
  });

  it('writes one chunk to many files and places, and many chunks to one file', () => {
    const [a, b, c] = [seededBytes('a', 1000), seededBytes('b', 2000), seededBytes('c', 3000)];
    const all = Buffer.concat([c, a, b, a]);
    const task = taskOf(
      packOf([[a, b], [c]]),
      [fileOf('only a', a), fileOf('all', all), fileOf('only b', b)],
      [
        { chunk: 0, file: 0, offset: 0 },
        { chunk: 0, file: 1, offset: 3000 },
        { chunk: 0, file: 1, offset: 6000 },
        { chunk: 1, file: 1, offset: 4000 },
        { chunk: 1, file: 2, offset: 0 },
        { chunk: 2, file: 1, offset: 0 },
      ],
    );
    expect(writer.run(task)).toMatchObject(nothingElse);
    expect(readBack('only a').equals(a)).toBe(true);
    expect(readBack('only b').equals(b)).toBe(true);
    expect(readBack('all').equals(all)).toBe(true);
  });

  it('goes on in a later task with a file of which parts are missing', () => {
    const [a, b] = [seededBytes('a', 70_000), seededBytes('b', 30_000)];
    const all = Buffer.concat([a, b]);
    writeFileSync(directory.text('file'), '');
    const part = fileOf('file', all, { state: 'created', complete: false });
    expect(
      writer.run(taskOf(packOf([[b]]), [part], [{ chunk: 0, file: 0, offset: 70_000 }])),
    ).toMatchObject(nothingElse);
    const last = fileOf('file', all, { state: 'created', complete: true });
    expect(
      writer.run(taskOf(packOf([[a]]), [last], [{ chunk: 0, file: 0, offset: 0 }])),
    ).toMatchObject(nothingElse);
    expect(readBack('file').equals(all)).toBe(true);
    expect(statSync(directory.text('file')).mode & 0o7777).toBe(0o640);
  });

  it('keeps parts of more files than stay open at once', () => {
    const [a, b] = [seededBytes('a', 300), seededBytes('b', 300)];
    const all = Buffer.concat([a, b]);
    const names = Array.from({ length: 200 }, (_, at) => `file ${at}`);
    for (const name of names) writeFileSync(directory.text(name), '');
    const run = (chunk: Buffer, offset: number, complete: boolean): void => {
      const files = names.map((name) => fileOf(name, all, { state: 'created', complete }));
      const writes = names.map((_, file) => ({ chunk: 0, file, offset }));
      expect(writer.run(taskOf(packOf([[chunk]]), files, writes))).toMatchObject(nothingElse);
    };
    run(a, 0, false);
    run(b, 300, true);
    expect(names.filter((name) => !readBack(name).equals(all))).toEqual([]);
  });

  it('writes nothing of a damaged block, everything of the others, and completes it later', () => {
    const chunks = [1, 2, 3].map((seed) => seededBytes(seed, 20_000));
    const [a, b, c] = chunks as [Buffer, Buffer, Buffer];
    const all = Buffer.concat(chunks);
    writeFileSync(directory.text('all'), '');
    const files = [fileOf('a', a), fileOf('b', b), fileOf('all', all, { state: 'created' })];
    const task = taskOf(packOf([[a], [b], [c]]), files, [
      { chunk: 0, file: 0, offset: 0 },
      { chunk: 0, file: 2, offset: 0 },
      { chunk: 1, file: 1, offset: 0 },
      { chunk: 1, file: 2, offset: 20_000 },
      { chunk: 2, file: 2, offset: 40_000 },
    ]);
    const damaged = Buffer.from(task.bytes);
    damaged[(task.blocks[1]?.at ?? 0) + 777] = (damaged[(task.blocks[1]?.at ?? 0) + 777] ?? 0) ^ 1;
    const result = writer.run({ ...task, bytes: damaged });
    expect(result).toEqual({
      type: 'restore',
      ...nothingElse,
      badBlocks: [1],
      bytesWritten: 60_000,
    });
    expect(readBack('a').equals(a)).toBe(true);
    expect(existsSync(directory.text('b'))).toBe(false);
    // Not complete: it is still private.
    expect(statSync(directory.text('all')).mode & 0o7777).not.toBe(0o640);
    expect(readBack('all').subarray(20_000, 40_000).equals(Buffer.alloc(20_000))).toBe(true);
    const again = taskOf(
      packOf([[b]]),
      [files[1]!, files[2]!],
      [
        { chunk: 0, file: 0, offset: 0 },
        { chunk: 0, file: 1, offset: 20_000 },
      ],
    );
    expect(writer.run(again)).toMatchObject(nothingElse);
    expect(readBack('b').equals(b)).toBe(true);
    expect(readBack('all').equals(all)).toBe(true);
    expect(statSync(directory.text('all')).mode & 0o7777).toBe(0o640);
  });

  it.each([
    ['another block of the same pack', 0, 1],
    ['the same block under another position', 1, 0],
  ])('refuses %s, even though it is whole', (_, at, position) => {
    const [a, b] = [seededBytes('a', 5000), seededBytes('b', 5000)];
    const task = taskOf(packOf([[a], [b]]), [fileOf('b', b)], [{ chunk: 1, file: 0, offset: 0 }]);
    const [first, second] = task.blocks;
    const block = { ...second!, at: [first!, second!][at]!.at, position };
    const writes = Float64Array.from(task.writes);
    writes[0] = 0;
    expect(writer.run({ ...task, blocks: [block], writes })).toMatchObject({
      badBlocks: [0],
      bytesWritten: 0,
    });
    expect(existsSync(directory.text('b'))).toBe(false);
  });

  it('refuses a block with a valid chunk that is not the one that is wanted', () => {
    const [a, b] = [seededBytes('a', 5000), seededBytes('b', 5000)];
    const task = taskOf(
      packOf([[a, b]]),
      [fileOf('a', a), fileOf('b', b)],
      [
        { chunk: 0, file: 0, offset: 0 },
        { chunk: 1, file: 1, offset: 0 },
      ],
    );
    const ids = Buffer.concat([task.ids.subarray(0, 32), task.ids.subarray(0, 32)]);
    expect(writer.run({ ...task, ids })).toMatchObject({ badBlocks: [0], bytesWritten: 0 });
    expect(existsSync(directory.text('a'))).toBe(false);
  });

  it('writes files that need no chunk', () => {
    const inline = Buffer.from('a few bytes');
    const files: RestoreFile[] = [
      { ...fileOf('inline', inline), entry: entryOf(inline, { inline }) },
      fileOf('empty', Buffer.alloc(0)),
    ];
    expect(writer.run(metadataTask(files))).toMatchObject({ ...nothingElse, bytesWritten: 11 });
    expect(readBack('inline').equals(inline)).toBe(true);
    expect(statSync(directory.text('empty')).size).toBe(0);
    expect(statSync(directory.text('empty')).mtimeMs).toBeCloseTo(1_234_567_890_123, -1);
  });

  it('sets only the metadata of a file that is the same', () => {
    const content = seededBytes(1, 1000);
    writeFileSync(directory.text('same'), content);
    utimesSync(directory.text('same'), 5, 5);
    const { ino } = statSync(directory.text('same'));
    expect(writer.run(metadataTask([fileOf('same', content, { state: 'same' })]))).toMatchObject({
      ...nothingElse,
      bytesWritten: 0,
    });
    expect(readBack('same').equals(content)).toBe(true);
    expect(statSync(directory.text('same'))).toMatchObject({ ino, mode: 0o100640 });
  });

  it('writes over what differs in a file that is there, and cuts it to length', () => {
    const [a, b] = [seededBytes('a', 3000), seededBytes('b', 4000)];
    const all = Buffer.concat([a, b]);
    writeFileSync(directory.text('file'), Buffer.concat([a, Buffer.alloc(20_000, 0x77)]));
    const { ino } = statSync(directory.text('file'));
    const task = taskOf(
      packOf([[b]]),
      [fileOf('file', all, { state: 'present' })],
      [{ chunk: 0, file: 0, offset: 3000 }],
    );
    expect(writer.run(task)).toMatchObject({ ...nothingElse, bytesWritten: 4000 });
    expect(readBack('file').equals(all)).toBe(true);
    expect(statSync(directory.text('file')).ino).toBe(ino);
  });

  it('leaves holes in a sparse file where it is new, and writes zeros where something was', () => {
    const chunk = Buffer.concat([
      seededBytes(1, 4096),
      Buffer.alloc(900_000),
      seededBytes(2, 5000),
    ]);
    const entry = entryOf(chunk, { sparse: true });
    const task = (path: string, state: RestoreFile['state']): RestoreTask =>
      taskOf(
        packOf([[chunk]]),
        [{ path: bytes(path), entry, state, complete: true }],
        [{ chunk: 0, file: 0, offset: 0 }],
      );
    writeFileSync(directory.text('old'), Buffer.alloc(chunk.byteLength, 0x33));
    writer.run(task('new', 'absent'));
    writer.run(task('old', 'present'));
    expect(readBack('new').equals(chunk)).toBe(true);
    expect(readBack('old').equals(chunk)).toBe(true);
    expect(statSync(directory.text('new')).blocks * 512).toBeLessThan(100_000);
  });

  it('keeps the length of a sparse file that ends in a hole', () => {
    const chunk = Buffer.concat([seededBytes(1, 4096), Buffer.alloc(300_000)]);
    const entry = entryOf(chunk, { sparse: true });
    writer.run(
      taskOf(
        packOf([[chunk]]),
        [{ path: bytes('file'), entry, state: 'absent', complete: true }],
        [{ chunk: 0, file: 0, offset: 0 }],
      ),
    );
    expect(readBack('file').equals(chunk)).toBe(true);
  });

  it('tells a file that cannot be written and writes the others', () => {
    const content = seededBytes(1, 5000);
    mkdirSync(directory.text('taken'));
    writeFileSync(directory.text('taken/inside'), 'still here');
    const names = ['good', 'no such directory/file', '../outside', 'taken', 'good too'];
    const files = names.map((name) => fileOf(name, content));
    const writes = names.map((_, file) => ({ chunk: 0, file, offset: 0 }));
    const result = writer.run(taskOf(packOf([[content]]), files, writes));
    expect(result.badBlocks).toEqual([]);
    expect(result.failures.map(({ file }) => file)).toEqual([1, 2, 3]);
    expect(result.failures.every(({ code, message }) => code !== '' && message !== '')).toBe(true);
    expect(readBack('good').equals(content)).toBe(true);
    expect(readBack('good too').equals(content)).toBe(true);
    expect(readBack('taken/inside').toString()).toBe('still here');
    expect(existsSync(`${directory.root}/../outside`)).toBe(false);
  });

  it('leads through no symbolic link', () => {
    const content = seededBytes(1, 500);
    const outside = new TemporaryDirectory();
    try {
      writeFileSync(outside.text('victim'), 'untouched');
      writer.target.makeSymlink(bytes('link'), outside.path('victim'));
      writer.target.makeSymlink(bytes('dir'), outside.root);
      const files = [fileOf('link', content), fileOf('dir/victim', content)];
      const writes = [0, 1].map((file) => ({ chunk: 0, file, offset: 0 }));
      const result = writer.run(taskOf(packOf([[content]]), files, writes));
      expect(result.failures.map(({ file }) => file)).toEqual([1]);
      expect(readFileSync(outside.text('victim'), 'utf8')).toBe('untouched');
      expect(lstatSync(directory.text('link')).isFile()).toBe(true);
    } finally {
      outside.remove();
    }
  });
});

describe('compareFiles', () => {
  it('tells chunk by chunk what is there already', () => {
    const chunks = [1, 2, 3].map((seed) => seededBytes(seed, 1000 * seed));
    const ids = Buffer.concat(chunks.map((chunk) => world.keys.ids.idOf(0, chunk)));
    const contents: Record<string, Buffer> = {
      same: Buffer.concat(chunks),
      'middle differs': Buffer.concat([chunks[0]!, Buffer.alloc(2000), chunks[2]!]),
      'cut off': Buffer.concat(chunks).subarray(0, 5999),
      longer: Buffer.concat([...chunks, Buffer.alloc(10)]),
      shifted: Buffer.concat([Buffer.alloc(1), ...chunks]),
      empty: Buffer.alloc(0),
    };
    for (const [name, content] of Object.entries(contents))
      writeFileSync(directory.text(name), content);
    mkdirSync(directory.text('a directory'));
    const names = [...Object.keys(contents), 'not there', 'a directory', 'same'];
    const result = compareFiles(
      {
        type: 'compare',
        settings,
        paths: names.map((name) => bytes(name)),
        counts: new Uint32Array(names.length).fill(3),
        lengths: Uint32Array.from(names.flatMap(() => [1000, 2000, 3000])),
        ids: Buffer.concat(names.map(() => ids)),
      },
      writer.target,
      world.keys,
    );
    const matches = names.map((_, file) => [...result.matches.subarray(file * 3, file * 3 + 3)]);
    expect(matches).toEqual([
      [1, 1, 1],
      [1, 0, 1],
      [1, 1, 0],
      [1, 1, 1],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [1, 1, 1],
    ]);
  });
});
