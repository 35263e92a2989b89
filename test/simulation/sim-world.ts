import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  byteStringFromText,
  CollectingMonitor,
  connectRepository,
  displayPath,
  type Doors,
  initRepository,
  listEntries,
  listSnapshots,
  readFile,
  type Repository,
  type SnapshotInfo,
  VersionsError,
} from '../../src/core/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import {
  cheapContext,
  TestRepository,
  testChunkBytesAvg,
  testSecret,
} from '../support/test-repository.ts';
import { treeImage } from '../support/tree-image.ts';
import { SimClock } from './sim-clock.ts';
import { SimMirror } from './sim-mirror.ts';
import { SimProcess } from './sim-process.ts';
import { noTrouble, type Trouble } from './sim-trouble.ts';

/** Kind and content of everything below a source, by path. */
export type Image = ReadonlyMap<string, string>;

/** How many mirrors there are, and how many must have each object. With less than two copies of
 * everything, a mirror that comes back old takes with it what only it had. */
export const shapes = [
  { mirrors: 3, min: 2 },
  { mirrors: 2, min: 2 },
  { mirrors: 3, min: 3 },
  { mirrors: 1, min: 1 },
] as const;

/** A machine with a catalog, caches and a source of its own. */
export interface SimMachine {
  readonly name: string;
  /** Catalog and caches. */
  readonly directory: string;
  readonly source: string;
}

/** How an operation ended. */
export interface Ended<T> {
  readonly value?: T | undefined;
  readonly error?: VersionsError | undefined;
  readonly killed: boolean;
  readonly faults: number;
  readonly problems: readonly string[];
}

/** Everything that exists: mirrors, machines, time; and the ways to let a machine do something. */
export class SimWorld implements Disposable {
  readonly root: string = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sim-'));
  readonly clock: SimClock = new SimClock();
  readonly #seed: string;
  /** All places, in use as mirrors or not. */
  readonly #places: readonly SimMirror[];
  readonly #leftOut = new Set<string>();
  readonly mirrorsMin: number;
  readonly #machines: SimMachine[] = [];
  #processes = 0;
  readonly #hashed: WeakSet<Uint8Array> = new WeakSet();

  constructor(seed: string, shape: { readonly mirrors: number; readonly min: number }) {
    this.#seed = seed;
    this.mirrorsMin = shape.min;
    this.#places = Array.from({ length: shape.mirrors }, (_, at) => new SimMirror(`m${at + 1}`));
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Those that are configured. */
  get mirrors(): readonly SimMirror[] {
    return this.#places.filter(({ name }) => !this.#leftOut.has(name));
  }

  /** It is in no configuration any more. */
  leaveOut(name: string): void {
    this.#leftOut.add(name);
  }

  /** It is configured again. */
  takeIn({ name }: SimMirror): void {
    this.#leftOut.delete(name);
  }

  addMachine(): SimMachine {
    const name = `machine-${this.#machines.length + 1}`;
    const directory = join(this.root, name);
    mkdirSync(directory, { recursive: true });
    const source = join(this.root, `source-of-${name}`);
    mkdirSync(source, { recursive: true });
    const machine = { name, directory, source };
    this.#machines.push(machine);
    return machine;
  }

  /** Somebody who has no key, no catalog and no files, but a place to run. */
  addStranger(): SimMachine {
    const name = 'nobody';
    const directory = join(this.root, name);
    mkdirSync(directory, { recursive: true });
    return { name, directory, source: '' };
  }

  init(machine: SimMachine): Promise<Ended<unknown>> {
    const init = { secret: testSecret, chunkAvgBytes: testChunkBytesAvg };
    return this.act(machine, noTrouble, (repository, monitor) =>
      initRepository(repository.places, init, repository.context(monitor)),
    );
  }

  connect(machine: SimMachine, takeOver: boolean, trouble: Trouble): Promise<Ended<unknown>> {
    return this.act(machine, trouble, (repository, monitor) => {
      const options = { secret: testSecret, takeOver, readOnly: !takeOver };
      return connectRepository(repository.places, options, repository.context(monitor));
    });
  }

  /** The id of a complete snapshot; undefined if it was partial. */
  backup(
    machine: SimMachine,
    trouble: Trouble,
    source: string = machine.source,
  ): Promise<Ended<string>> {
    return this.act(machine, trouble, async (repository) => {
      const { summary } = await repository.backup(source);
      return summary.partial ? undefined : summary.snapshotId;
    });
  }

  verify(machine: SimMachine, trouble: Trouble): Promise<Ended<number>> {
    return this.act(
      machine,
      trouble,
      async (repository) => (await repository.verify('structure')).summary.lost,
    );
  }

  /** Restores the last snapshot with everything that a restore does. */
  restore(machine: SimMachine, trouble: Trouble): Promise<Ended<SnapshotInfo>> {
    const target = join(this.root, 'target');
    return this.act(machine, trouble, async (repository) => {
      const snapshot = (await repository.snapshots()).findLast(({ partial }) => !partial);
      if (snapshot === undefined) return undefined;
      const { problems } = await repository.restore(target, { snapshot });
      // What a backup that died has left in one mirror only cannot be had from another.
      const isLying = this.mirrors.some(({ ailment }) => ailment === 'lying');
      const bad = problems.filter((code) => !(isLying && code === 'ENTRY_DAMAGED'));
      if (bad.length > 0) throw new Error(`A restore has problems: ${bad.join()}`);
      return snapshot;
    });
  }

  /** Opens the repository from the mirrors alone, as somebody would who has nothing else left. */
  async fromMirrors<T>(action: (repository: Repository) => Promise<T>): Promise<T> {
    const reader = { name: 'reader', directory: join(this.root, 'reader'), source: '' };
    rmSync(reader.directory, { recursive: true, force: true });
    mkdirSync(reader.directory);
    const process = this.#processOf(reader, noTrouble);
    const repository = this.#repositoryOf(reader, process).with({ catalog: undefined });
    return (await repository.use(true, action)).summary;
  }

  /** Keeps what a machine has, or a part of it, as it is now. */
  keepCopy(machine: SimMachine): void {
    rmSync(`${machine.directory}.copy`, { recursive: true, force: true });
    cpSync(machine.directory, `${machine.directory}.copy`, { recursive: true });
  }

  hasCopy(machine: SimMachine): boolean {
    return existsSync(`${machine.directory}.copy`);
  }

  /** What a machine has, or a part of it, is again what it was when the copy was made. */
  bringBackCopy(machine: SimMachine, part: 'all' | 'catalog' | 'cache'): void {
    const { directory } = machine;
    const name = part === 'all' ? '' : part === 'catalog' ? '/catalog.db' : '/cache';
    if (!existsSync(`${directory}.copy${name}`)) return;
    rmSync(directory + name, { recursive: true, force: true });
    if (part === 'catalog') rmSync(`${directory}${name}-journal`, { force: true });
    cpSync(`${directory}.copy${name}`, directory + name, { recursive: true });
  }

  /**
   * Keeps everything that mirrors and machines hold. The result brings it all back, as if nothing
   * had happened since; what machines save stays as it is.
   */
  keepAll(): () => void {
    const kept = join(this.root, 'kept');
    rmSync(kept, { recursive: true, force: true });
    const machines = [...this.#machines];
    for (const { name, directory } of machines)
      cpSync(directory, join(kept, name), { recursive: true });
    const objects = this.mirrors.map((mirror) => new Map(mirror.objects));
    return () => {
      for (const { name, directory } of machines) {
        rmSync(directory, { recursive: true, force: true });
        cpSync(join(kept, name), directory, { recursive: true });
      }
      for (const [at, mirror] of this.mirrors.entries()) mirror.objects = new Map(objects[at]);
    };
  }

  /** Another machine with the very same files. */
  fork(machine: SimMachine): SimMachine {
    const copy = this.addMachine();
    cpSync(machine.directory, copy.directory, { recursive: true });
    return copy;
  }

  /** As `catalog rebuild` does where a user goes on from an older state. */
  forgetHighestEntry({ directory }: SimMachine): void {
    rmSync(`${directory}/cache/highest-entry`, { force: true });
  }

  forget(machine: SimMachine, part: 'all' | 'cache'): void {
    const { directory } = machine;
    rmSync(part === 'all' ? directory : `${directory}/cache`, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
  }

  /** What has a content name has that content, and nothing else was ever written there. */
  checkNames(): void {
    for (const { name: mirror, objects } of this.mirrors) {
      for (const [key, bytes] of objects) {
        const [, hash] = /([0-9a-f]{64})$/.exec(key) ?? [];
        if (hash === undefined || this.#hashed.has(bytes)) continue;
        if (createHash('sha256').update(bytes).digest('hex') !== hash) {
          throw new Error(`${mirror} holds other bytes under ${key}`);
        }
        this.#hashed.add(bytes);
      }
    }
  }

  /** Lets a machine do something, in a process that trouble may befall. */
  async act<T>(
    machine: SimMachine,
    trouble: Trouble,
    operation: (
      repository: TestRepository,
      monitor: CollectingMonitor,
      doors: Doors,
    ) => Promise<T | undefined>,
  ): Promise<Ended<T>> {
    const process = this.#processOf(machine, trouble);
    const monitor = new CollectingMonitor();
    let value: T | undefined;
    let error: VersionsError | undefined;
    try {
      value = await operation(this.#repositoryOf(machine, process), monitor, process.doors);
    } catch (thrown) {
      // What no kill explains must be an error that a user can be told.
      if (!(thrown instanceof VersionsError) && !process.isDead) throw thrown;
      if (thrown instanceof VersionsError) error = thrown;
    }
    process.bury();
    return {
      value: process.isDead ? undefined : value,
      error,
      killed: process.isDead,
      faults: process.faults,
      problems: monitor.problems.map(({ code }) => code),
    };
  }

  #processOf(machine: SimMachine, trouble: Trouble): SimProcess {
    const { directory } = machine;
    // A stream of its own: how often a process is asked depends on how threads take turns, and what
    // happens next must not.
    this.#processes += 1;
    const random = new SeededRandom(`${this.#seed}/${this.#processes}`);
    return new SimProcess({ directory, mirrors: this.#places, random, ...trouble });
  }

  #repositoryOf({ directory }: SimMachine, { doors }: SimProcess): TestRepository {
    const places = {
      mirrors: this.mirrors.map(({ name }) => ({ name, url: name })),
      catalog: `sqlite:${directory}/catalog.db`,
      cacheDir: `${directory}/cache`,
      mirrorsMin: this.mirrorsMin,
    };
    const { clock } = this;
    const context = { ...cheapContext, clock, doors, threads: 1, packBytes: 128 * 1024 };
    return new TestRepository(this.root, places, context);
  }
}

/** What a snapshot has below a path, read chunk by chunk. */
export async function imageOf(
  repository: Repository,
  snapshot: SnapshotInfo,
  root: string,
): Promise<Image> {
  const image = new Map<string, string>();
  const below = byteStringFromText(root);
  for await (const { path, entry } of listEntries(repository, snapshot, below, {
    recursive: true,
  })) {
    const shown = displayPath(path).slice(root.length + 1);
    if (entry.kind !== 'file') {
      image.set(shown, entry.kind);
      continue;
    }
    const hash = createHash('sha256');
    for await (const bytes of readFile(repository, snapshot, path)) hash.update(bytes);
    image.set(shown, `file ${entry.size} ${hash.digest('hex').slice(0, 16)}`);
  }
  return image;
}

/** The same of a directory as it is. */
export function imageOfDirectory(root: string): Image {
  const image = new Map<string, string>();
  for (const [path, { kind, content }] of treeImage(root)) {
    if (path !== '.') image.set(path, kind === 'file' ? `file ${content}` : kind);
  }
  return image;
}

export { listSnapshots };
