import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  byteStringFromText,
  CollectingMonitor,
  connectRepository,
  type Context,
  decodeKeyFile,
  type FoundEntry,
  listEntries,
  listSnapshots,
  openRepository,
  type RepositoryPlaces,
  runRestore,
  runVerify,
  type Secret,
  systemClock,
  systemRandom,
} from '../src/core/index.ts';
import {
  escapeBytes,
  goldenDirectory,
  type GoldenItem,
  type GoldenManifest,
  type GoldenSecret,
  goldenSource,
  readItems,
  timeText,
} from './support/golden.ts';

/** A repository of a released format must be readable for ever: names are only added. */
const goldenNames = ['v1-checkpoints', 'v1-key-file', 'v1-password', 'v1-unencrypted'];
const bytesMax = 300 * 1024;

let work: string;
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'versions-golden-'));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

it('every golden repository is listed here, and small', () => {
  expect(readdirSync(goldenDirectory).toSorted()).toEqual(goldenNames);
  for (const name of goldenNames) {
    const files = readdirSync(join(goldenDirectory, name), { recursive: true, encoding: 'utf8' });
    const sizes = files.map((file) => statSync(join(goldenDirectory, name, file)));
    const bytes = sizes.reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
    expect(bytes).toBeLessThan(bytesMax);
  }
});

describe.each(goldenNames)('%s', (name) => {
  const manifest = readManifest(name);
  const mirror = join(goldenDirectory, name, 'mirror');
  const mirrors = [{ name: 'golden', url: mirror }];
  const secret = secretOf(manifest.secret);

  it('comes back through connect', async () => {
    const places: RepositoryPlaces = {
      mirrors,
      catalog: `sqlite:${join(work, `${name}.db`)}`,
      cacheDir: join(work, `${name}-cache`),
    };
    const before = listFiles(mirror);
    const monitor = new CollectingMonitor();
    const connected = await connectRepository(places, { secret }, contextOf(monitor));
    expect(connected).toEqual({
      repositoryId: manifest.repository,
      encrypted: manifest.secret.kind !== 'none',
      snapshots: manifest.snapshots.length,
      entries: manifest.entries,
    });
    expect(monitor.problems).toEqual([]);
    await expectWholeContent(places, join(work, `${name}-connected`));
    expect(listFiles(mirror), 'connecting for reading writes nothing').toEqual(before);
  });

  it('comes back from the mirror alone', async () => {
    const places = { mirrors, catalog: undefined, cacheDir: join(work, `${name}-place-cache`) };
    await expectWholeContent(places, join(work, `${name}-place`));
    expect(listFiles(mirror)).not.toContain('catalog.db');
  });

  it('has nothing that verify finds fault with', async () => {
    const places = { mirrors, catalog: undefined, cacheDir: join(work, `${name}-verify-cache`) };
    const monitor = new CollectingMonitor();
    const context = contextOf(monitor);
    await using repository = await openRepository(places, { secret, readOnly: true }, context);
    const summary = await runVerify(repository, { level: 'data' }, context);
    expect(monitor.findings).toEqual([]);
    expect(monitor.problems).toEqual([]);
    expect(summary).toMatchObject({ findings: 0, lost: 0, snapshots: manifest.snapshots.length });
  });

  async function expectWholeContent(places: RepositoryPlaces, target: string): Promise<void> {
    const monitor = new CollectingMonitor();
    const context = contextOf(monitor);
    await using repository = await openRepository(places, { secret, readOnly: true }, context);
    const snapshots = listSnapshots(repository);
    const told = snapshots.map(({ id, time, host, tags, partial }) => {
      return { id, time, host, tags, partial };
    });
    expect(told).toEqual(manifest.snapshots.map(({ items: _items, ...rest }) => rest));
    for (const [number, snapshot] of snapshots.entries()) {
      const items = itemsOf(manifest, number);
      const path = byteStringFromText(goldenSource);
      const listed: GoldenItem[] = [];
      for await (const found of listEntries(repository, snapshot, path, { recursive: true })) {
        listed.push(itemOfEntry(found));
      }
      const withoutContent = items.map(({ sha256: _sha256, linkOf: _linkOf, ...item }) => item);
      expect(listed).toEqual(withoutContent.filter((item) => item.path !== ''));

      const directory = `${target}-${number}`;
      const options = {
        snapshot,
        path,
        target: byteStringFromText(directory),
        include: [],
        exclude: [],
        overwrite: 'if-changed',
        delete: false,
        verify: false,
        owner: false,
        dryRun: false,
      } as const;
      const summary = await runRestore(repository, options, context);
      expect(summary.problems).toBe(0);
      const onDisk = items.map(({ xattrs: _xattrs, ...item }) => item);
      expect(readItems(directory)).toEqual(onDisk);
      rmSync(directory, { recursive: true });
    }
    expect(monitor.problems).toEqual([]);
  }
});

function readManifest(name: string): GoldenManifest {
  const text = readFileSync(join(goldenDirectory, name, 'manifest.json'), 'utf8');
  return JSON.parse(text) as GoldenManifest;
}

function itemsOf({ items, snapshots }: GoldenManifest, number: number): readonly GoldenItem[] {
  return (snapshots[number]?.items ?? []).map((at) => items[at] as GoldenItem);
}

function secretOf(secret: GoldenSecret): Secret {
  if (secret.kind !== 'key') return secret;
  return { kind: 'key', key: decodeKeyFile(secret.keyFile) };
}

function contextOf(monitor: CollectingMonitor): Context {
  return { clock: systemClock, random: systemRandom, monitor, threads: 1 };
}

function listFiles(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted();
}

/** An entry as the manifest has it, without what only the content tells. */
function itemOfEntry({ path, entry }: FoundEntry): GoldenItem {
  const { kind, mode, mtimeSeconds, mtimeNanos, size, target, xattrs = [] } = entry;
  expect(['file', 'directory', 'symlink', 'fifo']).toContain(kind);
  const values = xattrs.map((one) => [one.name, Buffer.from(one.value).toString('hex')] as const);
  return {
    path: escapeBytes(path.slice(goldenSource.length + 1) as typeof path),
    mode: mode.toString(8).padStart(4, '0'),
    mtime: timeText(BigInt(mtimeSeconds) * 1_000_000_000n + BigInt(mtimeNanos)),
    kind: kind as GoldenItem['kind'],
    ...(kind === 'file' ? { size } : {}),
    ...(target
      ? { target: escapeBytes(Buffer.from(target).toString('latin1') as typeof path) }
      : {}),
    ...(values.length > 0 ? { xattrs: Object.fromEntries(values) } : {}),
  };
}
