import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { openPack } from '../../../test/support/open-pack.ts';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import { toHex, type ByteString } from '../base/index.ts';
import { chunkerParamsOf, createGearTable } from '../chunking/index.ts';
import { VersionsError } from '../errors/index.ts';
import { joinPath, lstat, lstatIfExists } from '../files/index.ts';
import { decodeEntry, decodeListPage, entryRemarks, type TreeEntry } from '../format/index.ts';
import { ChunkStore } from './chunk-store.ts';
import { PackBuilder } from './pack-builder.ts';
import { fileOutcomes, stateNumbers, type FileOutcome, type SealedPack } from './protocol.ts';
import { SharedIndex } from './shared-index.ts';
import { stateOf, storeFiles, type StoreFilesContext } from './store-files.ts';

const world = testKeys();
const random = new SeededRandom('files');
const chunker = chunkerParamsOf(4096);

let directory: TemporaryDirectory;
let storing: Storing;

beforeEach(() => {
  directory = new TemporaryDirectory();
  storing = new Storing();
});
afterEach(() => directory.remove());

/** What a worker has, in this thread; gives back what it stored. */
class Storing {
  readonly packs: SealedPack[] = [];
  readonly pages: Map<string, Uint8Array> = new Map();
  readonly context: StoreFilesContext;
  /** Called each time a window of a large file is read. */
  onWindow: () => void = () => {};
  readonly told: number[] = [];
  asked: readonly ByteString[] = [directory.root];
  place: ByteString = directory.root;

  constructor() {
    const { keys, repository } = world;
    const builder = new PackBuilder({
      kind: 'data',
      keys,
      repository,
      packBytes: 1 << 20,
      blockBytes: 64 * 1024,
      chunkBytesMax: chunker.max,
      random,
      onPack: (pack) => this.packs.push(pack),
    });
    const chunks = new ChunkStore({
      keys,
      index: SharedIndex.create(),
      packs: builder,
      chunker,
      gear: createGearTable(keys.chunkerSecret()),
      blockBytes: 64 * 1024,
      counters: new Int32Array(4),
      lend: () => expect.unreachable('There is nobody to lend to'),
    });
    this.context = {
      chunks,
      packs: builder,
      storeListPage: (page) => {
        const id = keys.ids.idOf(2, page);
        this.pages.set(toHex(id), page);
        return id;
      },
      storeXattrs: () => expect.unreachable('No file has large attributes'),
      chunkBytesMin: chunker.min,
      checkStopped: () => this.onWindow(),
      tell: (count) => this.told.push(count),
      window: Buffer.allocUnsafeSlow(3 * chunker.max),
    };
  }

  /** Stores files as they are now, or with the states that are given. */
  run(names: readonly string[], options: RunOptions = {}): Stored[] {
    const { states = names.map((name) => stateNow(name)) } = options;
    const result = storeFiles(
      {
        type: 'store-files',
        asked: this.asked,
        directories: [this.place],
        directoryOf: new Uint32Array(names.length),
        names: names.map((name) => bytes(name)),
        states: Float64Array.from(states.flatMap((state) => [...state])),
        xattrs: true,
      },
      this.context,
    );
    let at = 0;
    const stored = names.map((_, number): Stored => {
      const length = result.entryLengths[number] ?? 0;
      const encoded = result.entries.subarray(at, at + length);
      at += length;
      return {
        outcome: fileOutcomes[result.outcomes[number] ?? -1] ?? 'skipped',
        entry: length === 0 ? undefined : decodeEntry(new Uint8Array(encoded)),
        codes: result.problems.filter(({ file }) => file === number).map(({ code }) => code),
      };
    });
    if (at !== result.entries.byteLength) throw new Error('Entries and lengths do not fit');
    return stored;
  }

  runOne(name: string, options: RunOptions = {}): Stored & { readonly entry: TreeEntry } {
    const [stored] = this.run([name], options);
    if (stored?.entry === undefined) throw new Error(`${name} was ${stored?.outcome}`);
    return { ...stored, entry: stored.entry };
  }

  /** The content of an entry, from the packs and pages. */
  contentOf(entry: TreeEntry): Buffer {
    this.context.packs.finish();
    const chunks = new Map(
      this.packs.flatMap((pack) => openPack(pack, world).chunks).map((chunk) => [chunk.id, chunk]),
    );
    if (entry.inline) return Buffer.from(entry.inline);
    const ids = entry.list ? this.#listed(toHex(entry.list)) : idsIn(entry.chunks);
    return Buffer.concat(
      ids.map((id) => {
        const chunk = chunks.get(id);
        if (chunk === undefined) throw new Error(`Chunk ${id} is in no pack`);
        return chunk.bytes;
      }),
    );
  }

  #listed(id: string): string[] {
    const page = decodeListPage(this.pages.get(id) ?? new Uint8Array(0));
    const ids = idsIn(page.ids);
    return page.level === 0 ? ids : ids.flatMap((child) => this.#listed(child));
  }
}

interface RunOptions {
  readonly states?: readonly Float64Array[];
}

interface Stored {
  readonly outcome: FileOutcome;
  readonly entry: TreeEntry | undefined;
  readonly codes: readonly string[];
}

function idsIn(ids: Uint8Array = new Uint8Array(0)): string[] {
  return Array.from({ length: ids.byteLength / 32 }, (_, at) =>
    toHex(ids.subarray(at * 32, at * 32 + 32)),
  );
}

/** How an entry holds its content. */
function formOf({ inline, chunks, list }: TreeEntry): string {
  const forms = [
    inline && 'inline',
    chunks && (chunks.byteLength === 32 ? 'one chunk' : 'chunks'),
    list && 'list',
  ].filter((form) => form !== undefined);
  return forms.join(' and ') || 'nothing';
}

function pathOf(name: string): ByteString {
  return joinPath(directory.root, bytes(name));
}

/** What the scan would have seen; zeros for a name that is not there. */
function stateNow(name: string): Float64Array {
  const stat = lstatIfExists(pathOf(name));
  return stat ? stateOf(stat) : new Float64Array(stateNumbers);
}

function write(name: string, content: Uint8Array | string): Buffer {
  writeFileSync(pathOf(name), content);
  return Buffer.from(content);
}

function noise(length: number): Buffer {
  return Buffer.from(random.bytes(length));
}

describe('content', () => {
  it.each([
    [0, 'nothing'],
    [1, 'inline'],
    [256, 'inline'],
    [257, 'one chunk'],
    [chunker.min, 'one chunk'],
    [chunker.max + 1, 'chunks'],
    [64 * 1024 + 3, 'chunks'],
    [1024 * 1024 + 7, 'list'],
  ])('of %i bytes is kept as %s', (length, as) => {
    const content = write('file', noise(length));
    const { outcome, entry } = storing.runOne('file');
    expect(outcome).toBe('stored');
    expect(entry.size).toBe(length);
    expect(storing.contentOf(entry).equals(content)).toBe(true);
    expect(formOf(entry)).toBe(as);
    expect(storing.pages.size > 0).toBe(as === 'list');
    const lengths = entry.lengths ?? [length];
    expect(lengths.reduce((sum, each) => sum + each, 0)).toBe(length);
  });

  it('has the same chunks whether it is read whole or was expected to be smaller', () => {
    write('file', noise(100_000));
    const first = storing.runOne('file').entry;
    const second = new Storing().runOne('file', { states: [new Float64Array(6)] }).entry;
    expect(toHex(second.chunks ?? new Uint8Array(0))).toBe(toHex(first.chunks ?? noise(1)));
  });

  it('tells how far it is while it is read, if it is huge', () => {
    write('large', noise(1 << 20));
    storing.runOne('large');
    expect(storing.told).toEqual([]);
    write('huge', Buffer.alloc(33 << 20, 7));
    storing.runOne('huge');
    expect(storing.told.length).toBeGreaterThan(100);
    expect(storing.told.reduce((sum, count) => sum + count, 0)).toBe(33 << 20);
  });

  it('that is known already is not stored again', () => {
    const content = noise(20_000);
    write('a', content);
    write('b', content);
    write('c', content.subarray(0, 900));
    write('d', content.subarray(0, 900));
    const stored = storing.run(['a', 'b', 'c', 'd']);
    expect(stored.every(({ outcome }) => outcome === 'stored')).toBe(true);
    storing.context.packs.finish();
    const ids = storing.packs.flatMap((pack) => openPack(pack, world).chunks.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(storing.context.chunks.bytesNew).toBe(20_900);
  });
});

describe('metadata', () => {
  it('are those of the file that was read', () => {
    write('file', 'content');
    chmodSync(pathOf('file'), 0o4751);
    utimesSync(pathOf('file'), 1_000_000_000.25, 1_234_567_890.5);
    const { entry } = storing.runOne('file');
    const stat = statSync(pathOf('file'));
    expect(entry).toMatchObject({
      name: 'file',
      kind: 'file',
      mode: 0o4751,
      mtimeSeconds: 1_234_567_890,
      mtimeNanos: 500_000_000,
      uid: stat.uid,
      gid: stat.gid,
    });
    expect(entry.remarks).toBeUndefined();
  });

  it('hold the birth time', () => {
    write('a', 'x');
    const { entry } = storing.runOne('a');
    const stat = lstat(joinPath(directory.root, bytes('a')));
    expect(entry.birthSeconds).toBe(stat.birthtimeSeconds);
    expect(entry.birthNanos).toBe(stat.birthtimeNanos === 0 ? undefined : stat.birthtimeNanos);
  });
});

describe('a file that is not as the scan saw it', () => {
  it('grew before it was read: is saved as it is now', () => {
    write('file', noise(300));
    const before = stateNow('file');
    const more = noise(50_000);
    appendFileSync(pathOf('file'), more);
    const { outcome, entry } = storing.runOne('file', { states: [before] });
    expect(outcome).toBe('stored');
    expect(entry.size).toBe(50_300);
    expect(storing.contentOf(entry).subarray(300).equals(more)).toBe(true);
  });

  it.each([
    [300, 100],
    [300, 0],
    [50_000, 200],
    [50_000, 700],
    [50_000, 20_000],
  ])('shrank from %i to %i bytes before it was read: is saved as it is now', (from, to) => {
    const content = write('file', noise(from));
    const before = stateNow('file');
    truncateSync(pathOf('file'), to);
    const { outcome, entry } = storing.runOne('file', { states: [before] });
    expect(outcome).toBe('stored');
    expect(entry.size).toBe(to);
    expect(storing.contentOf(entry).equals(content.subarray(0, to))).toBe(true);
    // The form follows the size, as if it had always been so.
    expect(entry.inline !== undefined).toBe(to > 0 && to <= 256);
  });

  it('was replaced by another file: is saved as it is now', () => {
    write('file', noise(40_000));
    const before = stateNow('file');
    const content = write('other', noise(40_000));
    renameSync(pathOf('other'), pathOf('file'));
    const { outcome, entry } = storing.runOne('file', { states: [before] });
    expect(outcome).toBe('replaced');
    expect(storing.contentOf(entry).equals(content)).toBe(true);
  });

  it('lies behind a symlink that took the place of its directory: is not read', () => {
    mkdirSync(pathOf('d'));
    mkdirSync(pathOf('elsewhere'));
    write('d/file', noise(40_000));
    write('elsewhere/file', noise(30_000));
    const before = stateNow('d/file');
    renameSync(pathOf('d'), pathOf('moved'));
    symlinkSync('elsewhere', pathOf('d'));
    storing.place = directory.path('d');
    const [stored] = storing.run(['file'], { states: [before] });
    expect(stored).toMatchObject({ outcome: 'unreadable', codes: ['SOURCE_REPLACED'] });
    expect(stored?.entry).toBeUndefined();
    // The way to what was asked for may lead through links.
    storing.asked = [directory.path('d')];
    expect(storing.runOne('file', { states: [before] }).outcome).toBe('replaced');
  });

  it('changes once while it is read: is read again', () => {
    write('file', noise(200_000));
    let content: Buffer = Buffer.alloc(0);
    let windows = 0;
    storing.onWindow = () => {
      if (++windows === 2) content = write('file', noise(210_000));
    };
    const { outcome, entry, codes } = storing.runOne('file');
    expect(outcome).toBe('stored');
    expect(codes).toEqual([]);
    expect(entry.remarks).toBeUndefined();
    expect(storing.contentOf(entry).equals(content)).toBe(true);
  });

  it('changes all the time: is saved as it was found, and it is said', () => {
    write('file', noise(200_000));
    let changes = 0;
    storing.onWindow = () => {
      // Of the same length, and with its old time: only the time of change tells.
      const { atime, mtime } = statSync(pathOf('file'));
      write('file', noise(200_000));
      utimesSync(pathOf('file'), atime, mtime);
      changes += 1;
    };
    const { outcome, entry, codes } = storing.runOne('file');
    expect(outcome).toBe('changed');
    expect(codes).toEqual(['SOURCE_CHANGED']);
    expect(entry.remarks).toBe(entryRemarks.changedWhileRead);
    expect(entry.size).toBe(200_000);
    expect(storing.contentOf(entry).byteLength).toBe(200_000);
    expect(changes).toBeGreaterThan(6);
  });

  it('grows all the time: is saved once, not for ever', () => {
    write('file', noise(100_000));
    storing.onWindow = () => appendFileSync(pathOf('file'), noise(10_000));
    let windows = 0;
    const { onWindow } = storing;
    storing.onWindow = () => {
      if (windows++ < 20) onWindow();
    };
    const { entry } = storing.runOne('file');
    expect(storing.contentOf(entry).byteLength).toBe(entry.size);
  });
});

describe('a file that cannot be saved stops no other', () => {
  it('vanished, denied, replaced, and good ones between them', () => {
    for (const name of ['a', 'gone', 'b', 'fifo', 'c']) write(name, noise(600));
    const states = ['a', 'gone', 'b', 'fifo', 'c'].map((name) => stateNow(name));
    unlinkSync(pathOf('gone'));
    unlinkSync(pathOf('fifo'));
    mkdirSync(pathOf('fifo'));
    const stored = storing.run(['a', 'gone', 'b', 'fifo', 'c'], { states });
    expect(stored.map(({ outcome }) => outcome)).toEqual([
      'stored',
      'vanished',
      'stored',
      'unreadable',
      'stored',
    ]);
    expect(stored.map(({ codes }) => codes)).toEqual([
      [],
      ['SOURCE_VANISHED'],
      [],
      ['SOURCE_REPLACED'],
      [],
    ]);
    expect(stored[1]?.entry).toBeUndefined();
    expect(stored[4]?.entry?.name).toBe('c');
  });

  it('and a run that is being cut short leaves the rest for the next', () => {
    write('small', noise(600));
    write('large', noise(100_000));
    write('after', noise(600));
    storing.onWindow = () => {
      throw new VersionsError('Cancelled', 'STOPPED', 'The run is being cut short');
    };
    const stored = storing.run(['small', 'large', 'after']);
    expect(stored.map(({ outcome }) => outcome)).toEqual(['stored', 'skipped', 'skipped']);
    expect(stored.map(({ codes }) => codes)).toEqual([[], [], []]);
  });

  it('but a fault of the program does stop', () => {
    write('file', noise(100_000));
    storing.onWindow = () => {
      throw new Error('a bug');
    };
    expect(() => storing.run(['file'])).toThrow('a bug');
  });
});
