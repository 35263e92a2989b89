/** The rules of the grid that this program comes from, each proved by name, from outside. */
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { priorityOf } from '../src/core/backup/priority.ts';
import { UploadQueue, type QueuedFile } from '../src/core/backup/upload-queue.ts';
import { fingerprintBytes } from '../src/core/backup/fingerprint.ts';
import { byteStringFromText, type ByteString } from '../src/core/base/index.ts';
import { VersionsError } from '../src/core/errors/index.ts';
import { lstat, type FileStat } from '../src/core/files/index.ts';
import { CollectingMonitor, systemClock, type Clock, type Context } from '../src/core/index.ts';
import { openStore, RecordingStore } from '../src/core/store/index.ts';
import { seededBytes } from './support/seeded-random.ts';
import { createTestRepository, type TestRepository } from './support/test-repository.ts';

/** Ten seconds on: whatever was written so far is older than any clock is coarse. */
const later: Clock = { ...systemClock, now: () => Date.now() + 10_000 };

let repository: TestRepository;
let source: string;
beforeEach(async () => {
  repository = await createTestRepository({ context: { threads: 1 } });
  source = repository.path('source');
  mkdirSync(source);
});
afterEach(() => repository[Symbol.dispose]());

const write = (name: string, content: Uint8Array | string): void =>
  writeFileSync(join(source, name), content);

async function restoredCopy(): Promise<string> {
  const target = repository.path('target');
  const { problems } = await repository.restore(target);
  expect(problems).toEqual([]);
  return join(target, source);
}

async function packKinds(): Promise<readonly string[]> {
  const { summary } = await repository.use(true, ({ state }) => {
    const kinds: string[] = [];
    for (let number = 0; number < state.packs.count; number++)
      kinds.push(state.packs.at(number)?.kind ?? '');
    return kinds;
  });
  return summary;
}

describe('racy mtime', () => {
  it('what changed too lately to be sure of is read again, once, and keeps its true time', async () => {
    write('file', seededBytes('racy', 5000));
    const read = async (clock: Clock): Promise<number> => {
      const { summary } = await repository.backup(source, { context: { clock } });
      return summary.bytesRead;
    };
    const { mtimeMs } = lstatSync(join(source, 'file'));
    const atOnce: Clock = { ...systemClock, now: () => Math.trunc(mtimeMs) };
    expect(await read(atOnce)).toBe(5000);
    // Its looks are the same, but a change within the same tick of the clock would not show.
    expect(await read(atOnce)).toBe(5000);
    expect(await read(later)).toBe(5000);
    expect(await read(later)).toBe(0);
    const { mtimeNs } = lstatSync(join(source, 'file'), { bigint: true });
    const restored = lstatSync(join(await restoredCopy(), 'file'), { bigint: true });
    expect(restored.mtimeNs / 1000n).toBe(mtimeNs / 1000n);
  });
});

describe('re-stat', () => {
  it('what changes between the scan and the reading is saved as it is when it is read', async () => {
    write('file', seededBytes('before', 30_000));
    const after = seededBytes('after', 40_000);
    // The scan counts a file when it has looked at it and nobody has read it.
    class ChangingMonitor extends CollectingMonitor {
      override count(...[counter, by]: Parameters<CollectingMonitor['count']>): void {
        super.count(counter, by);
        if (counter === 'filesTotal') write('file', after);
      }
    }
    const monitor = new ChangingMonitor();
    const context = { clock: later, monitor };
    const { summary } = await repository.backup(source, { context });
    expect(summary.bytesRead).toBeGreaterThanOrEqual(40_000);
    const copy = join(await restoredCopy(), 'file');
    expect(readFileSync(copy).equals(after)).toBe(true);
    expect(Math.trunc(statSync(copy).mtimeMs)).toBe(
      Math.trunc(statSync(join(source, 'file')).mtimeMs),
    );
  });
});

describe('--force', () => {
  it('reads everything again, and stores nothing twice', async () => {
    write('a', seededBytes('a', 20_000));
    write('b', seededBytes('b', 30_000));
    const clock = later;
    await repository.backup(source, { context: { clock } });
    const { summary: unchanged } = await repository.backup(source, { context: { clock } });
    expect(unchanged.bytesRead).toBe(0);
    const { summary: forced } = await repository.backup(source, {
      force: true,
      context: { clock },
    });
    expect(forced.bytesRead).toBe(50_000);
    // Not even 0, where somebody writes to a directory above the source meanwhile.
    expect(forced.bytesNew).toBeLessThan(1000);
  });

  it('finds what changed behind equal looks', async () => {
    write('file', 'one'.repeat(1000));
    const clock = later;
    await repository.backup(source, { context: { clock } });
    const { atime, mtime } = statSync(join(source, 'file'));
    write('file', 'two'.repeat(1000));
    utimesSync(join(source, 'file'), atime, mtime);
    await repository.backup(source, { force: true, context: { clock } });
    expect(readFileSync(join(await restoredCopy(), 'file'), 'utf8')).toBe('two'.repeat(1000));
  });
});

describe('inline tiny files', () => {
  it('up to 256 bytes lie in their tree, and one byte more in the data', async () => {
    for (let size = 0; size <= 256; size += 32) write(`file-${size}`, seededBytes('tiny', size));
    await repository.backup(source);
    expect(new Set(await packKinds())).toEqual(new Set(['tree']));
    write('file-257', seededBytes('small', 257));
    await repository.backup(source);
    expect(new Set(await packKinds())).toEqual(new Set(['tree', 'data']));
    const copy = await restoredCopy();
    for (const name of readdirSync(source))
      expect(readFileSync(join(copy, name)).equals(readFileSync(join(source, name)))).toBe(true);
  });
});

const text = (path: string): ByteString => byteStringFromText(path);

function queuedFile(directory: string, number: number): QueuedFile {
  return {
    directory: text(directory),
    name: text(`file-${number}`),
    fingerprint: new Uint8Array(fingerprintBytes),
    size: 100,
    racy: false,
  };
}

describe('queue on disk', () => {
  it('holds any number of files without holding them in memory', () => {
    const directory = repository.path('queue');
    mkdirSync(directory);
    const queue = new UploadQueue(directory);
    const count = 30_000;
    for (let number = 0; number < count; number++) queue.add(3, queuedFile('/data', number));
    const onDisk = readdirSync(directory).reduce(
      (sum, name) => sum + statSync(join(directory, name)).size,
      0,
    );
    // All but the last quarter of a mebibyte.
    expect(onDisk).toBeGreaterThan(count * (fingerprintBytes + 10) - 256 * 1024);
    let taken = 0;
    for (let batch = queue.take(); batch; batch = queue.take())
      for (const { name } of batch.files) expect(name).toBe(`file-${taken++}`);
    expect(taken).toBe(count);
    queue.remove();
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('priority batches', () => {
  it('lately changed, small of users, other of users, the rest; each in the order of the tree', () => {
    write('file', 'x');
    const stat = lstat(text(join(source, 'file')));
    const now = { seconds: 2_000_000_000, nanos: 0 };
    const looks = (more: Partial<FileStat>): FileStat => ({
      ...stat,
      mtimeSeconds: now.seconds - 30 * 24 * 3600,
      ...more,
    });
    const files: readonly (readonly [string, FileStat])[] = [
      ['/usr/lib', looks({ size: 10 })],
      ['/home/me/films', looks({ size: 5_000_000 })],
      ['/home/me', looks({ size: 10 })],
      ['/usr/share', looks({ size: 10, mtimeSeconds: now.seconds - 60 })],
      ['/home/me/more', looks({ size: 10 })],
      ['/var/lib', looks({ size: 5_000_000 })],
      ['/home/me/new', looks({ size: 10, mtimeSeconds: now.seconds - 60 })],
    ];
    const queue = new UploadQueue(repository.root);
    files.forEach(([directory, each], number) =>
      queue.add(priorityOf(text(directory), each, now), queuedFile(directory, number)),
    );
    const order: string[] = [];
    const batches: number[] = [];
    for (let batch = queue.take(); batch; batch = queue.take()) {
      batches.push(batch.priority);
      order.push(...batch.files.map(({ directory }) => directory));
    }
    expect(batches).toEqual([0, 1, 2, 3]);
    expect(order).toEqual([
      '/usr/share',
      '/home/me/new',
      '/home/me',
      '/home/me/more',
      '/home/me/films',
      '/usr/lib',
      '/var/lib',
    ]);
    queue.remove();
  });
});

describe('scan and upload restarted each by itself', () => {
  it('an upload that was cut off goes on where it was, and a scan sees what came meanwhile', async () => {
    const names = Array.from(
      { length: 12 },
      (_, number) => `file-${String(number).padStart(2, '0')}`,
    );
    for (const name of names) write(name, seededBytes(name, 1_000_000));
    let packs = 0;
    const failing: Partial<Context> = {
      clock: later,
      doors: {
        openStore: async (url, options) =>
          new RecordingStore(await openStore(url, options), ({ method, key }) => {
            if (method !== 'put' || !key.startsWith('packs/')) return;
            packs += 1;
            if (packs > 6) throw new VersionsError('Unavailable', 'STORE_DOWN', 'The cable is out');
          }),
      },
    };
    await expect(repository.backup(source, { context: failing })).rejects.toThrow(
      'The cable is out',
    );
    const stored = new Set(objectsIn('packs'));
    expect(stored.size).toBe(6);
    // Between the runs one comes and one changes.
    write('new', 'came meanwhile');
    appendFileSync(join(source, 'file-11'), 'more');
    const { summary } = await repository.backup(source, { context: { clock: later } });
    const total = 12 * 1_000_000 + 18;
    // The scan was made anew and saw everything; the upload began where it was cut off.
    expect(summary).toMatchObject({ filesChanged: 0, partial: false });
    expect(summary.filesNew + summary.filesUnchanged).toBe(13);
    expect(summary.filesUnchanged).toBeGreaterThanOrEqual(3);
    expect(summary.bytesRead).toBeLessThan(total - 3 * 1_000_000);
    expect(summary.bytesRead).toBeGreaterThan(0);
    for (const pack of stored) expect(objectsIn('packs')).toContain(pack);
    const copy = await restoredCopy();
    for (const name of [...names, 'new'])
      expect(readFileSync(join(copy, name)).equals(readFileSync(join(source, name)))).toBe(true);
  });
});

function objectsIn(folder: string): readonly string[] {
  const place = join(repository.mirror(), folder);
  if (!existsSync(place)) return [];
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}
