import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { SeededRandom } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import {
  fsPath,
  toHex,
  type ByteString,
  type ChunkId,
  type LineageId,
  type ObjectHash,
} from '../base/index.ts';
import type { Tip } from '../catalog/index.ts';
import { joinPath, type WalkOptions } from '../files/index.ts';
import {
  decodeChunkTable,
  decodeTreePage,
  isLeafPage,
  TreePageRule,
  type TreeEntry,
} from '../format/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { SharedIndex, WorkerPool } from '../workers/index.ts';
import { buildTree } from './build-tree.ts';
import { EntryResolver } from './entry-resolver.ts';
import { readLate } from './late-read.ts';
import { LinkTable } from './link-table.ts';
import { LocalState } from './local-state.ts';
import { Results } from './results.ts';
import { ScanEvents, type ScanEvent } from './scan-events.ts';
import { Scan } from './scan.ts';
import { StateChanges } from './state-changes.ts';
import { UploadQueue } from './upload-queue.ts';
import { Upload } from './upload.ts';

const { keys, workerKeys, repository } = testKeys();
const source = new Uint8Array(16).fill(3);
const zeros = '0'.repeat(64);
const tip: Tip = { lineage: zeros as LineageId, number: 1, hash: zeros as ObjectHash };
const index = SharedIndex.create();
let packNumber = 0;
const pool = new WorkerPool({
  threads: 1,
  onPack: (pack, release) => {
    const table = decodeChunkTable(new Uint8Array(pack.table), pack.tableOffset);
    for (let chunk = 0; chunk < table.chunkCount; chunk++)
      index.put(table.ids.slice(chunk * 32, chunk * 32 + 32), {
        pack: packNumber,
        block: table.chunkBlocks[chunk] ?? 0,
        offset: table.chunkOffsets[chunk] ?? 0,
        length: table.chunkLengths[chunk] ?? 0,
      });
    packNumber += 1;
    release();
  },
  setup: {
    keys: workerKeys,
    repository,
    chunkAvgBytes: 64 * 1024,
    blockBytes: 64 * 1024,
    packBytes: 1024 * 1024,
    index: index.handle,
  },
});
afterAll(() => pool[Symbol.asyncDispose]());

let directory: TemporaryDirectory;
let world: World;
beforeEach(() => {
  directory = new TemporaryDirectory();
  mkdirSync(directory.text('source'));
  mkdirSync(directory.text('cache'));
  world = new World();
});
afterEach(() => directory.remove());

interface RunOptions {
  /** The local state's file; default: that of the world. */
  readonly stateFile?: string;
  readonly force?: boolean;
  readonly walk?: WalkOptions;
  /** As if the scan had begun long after the last change, else long before. */
  readonly later?: boolean;
  readonly paths?: readonly ByteString[];
  /** What happens when everything was scanned and nothing was read. */
  readonly afterScan?: () => void;
}

interface Made {
  /** Tree of the source; those above it change with everything else on the machine. */
  readonly root: string;
  readonly scan: Scan;
  readonly events: readonly ScanEvent['type'][];
  /** Pages that were written, those that exist already included. */
  readonly pagesPut: number;
  readonly pagesNew: number;
  /** Files that were read. */
  readonly read: readonly string[];
  readonly monitor: CollectingMonitor;
}

/** One source, its local state, and every tree page that was ever stored. */
class World {
  readonly pages: Map<string, Uint8Array> = new Map();
  #runs = 0;

  async run(options: RunOptions = {}): Promise<Made> {
    const place = directory.text(`cache/run-${this.#runs++}`);
    mkdirSync(place);
    const { paths = [joinPath(directory.root, bytes('source'))] } = options;
    // As a program does: opened for each run.
    using state = LocalState.open(options.stateFile ?? directory.text('cache/state.db'));
    const monitor = new CollectingMonitor();
    const events = new WatchedEvents(`${place}/scan`);
    const queue = new UploadQueue(place);
    using links = new LinkTable(`${place}/links.db`);
    await using results = new Results(place);
    const changes = new StateChanges(`${place}/changes`);
    const now = Date.now() + (options.later === false ? -3_600_000 : 3_600_000);
    const scan = new Scan({
      paths,
      walk: options.walk ?? {},
      source,
      state,
      force: options.force ?? false,
      resume: options.force !== true,
      links,
      isStored: (id) => index.locate(id),
      identities: keys.identities,
      shownAs: (path) => path,
      storeXattrs: () => new Uint8Array(32),
      start: { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1_000_000 },
      events,
      queue,
      monitor,
    });
    const upload = new Upload({ paths, queue, pool, results, monitor });
    const before = this.pages.size;
    let pagesPut = 0;
    const building = buildTree({
      events,
      results,
      state,
      changes,
      source,
      rule: new TreePageRule(keys.pageKey()),
      storePage: (page) => {
        pagesPut += 1;
        return this.#store(page);
      },
      links,
      resolver: new EntryResolver({
        links,
        computedId: (path) => keys.identities.fileId(source, path),
        scanned: () => events.all(),
      }),
      readLate: (inside, name) => readLate(upload, inside, name),
      breathe: () => new Promise((resolve) => void setImmediate(resolve)),
    });
    building.catch(() => {});
    if (options.afterScan) {
      scan.advance(60_000, () => 0);
      options.afterScan();
    }
    while (!scan.done || !upload.isIdle || queue.pendingCount > 0) {
      upload.pump();
      // Small slices, so that everything goes on at once.
      if (!scan.done) scan.advance(0, () => 1);
      else await upload.progress();
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await upload.settle();
    results.end();
    await pool.runOnAll({ type: 'flush' });
    const { root } = await building;
    state.begin();
    changes.apply(state, source);
    state.commit(tip);
    changes.remove();
    events.remove();
    queue.remove();
    const read = monitor.items.filter(({ action }) => action !== 'unchanged');
    return {
      root: this.#treeOf(toHex(root), paths.at(-1) ?? bytes('/')),
      scan,
      events: events.types,
      pagesPut,
      pagesNew: this.pages.size - before,
      read: read.map(({ path }) => path.slice(directory.root.length + '/source/'.length)),
      monitor,
    };
  }

  /** The tree that somebody makes who knows nothing. */
  async fresh(options: RunOptions = {}): Promise<string> {
    const stateFile = directory.text(`cache/fresh-${this.#runs}.db`);
    return (await this.run({ ...options, stateFile })).root;
  }

  /** All entries below the source, by path. */
  list(root: string): Map<string, TreeEntry> {
    const found = new Map<string, TreeEntry>();
    const visit = (id: string, prefix: string): void => {
      for (const entry of this.#entries(id)) {
        const path = `${prefix}${entry.name}`;
        found.set(path, entry);
        if (entry.tree) visit(toHex(entry.tree), `${path}/`);
      }
    };
    visit(root, '');
    return found;
  }

  /** The same without what depends on the snapshots before: which file is which. */
  image(root: string): Map<string, Partial<TreeEntry>> {
    const plain = { fileId: undefined, tree: undefined };
    return new Map([...this.list(root)].map(([name, entry]) => [name, { ...entry, ...plain }]));
  }

  #treeOf(top: string, path: ByteString): string {
    let id = top;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const entry = this.#entries(id).find((each) => each.name === name);
      id = toHex(entry?.tree ?? new Uint8Array(0));
    }
    return id;
  }

  #entries(id: string): TreeEntry[] {
    const page = decodeTreePage(this.pages.get(id) ?? new Uint8Array(0));
    if (isLeafPage(page)) return [...page.entries];
    return page.children.flatMap((child) => this.#entries(toHex(child.id)));
  }

  #store(page: Uint8Array): ChunkId {
    const id = keys.ids.idOf(1, page);
    this.pages.set(toHex(id), new Uint8Array(page));
    return id;
  }
}

class WatchedEvents extends ScanEvents {
  readonly types: ScanEvent['type'][] = [];

  override add(event: ScanEvent): void {
    this.types.push(event.type);
    super.add(event);
  }
}

const path = (name: string): string => directory.text(`source/${name}`);
const write = (name: string, content: string): void =>
  writeFileSync(fsPath(bytes(path(name))), content);
const makeDirectory = (name: string): void => void mkdirSync(path(name), { recursive: true });
const names = (made: Made): string[] => [...world.list(made.root).keys()];

describe('a first scan', () => {
  it('gives everything, in order, whatever stands beside what', async () => {
    // Files before, between and after directories of like names, and bytes that are no text.
    for (const name of ['b', 'a.d', 'm/n/o']) makeDirectory(name);
    for (const name of ['a', 'a.txt', 'b.txt', 'b/1', 'm/n/o/deep', 'm/z', 'zz', '\xff\xfe'])
      write(name, name);
    symlinkSync('somewhere else', path('link'));
    const made = await world.run();
    expect(names(made).toSorted()).toEqual(
      ['a', 'a.d', 'a.txt', 'b', 'b.txt', 'b/1', 'link', 'm', 'm/n', 'm/n/o', 'm/n/o/deep', 'm/z']
        .concat(['zz', '\xff\xfe'])
        .sort(),
    );
    const entry = world.list(made.root).get('m/n/o/deep');
    expect(Buffer.from(entry?.inline ?? []).toString()).toBe('m/n/o/deep');
    expect(Buffer.from(world.list(made.root).get('link')?.target ?? []).toString()).toBe(
      'somewhere else',
    );
    expect(made.scan.counts).toMatchObject({ files: 8, filesNew: 8, filesChanged: 0, others: 1 });
    expect(made.monitor.problems).toEqual([]);
  });

  it('gives the same tree again, whoever makes it', async () => {
    makeDirectory('d/e');
    for (const name of ['d/e/f', 'd/g', 'h']) write(name, name.repeat(200));
    const first = await world.run();
    expect(await world.fresh()).toBe(first.root);
    expect((await world.run({ force: true })).root).toBe(first.root);
  });

  it('of nothing but an empty directory says that it is empty', async () => {
    const made = await world.run();
    expect(names(made)).toEqual([]);
    expect(made.scan.empty).toEqual([path('').slice(0, -1)]);
  });

  it('of a path that is not there says so', async () => {
    const gone = joinPath(directory.root, bytes('gone'));
    const made = await world.run({ paths: [gone, joinPath(directory.root, bytes('source'))] });
    expect(made.scan.missing).toEqual([gone]);
    expect(made.scan.counts.problems).toBe(1);
  });
});

describe('a second scan', () => {
  const itemCount = ({ events }: Made): number => events.filter((type) => type === 'item').length;

  beforeEach(() => {
    for (const name of ['a/b/c', 'a/side', 'other/far']) makeDirectory(name);
    for (const name of [
      'a/b/c/deep',
      'a/b/c/deep2',
      'a/b/f',
      'a/side/s',
      'other/o',
      'other/far/x',
      'top',
    ])
      write(name, name);
  });

  it('of what did not change costs no items, no pages and no reading', async () => {
    const first = await world.run();
    const second = await world.run();
    expect(second.root).toBe(first.root);
    expect(second.read).toEqual([]);
    // Only the directories that lead to the source, which are never compared.
    const depth = path('')
      .split('/')
      .filter((part) => part !== '').length;
    expect(second.pagesPut).toBe(depth);
    expect(itemCount(second)).toBe(depth);
    expect(second.scan.counts).toMatchObject({ files: 7, filesUnchanged: 7, filesNew: 0 });
  });

  it('rebuilds only the way to a change deep below', async () => {
    const first = await world.run();
    const untouched = await world.run();
    write('a/b/c/deep', 'changed');
    const second = await world.run();
    expect(second.read).toEqual(['a/b/c/deep']);
    expect(second.scan.counts).toMatchObject({ filesChanged: 1, filesNew: 0, filesUnchanged: 6 });
    // c, b, a and the source itself; of the items only those of c are looked at.
    expect(second.pagesPut - untouched.pagesPut).toBe(4);
    expect(itemCount(second) - itemCount(untouched)).toBe(1);
    const [before, after] = [world.list(first.root), world.list(second.root)];
    for (const name of ['other', 'a/side', 'other/far'])
      expect(toHex(after.get(name)?.tree ?? new Uint8Array(0))).toBe(
        toHex(before.get(name)?.tree ?? new Uint8Array(1)),
      );
    expect(Buffer.from(after.get('a/b/c/deep')?.inline ?? []).toString()).toBe('changed');
    expect(second.root).toBe(await world.fresh());
    expect((await world.run()).read).toEqual([]);
  });

  it.each<readonly [string, () => void]>([
    ['a file is added', () => write('a/b/c/new', 'new')],
    ['a file is removed', () => rmSync(path('a/b/f'))],
    ['a directory is added', () => makeDirectory('a/side/new/below')],
    ['a directory with all in it is removed', () => rmSync(path('a/b'), { recursive: true })],
    ['the last entry of a directory is removed', () => rmSync(path('other/far/x'))],
    ['a directory is renamed', () => renameSync(path('a/b'), path('other/b2'))],
    [
      'two directories change places',
      () => {
        renameSync(path('a/b'), path('swap'));
        renameSync(path('other'), path('a/b'));
        renameSync(path('swap'), path('other'));
      },
    ],
    [
      'a directory becomes a file',
      () => {
        rmSync(path('a/side'), { recursive: true });
        write('a/side', 'now a file');
      },
    ],
    [
      'a file becomes a directory',
      () => {
        rmSync(path('top'));
        makeDirectory('top/level');
      },
    ],
    ['a mode changes', () => chmodSync(path('a/b/f'), 0o600)],
    ['the mode of a directory changes', () => chmodSync(path('a/b'), 0o700)],
    ['only a time changes', () => utimesSync(path('other/far/x'), 1, 2)],
    [
      'a file is replaced by one of the same size and time',
      () => {
        write('next', 'TOP');
        utimesSync(path('top'), 7, 7);
        utimesSync(path('next'), 7, 7);
        renameSync(path('next'), path('top'));
      },
    ],
    ['a second name is made', () => linkSync(path('a/b/f'), path('other/f'))],
    [
      'two things change at once',
      () => {
        write('a/b/c/deep2', 'x');
        write('other/far/y', 'y');
      },
    ],
  ])('gives the tree that somebody makes who knows nothing, after %s', async (_, change) => {
    await world.run();
    change();
    const second = await world.run();
    expect(world.image(second.root)).toEqual(world.image(await world.fresh()));
    const third = await world.run();
    expect(third.root).toBe(second.root);
    expect(third.read).toEqual([]);
  });

  it('reads again what changed too lately to be sure of, until it is', async () => {
    const first = await world.run({ later: false });
    const second = await world.run({ later: false });
    expect(second.read.length).toBeGreaterThan(0);
    expect(second.root).toBe(first.root);
    await world.run();
    expect((await world.run()).read).toEqual([]);
  });

  it('sees a change of content behind an unchanged stat that was too late to be sure of', async () => {
    write('racy', 'one');
    await world.run({ later: false });
    // Nothing forces this; the fingerprint was simply not kept.
    const second = await world.run();
    expect(second.read).toContain('racy');
  });

  it('reads a file again whose chunks are not stored any more', async () => {
    write('large', 'x'.repeat(5000));
    const first = await world.run();
    const large = world.list(first.root).get('large');
    const lost = toHex(large?.chunks ?? new Uint8Array(0));
    // Its directory must be decided item by item: something else in it changed.
    write('top', 'changed');
    const locate = index.locate.bind(index);
    index.locate = (id, location) => toHex(id) !== lost && locate(id, location);
    try {
      expect((await world.run()).read.toSorted()).toEqual(['large', 'top']);
    } finally {
      index.locate = locate;
    }
  });

  it('under other rules leaves out what they leave out, and nothing else', async () => {
    await world.run();
    const limited = await world.run({ walk: { excludeLargerThan: 9 } });
    expect(names(limited)).not.toContain('a/b/c/deep2');
    expect(limited.root).toBe(await world.fresh({ walk: { excludeLargerThan: 9 } }));
    const all = await world.run();
    expect(names(all)).toContain('a/b/c/deep2');
    expect(all.root).toBe(await world.fresh());
  });

  it('goes by what it sees, not by what the state says of a path that was something else', async () => {
    await world.run();
    renameSync(path('a'), directory.text('aside'));
    await world.run();
    appendFileSync(directory.text('aside/b/c/deep'), ' and more');
    renameSync(directory.text('aside'), path('a'));
    const third = await world.run();
    const entry = world.list(third.root).get('a/b/c/deep');
    expect(Buffer.from(entry?.inline ?? []).toString()).toBe('a/b/c/deep and more');
    expect(world.image(third.root)).toEqual(world.image(await world.fresh()));
  });
});

describe('hard links', () => {
  it('give further names the file id of the first', async () => {
    makeDirectory('d');
    write('d/one', 'content');
    linkSync(path('d/one'), path('d/two'));
    linkSync(path('d/one'), path('e'));
    const made = await world.run();
    const list = world.list(made.root);
    const first = keys.identities.fileId(source, joinPath(directory.root, bytes('source/d/one')));
    expect(list.get('d/one')).toMatchObject({ linkCount: 3 });
    expect(list.get('d/one')?.fileId).toBeUndefined();
    expect(toHex(list.get('d/two')?.fileId ?? new Uint8Array(0))).toBe(toHex(first));
    expect(toHex(list.get('e')?.fileId ?? new Uint8Array(0))).toBe(toHex(first));
  });

  it('keep the id that the tree of a fresh scan has, when some names are unchanged', async () => {
    makeDirectory('d');
    write('d/one', 'content');
    linkSync(path('d/one'), path('e'));
    await world.run();
    write('f', 'another file beside e');
    expect((await world.run()).root).toBe(await world.fresh());
  });
});

describe('a file with several names, of which the first', () => {
  beforeEach(() => {
    write('a', 'of both names');
    linkSync(path('a'), path('b'));
  });
  const contents = (made: Made): string[] =>
    [...world.list(made.root)].map(
      ([name, { inline }]) => `${name} ${String(Buffer.from(inline ?? []))}`,
    );

  it('is gone when it is read: is read under another', async () => {
    const made = await world.run({ afterScan: () => rmSync(path('a')) });
    expect(contents(made)).toEqual(['b of both names']);
    // It has one name left, which nobody knows yet.
    expect((await world.run()).root).toBe(await world.fresh());
  });

  it('is another file when it is read: is read under both', async () => {
    const made = await world.run({
      afterScan: () => {
        write('c', 'another');
        renameSync(path('c'), path('a'));
      },
    });
    expect(contents(made)).toEqual(['a another', 'b of both names']);
    expect((await world.run()).root).toBe(await world.fresh());
  });
});

describe('a wide directory', () => {
  const width = 16_500;

  it('goes in order, and equals the tree of a fresh scan after changes', async () => {
    makeDirectory('wide');
    for (let number = 0; number < width; number++) write(`wide/${number}`, '');
    // Directories among the files: they must come in order too.
    for (const name of ['wide/0dir', 'wide/5000dir', 'wide/zdir']) {
      makeDirectory(name);
      write(`${name}/in it`, name);
    }
    const first = await world.run();
    // Most of it was told before the last directory in it was entered.
    const before = first.events.slice(0, first.events.lastIndexOf('enter'));
    expect(before.filter((type) => type === 'queued').length).toBeGreaterThan(width / 2);
    expect(world.list(first.root).size).toBe(width + 7);
    const second = await world.run();
    expect(second.root).toBe(first.root);
    expect(second.read).toEqual([]);
    write('wide/7777', 'changed');
    write('wide/5000dir/in it', 'changed');
    rmSync(path('wide/12345'));
    rmSync(path('wide/0dir'), { recursive: true });
    write('wide/4', 'new content');
    write('wide/new', 'new');
    const third = await world.run();
    expect(third.read.toSorted()).toEqual([
      'wide/4',
      'wide/5000dir/in it',
      'wide/7777',
      'wide/new',
    ]);
    expect(third.root).toBe(await world.fresh());
    // Of the many pages only those near the changes are new.
    expect(third.pagesNew).toBeLessThan(16);
  });
});

describe('scan and build together', () => {
  it('give what a fresh scan gives, whatever happens between runs', async () => {
    const random = new SeededRandom('edits');
    const all = ['a', 'b', 'b.x', 'c', 'd'];
    const any = (): string => {
      const depth = 1 + random.below(3);
      return Array.from({ length: depth }, () => all[random.below(all.length)] ?? 'a').join('/');
    };
    const edits: readonly ((name: string) => void)[] = [
      (name) => write(name, `content ${random.below(1000)}`),
      (name) => write(name, `${random.below(1000)}`.repeat(300)),
      (name) => makeDirectory(name),
      (name) => rmSync(path(name), { recursive: true, force: true }),
      (name) => renameSync(path(name), path(any())),
      (name) => chmodSync(path(name), 0o700 | random.below(64)),
    ];
    for (let round = 0; round < 25; round++) {
      for (let edit = 0; edit < 6; edit++) {
        try {
          edits[random.below(edits.length)]?.(any());
        } catch {
          // Not every edit is possible: a parent may be missing, or a file.
        }
      }
      const made = await world.run();
      expect(made.monitor.problems).toEqual([]);
      expect(world.image(made.root)).toEqual(world.image(await world.fresh()));
    }
  });
});
