/**
 * Makes the golden repositories of the current format: `node scripts/make-golden.ts`. Needs Python
 * for extended attributes, and a file system that has them.
 *
 * To be run once for a new format version or variant, never to replace a repository that a release
 * has written: what is there must stay readable for ever. A folder that exists is left alone.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  byteStringFromText,
  CollectingMonitor,
  connectRepository,
  encodeKeyFile,
  initRepository,
  listEntries,
  listSnapshots,
  openRepository,
  runBackup,
  systemClock,
  systemRandom,
  type BackupOptions,
  type Context,
  type Counter,
  type InitOptions,
  type RepositoryPlaces,
  type Secret,
} from '../src/core/index.ts';
import {
  escapeBytes,
  goldenDirectory,
  goldenSource,
  readItems,
  type GoldenItem,
  type GoldenManifest,
  type GoldenSecret,
} from '../test/support/golden.ts';

const key = new Uint8Array(32).map((_, index) => index * 7);
const xattrs = { 'user.color': '626c7565', 'user.empty': '' };

interface Plan {
  readonly name: string;
  readonly manifestSecret: GoldenSecret;
  readonly secret: Secret;
  readonly options?: Partial<InitOptions>;
  /** Files in a directory whose names are so long that more than 110 may need pages. */
  readonly wideCount: number;
  /** Another machine takes the repository over before the last snapshots. */
  readonly takeOver: boolean;
  /** A checkpoint of the journal is made after so many entries. */
  readonly checkpointEntries?: number;
}

const plans: readonly Plan[] = [
  {
    name: 'v1-password',
    manifestSecret: { kind: 'password', password: 'grüße, 世界' },
    secret: { kind: 'password', password: 'grüße, 世界' },
    // Every test that opens it pays for it.
    options: { kdfCosts: { passes: 2, memoryKiB: 4096, lanes: 2 } },
    wideCount: 10,
    takeOver: false,
  },
  {
    name: 'v1-key-file',
    manifestSecret: { kind: 'key', keyFile: encodeKeyFile(key) },
    secret: { kind: 'key', key },
    wideCount: 300,
    takeOver: true,
  },
  {
    name: 'v1-unencrypted',
    manifestSecret: { kind: 'none' },
    secret: { kind: 'none' },
    options: { unsafeNoEncryption: true },
    wideCount: 10,
    takeOver: false,
  },
  {
    name: 'v1-checkpoints',
    manifestSecret: { kind: 'key', keyFile: encodeKeyFile(key) },
    secret: { kind: 'key', key },
    wideCount: 10,
    takeOver: true,
    checkpointEntries: 3,
  },
];

async function make(plan: Plan): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'golden-'));
  try {
    const golden = new Golden(plan, work);
    await golden.init();
    makeSource(golden.source, plan.wideCount);
    await golden.backup({ tags: ['first'] });
    changeSource(golden.source);
    if (plan.takeOver) await golden.takeOver();
    await golden.backup({ tags: ['second', 'with space'] });
    writeFileSync(join(golden.source, 'noise'), systemRandom.bytes(20_000));
    await golden.backup({ tags: [] });
    await golden.backup({ host: 'other-host', isStopped: true });
    const manifest = await golden.manifest();
    const target = join(goldenDirectory, plan.name);
    mkdirSync(target, { recursive: true });
    cpSync(golden.mirror, join(target, 'mirror'), { recursive: true });
    writeFileSync(join(target, 'manifest.json'), manifestText(manifest));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** One item or snapshot a line. */
function manifestText({ items, snapshots, ...rest }: GoldenManifest): string {
  const lines = (list: readonly unknown[]): string =>
    list.map((one) => `  ${JSON.stringify(one)}`).join(',\n');
  const head = JSON.stringify(rest, undefined, 1).slice(0, -2);
  return `${head},\n "items": [\n${lines(items)}\n ],\n "snapshots": [\n${lines(snapshots)}\n ]\n}\n`;
}

interface BackupPlan {
  readonly tags?: readonly string[];
  readonly host?: string;
  /** Stop as Ctrl-C does, after the first files were stored. */
  readonly isStopped?: boolean;
}

class Golden {
  readonly source: string;
  readonly mirror: string;
  readonly #plan: Plan;
  readonly #states: (readonly GoldenItem[])[] = [];
  #places: RepositoryPlaces;

  constructor(plan: Plan, work: string) {
    this.#plan = plan;
    this.source = join(work, 'source');
    this.mirror = join(work, 'mirror');
    this.#places = {
      mirrors: [{ name: 'golden', url: this.mirror }],
      catalog: `sqlite:${join(work, 'catalog.db')}`,
      cacheDir: join(work, 'cache'),
    };
  }

  async init(): Promise<void> {
    const { secret, options } = this.#plan;
    const all = { secret, chunkAvgBytes: 64 * 1024, ...options };
    await initRepository(this.#places, all, contextOf());
  }

  async takeOver(): Promise<void> {
    const { catalog, cacheDir } = this.#places;
    this.#places = { ...this.#places, catalog: `${catalog}-2`, cacheDir: `${cacheDir}-2` };
    const options = { secret: this.#plan.secret, takeOver: true };
    await connectRepository(this.#places, options, contextOf());
  }

  async backup({ tags = [], host = 'golden-host', isStopped = false }: BackupPlan): Promise<void> {
    const controller = new AbortController();
    const monitor = isStopped ? new StoppingMonitor(controller) : undefined;
    const { checkpointEntries } = this.#plan;
    const context = { ...contextOf(monitor, controller.signal), checkpointEntries };
    const options: BackupOptions = {
      paths: [byteStringFromText(this.source)],
      as: byteStringFromText(goldenSource),
      excludes: [],
      excludeCaches: false,
      excludeIfPresent: [],
      oneFileSystem: false,
      tags,
      host,
      user: 'ann',
      force: false,
      dryRun: false,
      neverEnter: [],
    };
    const open = { secret: this.#plan.secret, readOnly: false };
    await using repository = await openRepository(this.#places, open, context);
    const summary = await runBackup(repository, options, context);
    console.log(this.#plan.name, summary.partial ? 'partial' : 'complete', summary.bytesStored);
    this.#states.push(readItems(this.source));
  }

  /** What was in the source; of a partial snapshot, as far as it lists it. */
  async manifest(): Promise<GoldenManifest> {
    const context = contextOf();
    const open = { secret: this.#plan.secret, readOnly: true };
    await using repository = await openRepository(this.#places, open, context);
    const snapshots = [];
    const places = new Map<string, number>();
    for (const [number, snapshot] of listSnapshots(repository).entries()) {
      const listed = new Set(['']);
      const path = byteStringFromText(goldenSource);
      for await (const found of listEntries(repository, snapshot, path, { recursive: true })) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the end of a byte string
        listed.add(escapeBytes(found.path.slice(path.length + 1) as typeof found.path));
      }
      const state = this.#states[number] ?? [];
      const items = state
        .filter((item) => listed.has(item.path))
        .map((item) => JSON.stringify(withXattrs(withoutLostLink(item, listed))));
      for (const item of items) if (!places.has(item)) places.set(item, places.size);
      const { id, time, host, tags, partial } = snapshot;
      const held = items.map((item) => places.get(item) ?? -1);
      snapshots.push({ id, time, host, tags, partial, items: held });
    }
    return {
      secret: this.#plan.manifestSecret,
      repository: repository.id,
      entries: repository.state.tip?.number ?? 0,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written as items above
      items: [...places.keys()].map((item) => JSON.parse(item) as GoldenItem),
      snapshots,
    };
  }
}

class StoppingMonitor extends CollectingMonitor {
  readonly #controller: AbortController;

  constructor(controller: AbortController) {
    super();
    this.#controller = controller;
  }

  override count(counter: Counter, by: number): void {
    super.count(counter, by);
    if (counter === 'filesDone') this.#controller.abort();
  }
}

function contextOf(
  monitor: CollectingMonitor = new CollectingMonitor(),
  signal?: AbortSignal,
): Context {
  return {
    clock: systemClock,
    random: systemRandom,
    monitor,
    signal,
    threads: 2,
    packBytes: 64 * 1024,
  };
}

/** A partial snapshot may lack the first name. */
function withoutLostLink(item: GoldenItem, listed: ReadonlySet<string>): GoldenItem {
  const { linkOf, ...rest } = item;
  return linkOf === undefined || listed.has(linkOf) ? item : rest;
}

function withXattrs(item: GoldenItem): GoldenItem {
  const names = ['a-second-name', 'documents/letter.txt'];
  return names.includes(item.path) ? { ...item, xattrs } : item;
}

function makeSource(source: string, wideCount: number): void {
  const at = (name: string): string => join(source, name);
  const write = (name: string, content: string | Buffer, mode = 0o644): void => {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), content, { mode });
  };
  write('empty', '');
  write('inline', 'a small file lives in its tree\n', 0o600);
  write('documents/letter.txt', 'Dear reader,\n'.repeat(2000));
  write('documents/numbers.txt', numbers(60_000));
  write('run', '#!/bin/sh\nexit 0\n', 0o4755);
  write('old', 'before 1970');
  mkdirSync(at('empty-directory'), { mode: 0o700 });
  for (let index = 0; index < wideCount; index++) {
    write(`wide/${String(index).padStart(3, '0')}-${'n'.repeat(236)}`, String(index));
  }
  linkSync(at('documents/letter.txt'), at('a-second-name'));
  symlinkSync('documents/letter.txt', at('symlink'));
  symlinkSync(Buffer.from('nowhere-\xff', 'latin1'), at('dangling'));
  writeFileSync(Buffer.from(`${source}/not-utf-8-\xff\xfe`, 'latin1'), 'bytes');
  writeFileSync(at('ümlaut 世界'), 'text');
  execFileSync('mkfifo', ['-m', '640', at('fifo')]);
  // More than 64 chunks of at most 256 KiB, all but one the same: a list page.
  const sparse = openSync(at('sparse'), 'w');
  ftruncateSync(sparse, 17 * 1024 * 1024);
  writeSync(sparse, 'an island', 5_000_000);
  closeSync(sparse);
  for (const [name, value] of Object.entries(xattrs)) {
    python('os.setxattr(a[1], a[2], bytes.fromhex(a[3]))', at('documents/letter.txt'), name, value);
  }
  setTime(at('old'), -1_500_000_001n);
  setTime(at('run'), 1_600_000_000_000_000_001n);
}

function changeSource(source: string): void {
  appendFileSync(join(source, 'documents/numbers.txt'), 'one more line\n');
  renameSync(join(source, 'inline'), join(source, 'renamed'));
  unlinkSync(join(source, 'empty'));
  copyFileSync(join(source, 'documents/letter.txt'), join(source, 'documents/copy.txt'));
}

/** Node's own call rounds, and knows no times before 1970. */
function setTime(path: string, nanos: bigint): void {
  python('os.utime(a[1], ns=(int(a[2]), int(a[2])))', path, String(nanos));
}

function python(code: string, ...args: readonly string[]): void {
  execFileSync('python3', ['-c', `import os, sys; a = sys.argv; ${code}`, ...args]);
}

/** Text that compresses well and repeats nowhere. */
function numbers(count: number): string {
  return Array.from({ length: count }, (_, index) => `${index}\n`).join('');
}

for (const plan of plans) {
  if (existsSync(join(goldenDirectory, plan.name))) console.log(`${plan.name} is there already`);
  else await make(plan);
}
