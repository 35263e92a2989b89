import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BackupOptions,
  type BackupSummary,
  byteStringFromText,
  CollectingMonitor,
  type Context,
  initRepository,
  listSnapshots,
  openRepository,
  type Repository,
  type RepositoryPlaces,
  type RestoreOptions,
  type RestoreSummary,
  runBackup,
  runRestore,
  runVerify,
  type Secret,
  type SnapshotInfo,
  systemClock,
  systemRandom,
  type VerifyLevel,
  type VerifySummary,
} from '../../src/core/index.ts';

/** A key file's secret: opening costs next to nothing. */
export const testSecret: Secret = { kind: 'key', key: new Uint8Array(32).fill(7) };
export const testHost = 'test-host';

export interface TestRepositoryOptions {
  /** Number of directory mirrors, m1, m2, …; default 1. */
  readonly mirrors?: number;
  readonly mirrorsMin?: number;
  /** For every operation. */
  readonly context?: Partial<Context>;
  /** Where everything goes; default a new temporary directory. */
  readonly root?: string;
}

/** What `backup` of a test repository may be told beside the paths. */
export type TestBackupOptions = Partial<Omit<BackupOptions, 'paths'>> & {
  readonly context?: Partial<Context>;
};

export type TestRestoreOptions = Partial<Omit<RestoreOptions, 'snapshot' | 'target'>> & {
  readonly context?: Partial<Context>;
};

/** What an operation gave and everything it reported. */
export interface Reported<T> {
  readonly summary: T;
  readonly monitor: CollectingMonitor;
  /** Codes of the problems. */
  readonly problems: readonly string[];
}

/** Small sizes, so that small trees make several chunks, blocks and packs. */
export const cheapContext: Pick<Context, 'clock' | 'random' | 'threads' | 'packBytes'> = {
  clock: systemClock,
  random: systemRandom,
  threads: 2,
  packBytes: 256 * 1024,
};
/** Smallest size of a chunk with the average below: files of less are one chunk. */
export const testChunkBytesMin: number = 16 * 1024;
export const testChunkBytesAvg: number = 64 * 1024;
export const testChunkBytesMax: number = 256 * 1024;

/**
 * A repository of directory mirrors in a temporary directory, used through the core as a program
 * would: every call opens it anew, as every command does.
 */
export class TestRepository implements Disposable {
  readonly root: string;
  readonly places: RepositoryPlaces;
  readonly #context: Partial<Context>;
  readonly #secret: Secret;

  // oxlint-disable-next-line max-params -- as it is everywhere but for the last
  constructor(
    root: string,
    places: RepositoryPlaces,
    context: Partial<Context>,
    secret: Secret = testSecret,
  ) {
    this.root = root;
    this.places = places;
    this.#context = context;
    this.#secret = secret;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** The directory of a mirror, counted from 1. */
  mirror(number = 1): string {
    return this.path(`m${number}`);
  }

  get catalogFile(): string {
    return this.path('catalog.db');
  }

  context(monitor: CollectingMonitor, more: Partial<Context> = {}): Context {
    return { ...cheapContext, ...this.#context, monitor, ...more };
  }

  /** The same repository with other places or another context. */
  with(places: Partial<RepositoryPlaces>, context: Partial<Context> = {}): TestRepository {
    const merged = { ...this.#context, ...context };
    return new TestRepository(this.root, { ...this.places, ...places }, merged);
  }

  /** The same repository where everything was copied to another root. */
  at(root: string): TestRepository {
    const { mirrors, mirrorsMin } = this.places;
    return new TestRepository(root, placesBelow(root, mirrors.length, mirrorsMin), this.#context);
  }

  /** Opens it, does something, and closes it. */
  async use<T>(
    readOnly: boolean,
    action: (repository: Repository, context: Context) => Promise<T> | T,
    more: Partial<Context> = {},
  ): Promise<Reported<T>> {
    const monitor = new CollectingMonitor();
    const context = this.context(monitor, more);
    const options = { secret: this.#secret, readOnly };
    await using repository = await openRepository(this.places, options, context);
    const summary = await action(repository, context);
    return { summary, monitor, problems: monitor.problems.map(({ code }) => code) };
  }

  backup(
    paths: string | readonly string[],
    options: TestBackupOptions = {},
  ): Promise<Reported<BackupSummary>> {
    const { context, ...rest } = options;
    const full: BackupOptions = {
      paths: [paths].flat().map((path) => byteStringFromText(path)),
      excludes: [],
      excludeCaches: false,
      excludeIfPresent: [],
      oneFileSystem: false,
      tags: [],
      host: testHost,
      user: 'test',
      force: false,
      dryRun: false,
      neverEnter: [],
      ...rest,
    };
    return this.use(false, (repository, given) => runBackup(repository, full, given), context);
  }

  async snapshots(): Promise<readonly SnapshotInfo[]> {
    return (await this.use(true, (repository) => listSnapshots(repository))).summary;
  }

  async latest(): Promise<SnapshotInfo> {
    const snapshots = await this.snapshots();
    const last = snapshots.findLast(({ partial }) => !partial);
    if (last === undefined) throw new Error('There is no complete snapshot');
    return last;
  }

  /** Restores a snapshot, the last complete one if none is named. */
  async restore(
    target: string,
    options: TestRestoreOptions & { readonly snapshot?: SnapshotInfo } = {},
  ): Promise<Reported<RestoreSummary>> {
    const { context, snapshot, ...rest } = options;
    const full: RestoreOptions = {
      snapshot: snapshot ?? (await this.latest()),
      target: byteStringFromText(target),
      include: [],
      exclude: [],
      overwrite: 'if-changed',
      delete: false,
      verify: false,
      owner: true,
      dryRun: false,
      ...rest,
    };
    return this.use(true, (repository, given) => runRestore(repository, full, given), context);
  }

  verify(level: VerifyLevel = 'data'): Promise<Reported<VerifySummary>> {
    return this.use(true, (repository, context) => runVerify(repository, { level }, context));
  }
}

/** Makes a repository with cheap settings. `using` removes it with everything below its root. */
export async function createTestRepository(
  options: TestRepositoryOptions = {},
): Promise<TestRepository> {
  const { mirrors = 1, mirrorsMin, context = {} } = options;
  const root = options.root ?? mkdtempSync(join(tmpdir(), 'versions-test-'));
  const places = placesBelow(root, mirrors, mirrorsMin);
  const repository = new TestRepository(root, places, context);
  const init = { secret: testSecret, chunkAvgBytes: testChunkBytesAvg };
  await initRepository(places, init, repository.context(new CollectingMonitor()));
  return repository;
}

function placesBelow(
  root: string,
  mirrors: number,
  mirrorsMin: number | undefined,
): RepositoryPlaces {
  return {
    mirrors: Array.from({ length: mirrors }, (_, at) => ({
      name: `m${at + 1}`,
      url: join(root, `m${at + 1}`),
    })),
    catalog: `sqlite:${join(root, 'catalog.db')}`,
    cacheDir: join(root, 'cache'),
    mirrorsMin,
  };
}
