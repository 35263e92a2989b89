import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { openPack } from '../../../test/support/open-pack.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import { testKeys } from '../../../test/support/test-keys.ts';
import { toHex } from '../base/index.ts';
import { joinPath, lstatIfExists } from '../files/index.ts';
import { decodeEntry, decodeListPage, type TreeEntry } from '../format/index.ts';
import type { SealedPack, StoreFilesTask } from './protocol.ts';
import { SharedIndex } from './shared-index.ts';
import { stateOf } from './store-files.ts';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';

const world = testKeys();
const mebibyte = 1024 * 1024;

function createPool(options: {
  readonly threads: number;
  readonly packBytes?: number;
  readonly onPack?: WorkerPoolOptions['onPack'];
  readonly index?: SharedIndex;
}): WorkerPool {
  const { threads, packBytes = 16 * mebibyte, onPack, index = SharedIndex.create() } = options;
  return new WorkerPool({
    threads,
    onPack,
    setup: {
      keys: world.workerKeys,
      repository: world.repository,
      chunkAvgBytes: 64 * 1024,
      blockBytes: 256 * 1024,
      packBytes,
      index: index.handle,
    },
  });
}

function copyOf(pack: SealedPack): SealedPack {
  const buffer = new SharedArrayBuffer(pack.bytes);
  new Uint8Array(buffer).set(new Uint8Array(pack.buffer, 0, pack.bytes));
  return { ...pack, buffer };
}

describe('storing files with any number of threads', () => {
  const directory = new TemporaryDirectory();
  const contents = new Map<string, Buffer>([
    ['huge', seededBytes('huge', 33 * mebibyte + 12_345)],
    ['huge 2', seededBytes('huge 2', 33 * mebibyte)],
    ['empty', Buffer.alloc(0)],
    ['same', seededBytes('huge', 3 * mebibyte)],
  ]);
  for (let number = 0; number < 60; number++) {
    const length = Math.floor(number ** 3.3) + 1;
    contents.set(`file ${number}`, seededBytes(number, length));
  }

  beforeAll(() => {
    for (const [name, content] of contents)
      writeFileSync(joinPath(directory.root, bytes(name)), content);
  });
  afterAll(() => directory.remove());

  function taskOf(names: readonly string[]): StoreFilesTask {
    const states = names.flatMap((name) => {
      const stat = lstatIfExists(joinPath(directory.root, bytes(name)));
      return stat ? [...stateOf(stat)] : [0, 0, 0, 0, 0, 0];
    });
    return {
      type: 'store-files',
      asked: [directory.root],
      directories: [directory.root],
      directoryOf: new Uint32Array(names.length),
      names: names.map((name) => bytes(name)),
      states: Float64Array.from(states),
      xattrs: true,
    };
  }

  interface Run {
    /** Encoded entries by name. */
    readonly entries: ReadonlyMap<string, Buffer>;
    readonly packs: readonly SealedPack[];
  }

  async function run(
    threads: number,
    batches: readonly (readonly string[])[],
    packBytes: number = 16 * mebibyte,
  ): Promise<Run> {
    const packs: SealedPack[] = [];
    const entries = new Map<string, Buffer>();
    await using pool = createPool({
      threads,
      packBytes,
      onPack: (pack, release) => {
        packs.push(copyOf(pack));
        release();
      },
    });
    await Promise.all(
      batches.map(async (names) => {
        const result = await pool.run(taskOf(names), 1);
        let at = 0;
        names.forEach((name, number) => {
          const length = result.entryLengths[number] ?? 0;
          entries.set(name, Buffer.from(result.entries.subarray(at, at + length)));
          at += length;
        });
      }),
    );
    await pool.lentBlocksDone();
    await pool.runOnAll({ type: 'flush' });
    return { entries, packs };
  }

  const runs = new Map<number, Promise<Run>>();
  const others = [...contents.keys()].filter((name) => !name.startsWith('huge'));
  const batches = [
    ['huge'],
    ['huge 2'],
    ...[0, 1, 2, 3].map((part) => others.filter((_, at) => at % 4 === part)),
  ];
  const runWith = (threads: number): Promise<Run> => {
    const known = runs.get(threads) ?? run(threads, batches);
    runs.set(threads, known);
    return known;
  };

  const chunkIds = ({ packs }: Run): string[] =>
    packs.flatMap((pack) => openPack(pack, world).chunks.map(({ id }) => id)).sort();

  it.each([1, 2, 3])('%i: every file comes back from the packs', async (threads) => {
    const made = await runWith(threads);
    const chunks = new Map(
      made.packs
        .flatMap((pack) => openPack(pack, world).chunks)
        .map(({ id, bytes: content }) => [id, content]),
    );
    const idsOf = (ids: Uint8Array): string[] =>
      Array.from({ length: ids.byteLength / 32 }, (_, at) =>
        toHex(ids.subarray(at * 32, at * 32 + 32)),
      );
    const listed = (id: string): string[] => {
      const page = decodeListPage(chunks.get(id) ?? Buffer.alloc(0));
      return page.level === 0 ? idsOf(page.ids) : idsOf(page.ids).flatMap(listed);
    };
    const contentOf = ({ inline, chunks: own, list }: TreeEntry): Buffer => {
      if (inline) return Buffer.from(inline);
      const ids = list ? listed(toHex(list)) : idsOf(own ?? new Uint8Array(0));
      return Buffer.concat(ids.map((id) => chunks.get(id) ?? Buffer.alloc(0)));
    };
    const wrong = [...contents].filter(([name, content]) => {
      const entry = decodeEntry(made.entries.get(name) ?? new Uint8Array(0));
      return !contentOf(entry).equals(content);
    });
    expect(wrong).toEqual([]);
    const ids = chunkIds(made);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each([2, 3])('%i: cut and store the same as one does', async (threads) => {
    const [one, many] = [await runWith(1), await runWith(threads)];
    const hexOf = ({ entries }: Run): Record<string, string> =>
      Object.fromEntries([...entries].map(([name, entry]) => [name, entry.toString('hex')]));
    expect(hexOf(many)).toEqual(hexOf(one));
    expect(Object.keys(hexOf(many))).toHaveLength(contents.size);
    expect(chunkIds(many)).toEqual(chunkIds(one));
  });

  it('lends blocks of a huge file to threads that have nothing to do', async () => {
    const alone = await run(1, [['huge']], 64 * mebibyte);
    const dataPacks = ({ packs }: Run): number =>
      packs.filter(({ kind }) => kind === 'data').length;
    expect(dataPacks(alone)).toBe(1);
    // Each thread that got a block has a pack of its own in the end. On a machine that is busy, the
    // one that reads may be done, and have taken all blocks back, before another begins.
    let helped = alone;
    while (dataPacks(helped) === 1) {
      helped = await run(3, [['huge']], 64 * mebibyte);
      expect(chunkIds(helped)).toEqual(chunkIds(alone));
    }
  });
});

describe('storing a stream', () => {
  it('cuts pieces as if they were one file, and gives back what is not finished', async () => {
    const content = seededBytes('stream', 3 * mebibyte + 77);
    const packs: SealedPack[] = [];
    await using pool = createPool({
      threads: 2,
      onPack: (pack, release) => {
        packs.push(copyOf(pack));
        release();
      },
    });
    const cut = async (pieceBytes: number): Promise<string[]> => {
      const ids: string[] = [];
      let rest: Uint8Array = new Uint8Array(0);
      for (let at = 0; at < content.byteLength; at += pieceBytes) {
        const piece = Buffer.concat([rest, content.subarray(at, at + pieceBytes)]);
        const last = at + pieceBytes >= content.byteLength;
        const task = { type: 'store-bytes', bytes: new Uint8Array(piece), last } as const;
        const result = await pool.run(task, piece.byteLength);
        for (let id = 0; id < result.ids.byteLength; id += 32)
          ids.push(toHex(result.ids.subarray(id, id + 32)));
        rest = result.rest;
        expect(rest.byteLength === 0).toBe(last);
      }
      return ids;
    };
    const whole = await cut(content.byteLength);
    expect(await cut(500_000)).toEqual(whole);
    expect(await cut(70_000)).toEqual(whole);
    await pool.lentBlocksDone();
    await pool.runOnAll({ type: 'flush' });
    const stored = packs.flatMap((pack) => openPack(pack, world).chunks);
    const byId = new Map(stored.map(({ id, bytes: chunk }) => [id, chunk]));
    expect(stored).toHaveLength(new Set(whole).size);
    const together = Buffer.concat(whole.map((id) => byId.get(id) ?? Buffer.alloc(0)));
    expect(together.equals(content)).toBe(true);
  });
});

describe('packs that are not stored yet', () => {
  it('make the workers wait, until one is released', async () => {
    const held: (() => void)[] = [];
    await using pool = createPool({
      threads: 2,
      packBytes: 256 * 1024,
      onPack: (_, release) => held.push(release),
    });
    const content = new Uint8Array(seededBytes('waiting', 8 * mebibyte));
    const bytesOf = (at: number): Uint8Array => content.slice(at, at + 4 * mebibyte);
    let done = 0;
    const tasks = [0, 4 * mebibyte].map(async (at) => {
      await pool.run({ type: 'store-bytes', bytes: bytesOf(at), last: true }, 1);
      done += 1;
    });
    await vi.waitUntil(() => held.length >= 3, 10_000);
    await sleep(200);
    // As many as may wait in all, and one more that each thread was at.
    expect(held.length).toBeLessThanOrEqual(3 + 2);
    expect(done).toBe(0);
    let packs = 0;
    await vi.waitUntil(
      () => {
        packs += held.length;
        for (const release of held.splice(0)) {
          release();
          // A second call changes nothing.
          release();
        }
        return done === 2;
      },
      { timeout: 10_000, interval: 1 },
    );
    await Promise.all(tasks);
    expect(packs).toBeGreaterThan(10);
  });
});

describe('a failure', () => {
  const storeTask = (content: string) =>
    ({ type: 'store-bytes', bytes: new Uint8Array(Buffer.from(content)), last: true }) as const;
  const idOf = (content: string): Uint8Array =>
    new Uint8Array(world.keys.ids.idOf(0, Buffer.from(content)));

  it('of one task rejects that task, with its code, and no other', async () => {
    await using pool = createPool({ threads: 1 });
    const settings = {
      root: bytes('/dev/null/below'),
      owner: false,
      uids: new Map(),
      gids: new Map(),
      ownUid: 0,
      system: 'linux' as const,
    };
    const empty = new Uint8Array(0);
    const restore = pool.run(
      {
        type: 'restore',
        settings,
        packHeader: empty,
        bytes: empty,
        blocks: [],
        files: [],
        writes: new Float64Array(0),
        ids: empty,
      },
      1,
    );
    const before = pool.run(storeTask('a'), 1);
    await expect(restore).rejects.toMatchObject({ name: 'VersionsError', kind: 'Source' });
    expect((await before).ids).toEqual(idOf('a'));
    expect((await pool.run(storeTask('b'), 1)).ids).toEqual(idOf('b'));
  });

  it('that nobody thought of is told as Internal', async () => {
    await using pool = createPool({ threads: 1 });
    const broken = { type: 'store-bytes', bytes: 5 } as unknown as ReturnType<typeof storeTask>;
    await expect(pool.run(broken, 1)).rejects.toMatchObject({
      kind: 'Internal',
      code: 'WORKER_FAILED',
    });
    expect((await pool.run(storeTask('b'), 1)).ids).toEqual(idOf('b'));
  });

  it('of a thread rejects everything under way and everything after', async () => {
    const setup = {
      keys: { ...world.workerKeys, epochs: [] },
      repository: world.repository,
      chunkAvgBytes: 64 * 1024,
      blockBytes: 256 * 1024,
      packBytes: mebibyte,
      index: SharedIndex.create().handle,
    };
    await using pool = new WorkerPool({ threads: 2, setup });
    const tasks = ['a', 'b', 'c'].map((content) => pool.run(storeTask(content), 1));
    for (const task of tasks)
      await expect(task).rejects.toMatchObject({ kind: 'Internal', code: 'WORKER_FAILED' });
    await expect(pool.run(storeTask('d'), 1)).rejects.toMatchObject({ code: 'WORKER_FAILED' });
  });

  it('is what a task gets that the pool did not wait for', async () => {
    const pool = createPool({ threads: 1 });
    const tasks = Array.from({ length: 20 }, () => pool.run(storeTask('a'.repeat(mebibyte)), 1));
    const settled = Promise.allSettled(tasks);
    await pool[Symbol.asyncDispose]();
    const left = (await settled).filter(({ status }) => status === 'rejected');
    expect(left.length).toBeGreaterThan(0);
  });
});
