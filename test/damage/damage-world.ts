import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { encodeKeyFile, rootPath, type SnapshotInfo } from '../../src/core/index.ts';
import { addKeyFile, readPackDirectory } from '../../src/core/repository/index.ts';
import { listEntries, TreeReader } from '../../src/core/snapshot/index.ts';
import { seededBytes, SeededRandom } from '../support/seeded-random.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';
import { type TreeItem, treeImage } from '../support/tree-image.ts';
import type { DamageTarget } from './damage-kinds.ts';
import { type Ran, runProgram } from './program.ts';

export const objectKinds = [
  'data pack',
  'tree pack',
  'journal object',
  'payload',
  'checkpoint',
  'key',
  'config',
  'marker',
] as const;

export type ObjectKind = (typeof objectKinds)[number];

/** A file of the last snapshot that has something in a data pack that is damaged. */
export interface FileInPack {
  readonly pack: string;
  readonly path: string;
  /** Where its blocks lie in the pack. */
  readonly blocks: readonly (readonly [from: number, to: number])[];
}

interface FileState {
  readonly ino: number;
  readonly mtimeMs: number;
  readonly size: number;
}

/** A copy of the catalog that does not know the last snapshot. */
export const olderCatalog = 'older-catalog.db';
const packBytes = 256 * 1024;
const sourceBytes = 10_000_000;

/**
 * A repository with several mirrors, used as a user would, that can be damaged and brought back to
 * what it was as often as one likes.
 */
export class DamageWorld implements Disposable {
  readonly repository: TestRepository;
  readonly mirrors: number;
  readonly source: string;
  readonly targets: ReadonlyMap<ObjectKind, DamageTarget>;
  readonly filesInPacks: readonly FileInPack[];
  /** Id of the last snapshot. */
  readonly snapshot: string;
  readonly #image: ReadonlyMap<string, TreeItem>;
  readonly #states = new Map<string, FileState>();

  private constructor(
    parts: Pick<
      DamageWorld,
      'repository' | 'mirrors' | 'source' | 'targets' | 'filesInPacks' | 'snapshot'
    >,
  ) {
    this.repository = parts.repository;
    this.mirrors = parts.mirrors;
    this.source = parts.source;
    this.targets = parts.targets;
    this.filesInPacks = parts.filesInPacks;
    this.snapshot = parts.snapshot;
    this.#image = treeImage(parts.source);
    for (const name of this.#keptNames()) {
      const kept = this.#path('kept', name);
      cpSync(this.#path(name), kept, { recursive: true, preserveTimestamps: true });
    }
    for (const path of this.#filesOfMirrors()) this.#states.set(path, stateOf(this.#path(path)));
  }

  [Symbol.dispose](): void {
    this.repository[Symbol.dispose]();
  }

  /** With a source of its own of about 10 MB, unless one is given, which is not changed. */
  static async create(mirrors: number, given?: string): Promise<DamageWorld> {
    const context = {
      packBytes: given === undefined ? packBytes : undefined,
      checkpointEntries: 3,
    };
    const repository = await createTestRepository({ mirrors, context });
    const source = given ?? makeSource(repository);
    mkdirSync(repository.path('home'));
    await backUp(repository, source, 1);
    const [firstKey = ''] = globSync('keys/*', { cwd: repository.mirror() });
    for (let more = 0; more < 2; more++) {
      await repository.use(false, (opened) => addKeyFile(opened));
    }
    for (const run of [2, 3]) {
      if (given === undefined) changeSource(source, run);
      // As it was before the last backup.
      cpSync(repository.catalogFile, repository.path(olderCatalog));
      await backUp(
        repository,
        source,
        run,
        given === undefined ? undefined : repository.path('more'),
      );
    }
    writeFileSync(repository.path('key'), encodeKeyFile(new Uint8Array(32).fill(7)));
    writeFileSync(repository.path('config.toml'), configurationOf(repository, mirrors));
    const targets = await targetsIn(repository, firstKey);
    const filesInPacks = await filesIn(repository, targets.get('data pack'));
    const { id: snapshot } = await repository.latest();
    return new DamageWorld({ repository, mirrors, source, targets, filesInPacks, snapshot });
  }

  target(kind: ObjectKind): DamageTarget {
    const target = this.targets.get(kind);
    if (target === undefined) throw new Error(`The repository has no ${kind}`);
    return target;
  }

  mirror(number: number): string {
    return this.repository.mirror(number);
  }

  /** Runs the program on the repository. */
  run(...argv: readonly string[]): Promise<Ran> {
    const { repository } = this;
    const own = ['--config', repository.path('config.toml'), '-r', 'test'];
    return runProgram([...argv, ...own], { home: repository.path('home') });
  }

  /** Runs it on the places alone. */
  runKeyless(...argv: readonly string[]): Promise<Ran> {
    const places = Array.from({ length: this.mirrors }, (_, at) => this.mirror(at + 1));
    return runProgram(['verify', '--keyless', ...argv, ...places], {
      home: this.repository.path('home'),
    });
  }

  /** Everything is again as it was before it was damaged. */
  reset(): void {
    for (const path of this.#filesOfMirrors()) {
      if (!this.#states.has(path)) rmSync(this.#path(path));
    }
    for (const [path, state] of this.#states) {
      if (isSame(stateIfAny(this.#path(path)), state)) continue;
      rmSync(this.#path(path), { recursive: true, force: true });
      mkdirSync(join(this.#path(path), '..'), { recursive: true });
      cpSync(this.#path('kept', path), this.#path(path), { preserveTimestamps: true });
      this.#states.set(path, stateOf(this.#path(path)));
    }
    for (const name of ['catalog.db', 'catalog.db-wal', 'catalog.db-shm', 'cache']) {
      rmSync(this.#path(name), { recursive: true, force: true });
      const kept = this.#path('kept', name);
      if (existsSync(kept))
        cpSync(kept, this.#path(name), { recursive: true, preserveTimestamps: true });
    }
  }

  /** Objects that healing had no business with, and that are not what they were: bytes or time. */
  touched(damaged: ReadonlySet<string>): readonly string[] {
    const touched: string[] = [];
    for (const [path, state] of this.#states) {
      if (!damaged.has(path) && !isSame(stateIfAny(this.#path(path)), state)) touched.push(path);
    }
    return touched;
  }

  /** Objects in mirrors whose bytes are not those of the beginning. */
  notWhole(): readonly string[] {
    return [...this.#states.keys()].filter((path) => {
      const file = this.#path(path);
      return !existsSync(file) || hashOf(file) !== hashOf(this.#path('kept', path));
    });
  }

  /** Bytes of an object, before it was damaged. */
  bytesOf(key: string): number {
    return statSync(this.#path('kept', 'm1', key)).size;
  }

  /** Saves the same once more; the id of the new snapshot. */
  async backUpAgain(): Promise<string> {
    const { paths } = await this.repository.latest();
    await this.repository.backup(paths);
    return (await this.repository.latest()).id;
  }

  /** What a restore gives, of the last snapshot unless told otherwise: paths that are wrong, and those that are not there. */
  async restore(snapshot: string = this.snapshot): Promise<{
    readonly ran: Ran;
    readonly wrong: readonly string[];
    readonly missing: readonly string[];
  }> {
    const target = this.#path('restored');
    rmSync(target, { recursive: true, force: true });
    const ran = await this.run('restore', snapshot, '-t', target);
    const root = target + this.source;
    const image = existsSync(root) ? treeImage(root) : new Map<string, TreeItem>();
    const wrong: string[] = [];
    const missing: string[] = [];
    for (const [path, item] of this.#image) {
      const found = image.get(path);
      if (found === undefined) missing.push(path);
      else if (!looksLike(found, item)) wrong.push(path);
    }
    for (const path of image.keys()) if (!this.#image.has(path)) wrong.push(path);
    rmSync(target, { recursive: true, force: true });
    return { ran, wrong, missing };
  }

  #path(...parts: readonly string[]): string {
    return this.repository.path(...parts);
  }

  #keptNames(): readonly string[] {
    const mirrors = Array.from({ length: this.mirrors }, (_, at) => `m${at + 1}`);
    const local = ['catalog.db', 'catalog.db-wal', 'catalog.db-shm', 'cache'];
    return [...mirrors, ...local.filter((name) => existsSync(this.#path(name)))];
  }

  #filesOfMirrors(): readonly string[] {
    const found = globSync('m[0-9]/**', { cwd: this.repository.root, withFileTypes: true });
    return found
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.repository.root.length + 1));
  }
}

function looksLike(found: TreeItem, item: TreeItem): boolean {
  return found.kind === item.kind && found.content === item.content && found.mtime === item.mtime;
}

function stateOf(path: string): FileState {
  const { ino, mtimeMs, size } = statSync(path);
  return { ino, mtimeMs, size };
}

function stateIfAny(path: string): FileState | undefined {
  return existsSync(path) ? stateOf(path) : undefined;
}

function isSame(a: FileState | undefined, b: FileState): boolean {
  return a?.ino === b.ino && a.mtimeMs === b.mtimeMs && a.size === b.size;
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function configurationOf(repository: TestRepository, mirrors: number): string {
  const sections = Array.from({ length: mirrors }, (_, at) => {
    const number = at + 1;
    return `[repositories.test.mirrors.m${number}]\nurl = "${repository.mirror(number)}"\n`;
  });
  return [
    '[repositories.test]',
    `catalog = "sqlite:${repository.catalogFile}"`,
    `cache-dir = "${repository.places.cacheDir}"`,
    `key-file = "${repository.path('key')}"`,
    ...sections,
  ].join('\n');
}

/** Many small files, some large ones, some that are equal, all made from a seed. */
function makeSource(repository: TestRepository): string {
  const source = repository.path('source');
  const random = new SeededRandom('damage');
  let bytes = 0;
  for (let number = 0; bytes < sourceBytes; number++) {
    const directory = join(source, `d${number % 12}`, `e${number % 5}`);
    mkdirSync(directory, { recursive: true });
    const size = number % 10 === 0 ? 400_000 + random.below(900_000) : random.below(30_000);
    writeFileSync(join(directory, `f${number}`), seededBytes(`file ${number}`, size));
    bytes += size;
  }
  return source;
}

/** Adds files; none goes, so that the source can give back what any snapshot has lost. */
function changeSource(source: string, run: number): void {
  for (let number = run; number < 40; number += 10) {
    const file = join(source, `d${number % 12}`, `e${number % 5}`, `run${run}-${number}`);
    writeFileSync(file, seededBytes(`run ${run} ${number}`, 50_000));
    // Older than the scan, whatever the clock of the file system is like.
    utimesSync(file, run, run);
  }
}

/** A long list of tags makes an entry so long that its payload is an object of its own. */
async function backUp(
  repository: TestRepository,
  source: string,
  run: number,
  more?: string,
): Promise<void> {
  const tags = Array.from({ length: 2200 }, (_, at) =>
    seededBytes(`tag ${run} ${at}`, 32).toString('hex'),
  );
  if (more !== undefined) {
    mkdirSync(more, { recursive: true });
    writeFileSync(join(more, `run${run}`), seededBytes(run, 50_000));
  }
  const paths = more === undefined ? [source] : [source, more];
  const { problems } = await repository.backup(paths, { tags });
  if (problems.length > 0) throw new Error(`The backup had problems: ${problems.join(', ')}`);
}

async function targetsIn(
  repository: TestRepository,
  firstKey: string,
): Promise<ReadonlyMap<ObjectKind, DamageTarget>> {
  const mirror = repository.mirror();
  const packs = (kind: string): Promise<string[]> =>
    repository
      .use(true, ({ state }) => state.packs.all().filter((pack) => pack.kind === kind))
      .then(({ summary }) => summary.map(({ name }) => `packs/${name.slice(0, 2)}/${name}`));
  const found = (pattern: string): string[] => globSync(pattern, { cwd: mirror }).toSorted();
  const chosen = new Map<ObjectKind, readonly string[]>([
    ['data pack', await packs('data')],
    ['tree pack', await packs('tree')],
    ['journal object', found('journal/*/*')],
    ['payload', found('payloads/*')],
    // Runs hold the payloads: one wrong bit in so much is searched for too long without the keys.
    ['checkpoint', found('checkpoints/*').filter((key) => statSync(join(mirror, key)).size < 4096)],
    ['key', [...found('keys/*').filter((key) => key !== firstKey), firstKey]],
  ]);
  const targets = new Map<ObjectKind, DamageTarget>();
  for (const [kind, [older = '', ...keys]] of chosen) {
    const middle = Math.floor((keys.length - 1) / 2);
    // Trees of snapshots before the last are no longer what the source has; the last key is ours.
    const at = kind === 'key' || kind === 'tree pack' ? keys.length - 1 : middle;
    const key = keys[at];
    if (key === undefined) continue;
    const other = keys[at + 1] ?? keys[at - 1] ?? older;
    targets.set(kind, { key, other, older: readFileSync(join(mirror, older)) });
  }
  using stranger = await createTestRepository();
  for (const [kind, key, other] of [
    ['config', 'config', 'mirror'],
    ['marker', 'mirror', 'config'],
  ] as const) {
    targets.set(kind, { key, other, older: readFileSync(join(stranger.mirror(), key)) });
  }
  return targets;
}

/** Files of the last snapshot with a chunk in the pack, from the tables and trees themselves. */
async function filesIn(
  repository: TestRepository,
  target: DamageTarget | undefined,
): Promise<readonly FileInPack[]> {
  const snapshot = await repository.latest();
  const files: FileInPack[] = [];
  for (const key of [target?.key ?? '', target?.other ?? '']) {
    files.push(...(await filesInPack(repository, snapshot, key)));
  }
  return files;
}

async function filesInPack(
  repository: TestRepository,
  snapshot: SnapshotInfo,
  key: string,
): Promise<readonly FileInPack[]> {
  const { summary } = await repository.use(true, async (opened, context) => {
    await opened.loadIndex();
    const pack = opened.state.packs.all().find(({ name }) => key.endsWith(name));
    if (pack === undefined) throw new Error(`No such pack: ${key}`);
    const { mirrors, keys, id } = opened;
    const { table } = await readPackDirectory(pack, { mirrors, keys, repository: id });
    const number = opened.state.packs.numberOf(pack.name);
    const trees = new TreeReader(await opened.chunks(context.signal));
    const files: FileInPack[] = [];
    const location = { pack: 0, block: 0, offset: 0, length: 0 };
    const options = { recursive: true };
    for await (const { path, entry } of listEntries(opened, snapshot, rootPath, options)) {
      if (entry.kind !== 'file') continue;
      const blocks: (readonly [number, number])[] = [];
      for await (const { id: chunk } of trees.content(entry)) {
        if (!opened.index.locate(chunk, location) || location.pack !== number) continue;
        const from = table.blockOffsets[location.block] ?? 0;
        blocks.push([from, from + (table.blockStoredBytes[location.block] ?? 0)]);
      }
      if (blocks.length > 0) files.push({ pack: key, path, blocks });
    }
    return files;
  });
  return summary;
}
