import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  CollectingMonitor,
  connectRepository,
  openRepository,
  type Secret,
  systemRandom,
} from '../../src/core/index.ts';
import type { RepositoryId } from '../../src/core/base/index.ts';
import { MasterBundle, openBundle } from '../../src/core/crypto/index.ts';
import { createKeyObject } from '../../src/core/repository/key-access.ts';
import {
  decodeEntryObject,
  decodeKeyObject,
  encodeKeyObjectStart,
  headerBytes,
  objectHashOf,
  packNameOf,
  trailerBytes,
} from '../../src/core/format/index.ts';
import { seededBytes } from '../support/seeded-random.ts';
import {
  createTestRepository,
  testSecret,
  type TestRepository,
} from '../support/test-repository.ts';

// Somebody who holds a mirror, or sits between, and has no key: what can be put there is what was
// there before, in other places, and what needs no key to be made.

let repository: TestRepository;
let copied: TestRepository;
let source: string;
let savedFrom: string;
let number = 0;
/** Data packs of the first backup, which the second has replaced, and of the second. */
let oldPacks: readonly string[];
let newPacks: readonly string[];
let made: TestRepository;
beforeAll(async () => {
  repository = made = await createTestRepository({ mirrors: 2 });
  source = savedFrom = made.path('source');
  mkdirSync(source);
  for (const name of ['a', 'b']) writeFileSync(join(source, name), contentOf(`first ${name}`));
  await made.backup(source);
  oldPacks = dataPacks();
  for (const name of ['a', 'b']) writeFileSync(join(source, name), contentOf(`second ${name}`));
  await made.backup(source);
  newPacks = dataPacks().filter((key) => !oldPacks.includes(key));
});
afterAll(() => made[Symbol.dispose]());
beforeEach(() => {
  const root = mkdtempSync(join(tmpdir(), 'versions-test-'));
  cpSync(made.root, root, { recursive: true });
  repository = copied = made.at(root);
  source = savedFrom;
});
afterEach(() => copied[Symbol.dispose]());

/** Content that does not become smaller, and is never in two files. */
const contentOf = (seed: string): Buffer => seededBytes(seed, 100_000);

/** Files below a directory of both mirrors, by name relative to the mirror. */
function objects(kind: string, mirror = 1): string[] {
  const root = repository.mirror(mirror);
  return readdirSync(join(root, kind), { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(root.length + 1))
    .toSorted();
}

const at = (key: string, mirror = 1): string => join(repository.mirror(mirror), key);

/** Data packs, which are the larger ones here. */
const dataPacks = (): string[] => objects('packs').filter((key) => readFileSync(at(key))[9] === 1);

/** Saves one file with these contents, one after the other; gives the data pack of each. */
async function alone(...seeds: readonly string[]): Promise<string[]> {
  const packs: string[] = [];
  for (const seed of seeds) {
    writeFileSync(join(source, 'a'), contentOf(seed));
    await repository.backup(source, { force: true });
    packs.push(...dataPacks().filter((key) => !packs.includes(key)));
  }
  expect(packs).toHaveLength(seeds.length);
  return packs;
}

/** Stored bytes of the block of such a file, which does not become smaller. */
const blockOfOne = 100_000 + 16;
const nameIn = (key: string): string => key.slice(key.lastIndexOf('/') + 1);

/** The same to every mirror, so that none can help. */
function everywhere(action: (mirror: number) => void): void {
  for (const mirror of [1, 2]) action(mirror);
}

interface Met {
  readonly restored: boolean;
  readonly problems: readonly string[];
  readonly verify: readonly string[];
}

/** Restores and verifies with what the mirrors serve now. */
async function meet(): Promise<Met> {
  const target = repository.path(`target-${(number += 1)}`);
  const { monitor } = await repository.restore(target);
  // Why something is lost is told beside it.
  const problems = monitor.problems.map(({ code, context: { reason } }) =>
    reason === undefined ? code : `${code}: ${reason}`,
  );
  const verified = await repository.verify('data');
  const restored = ['a', 'b'].every((name) => {
    const file = join(target, source, name);
    return existsSync(file) && readFileSync(file).equals(contentOf(`second ${name}`));
  });
  const verify = [...new Set(verified.monitor.findings.map(({ kind }) => kind))].toSorted();
  return { restored, problems: [...new Set(problems)].toSorted(), verify };
}

describe('packs', () => {
  it('in each other’s place give no byte of the other, in one mirror or in all', async () => {
    const [first = ''] = oldPacks;
    const [second = ''] = newPacks;
    const swap = (mirror: number): void => {
      renameSync(at(first, mirror), at('swapped', mirror));
      renameSync(at(second, mirror), at(first, mirror));
      renameSync(at('swapped', mirror), at(second, mirror));
    };
    swap(1);
    // The other mirror has them right, and nobody but the monitor sees a difference.
    expect(await meet()).toMatchObject({ restored: true, problems: [] });
    swap(2);
    expect(await meet()).toMatchObject({
      restored: false,
      problems: ['CONTENT_LOST: PACK_SPLICED'],
    });
  });

  it('that are cut off, or gone, are told from those that were changed', async () => {
    const [first = ''] = newPacks;
    everywhere((mirror) => truncateSync(at(first, mirror), 100));
    expect((await meet()).problems).toEqual(['CONTENT_LOST: PACK_CUT_OFF']);
    everywhere((mirror) => rmSync(at(first, mirror)));
    expect((await meet()).problems).toEqual(['CONTENT_LOST: OBJECT_NOT_FOUND']);
  });

  it('with blocks of another under their own header are refused', async () => {
    using other = await createTestRepository({ mirrors: 2 });
    repository = other;
    source = other.path('source');
    mkdirSync(source);
    const [first = '', second = ''] = await alone('first', 'second');
    everywhere((mirror) => {
      const [one, two] = [readFileSync(at(first, mirror)), readFileSync(at(second, mirror))];
      // An old block, valid where it was, as ranged reads would serve it.
      one.copy(two, headerBytes, headerBytes, headerBytes + blockOfOne);
      writeFileSync(at(second, mirror), two);
    });
    const { monitor, problems } = await other.restore(other.path('target'));
    expect(problems).toEqual(['CONTENT_LOST']);
    expect(monitor.problems[0]?.context).toEqual({ reason: 'PACK_SPLICED' });
    // It says where, and from where.
    const named = monitor.problems.map(({ cause }) =>
      cause instanceof Error ? cause.message : '',
    );
    expect(named[0]).toContain(`${nameIn(second)} goes on like pack ${nameIn(first)}`);
    expect(new Set((await other.verify('data')).monitor.findings.map(({ kind }) => kind))).toEqual(
      new Set(['corrupt']),
    );
  });

  it('with one byte changed are told from those', async () => {
    const [first = ''] = newPacks;
    everywhere((mirror) => {
      const bytes = readFileSync(at(first, mirror));
      bytes[headerBytes + 1000] = (bytes[headerBytes + 1000] ?? 0) ^ 1;
      writeFileSync(at(first, mirror), bytes);
    });
    expect(await meet()).toMatchObject({
      restored: false,
      problems: ['CONTENT_LOST: PACK_ALTERED'],
      verify: ['corrupt'],
    });
  });

  it('that are a whole other pack, header, table and all, are refused for their salt', async () => {
    const [first = ''] = oldPacks;
    const [second = ''] = newPacks;
    everywhere((mirror) => copyFileSync(at(first, mirror), at(second, mirror)));
    const { restored, problems } = await meet();
    expect(restored).toBe(false);
    expect(problems).toEqual(['CONTENT_LOST: PACK_SPLICED']);
    // Without what this machine remembers, the tables are read from there too.
    rmSync(repository.path('cache'), { recursive: true });
    const again = await repository.restore(repository.path('again'));
    expect(again.problems).toContain('PACK_TABLE_DAMAGED');
  });

  it('with blocks in another order are refused', async () => {
    const [first = ''] = newPacks;
    everywhere((mirror) => {
      const bytes = readFileSync(at(first, mirror));
      const half = 64 + Math.floor((bytes.byteLength - 4096 - 64) / 2);
      const turned = [bytes.subarray(half, 2 * half - 64), bytes.subarray(64, half)];
      writeFileSync(
        at(first, mirror),
        Buffer.concat([bytes.subarray(0, 64), ...turned, bytes.subarray(2 * half - 64)]),
      );
    });
    const { verify, problems } = await meet();
    expect({ verify, problems }).toEqual({
      verify: ['corrupt'],
      problems: ['CONTENT_LOST: PACK_ALTERED'],
    });
  });

  it('that nobody asked for are no part of anything', async () => {
    const [first = ''] = newPacks;
    const bytes = Buffer.from(readFileSync(at(first)));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    // Rightly named, and its trailer still fits its length.
    expect(bytes.subarray(-8).toString()).toBe('VERSPACK');
    expect(bytes.byteLength).toBeGreaterThan(trailerBytes);
    const name = packNameOf(bytes);
    everywhere((mirror) => {
      mkdirSync(at(`packs/${name.slice(0, 2)}`, mirror), { recursive: true });
      writeFileSync(at(`packs/${name.slice(0, 2)}/${name}`, mirror), bytes);
    });
    expect(await meet()).toMatchObject({ restored: true, problems: [] });
    const later = join(source, 'later');
    writeFileSync(later, contentOf('later'));
    expect((await repository.backup(source)).problems).toEqual([]);
    expect(await meet()).toMatchObject({ restored: true, problems: [] });
  });
});

describe('journal entries', () => {
  /** What a machine that knows nothing makes of the mirrors. */
  async function connected(): Promise<{ snapshots: number; codes: readonly string[] }> {
    const monitor = new CollectingMonitor();
    const name = `other-${(number += 1)}`;
    const places = {
      ...repository.places,
      catalog: `sqlite:${repository.path(name, 'catalog.db')}`,
      cacheDir: repository.path(name, 'cache'),
    };
    mkdirSync(repository.path(name));
    const { snapshots } = await connectRepository(
      places,
      { secret: testSecret },
      repository.context(monitor),
    );
    const codes = monitor.problems.map(({ code }) => code);
    return { snapshots, codes: [...new Set(codes)].toSorted() };
  }

  const entries = (mirror = 1): string[] => objects('journal', mirror);

  it('that were rolled back in one mirror are taken from the other', async () => {
    for (const key of entries().slice(-3)) rmSync(at(key));
    expect(await connected()).toMatchObject({ snapshots: 2 });
    // This machine knows what there must be, even if all mirrors went back.
    for (const key of entries(2).slice(-1)) rmSync(at(key, 2));
    const { monitor } = await repository.verify('quick');
    expect(monitor.findings.map(({ kind }) => kind)).toContain('missing');
  });

  it('under the numbers of others are not what they say', async () => {
    const keys = entries();
    const [one = '', two = ''] = keys.slice(-2);
    everywhere((mirror) => {
      const [first, second] = [readFileSync(at(one, mirror)), readFileSync(at(two, mirror))];
      writeFileSync(at(one, mirror), second);
      writeFileSync(at(two, mirror), first);
    });
    const { snapshots, codes } = await connected();
    expect({ snapshots, codes }).toEqual({
      snapshots: 1,
      codes: ['ENTRY_UNREADABLE', 'HISTORY_GAP'],
    });
  });

  it('renamed to other numbers, hash and all, are refused', async () => {
    const keys = entries();
    const last = keys.at(-1) ?? '';
    const bytes = readFileSync(at(last));
    const { number: own } = decodeEntryObject(bytes);
    const [directory, file] = [
      last.slice(0, last.lastIndexOf('/')),
      last.slice(last.lastIndexOf('/') + 1),
    ];
    const digits = file.slice(0, file.indexOf('-'));
    const next = String(own + 1).padStart(digits.length, '0');
    everywhere((mirror) =>
      writeFileSync(at(`${directory}/${next}${file.slice(digits.length)}`, mirror), bytes),
    );
    expect(await connected()).toEqual({ snapshots: 2, codes: ['ENTRY_UNREADABLE', 'HISTORY_GAP'] });
    expect((await repository.backup(source)).summary).toBeDefined();
  });

  it('of another repository are passed over, and named', async () => {
    const other = await createTestRepository({ mirrors: 1 });
    try {
      mkdirSync(other.path('source'));
      await other.backup(other.path('source'));
      const [foreign = ''] = readdirSync(join(other.mirror(), 'journal'));
      everywhere((mirror) =>
        cpSync(join(other.mirror(), 'journal', foreign), at(`journal/${foreign}`, mirror), {
          recursive: true,
        }),
      );
      const { snapshots, codes } = await connected();
      expect(snapshots).toBe(2);
      expect(codes).toEqual(['ENTRY_FORGED']);
      const { problems, summary } = await repository.backup(source);
      expect(summary.snapshotId).toBeDefined();
      expect(new Set(problems)).toEqual(new Set(['ENTRY_FORGED']));
    } finally {
      other[Symbol.dispose]();
    }
  });
});

/** Not by the clock: the machine may be busy with other things. */
function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

describe('key objects', () => {
  const repositoryId = (): string => readFileSync(at('config')).subarray(16, 32).toString('hex');

  /** Plants a key object with these costs; nothing but its hash makes it look right. */
  function plant(
    costs: { passes: number; memoryKiB: number; lanes: number },
    mirror: number,
  ): void {
    const salt = seededBytes(`salt ${(number += 1)}`, 32);
    const sealed = seededBytes(`sealed ${number}`, 600);
    const start = encodeKeyObjectStart(
      { repository: repositoryId() as RepositoryId, salt, sealedBytes: sealed.byteLength },
      { kdf: 'argon2id', version: 19, created: 1, ...costs },
    );
    const bytes = Buffer.concat([start, sealed]);
    writeFileSync(at(`keys/${objectHashOf(bytes)}`, mirror), bytes);
  }

  /** One more way to unlock the repository, in both mirrors. */
  async function addPassword(password: string): Promise<void> {
    const id = repositoryId() as RepositoryId;
    const [known = ''] = objects('keys');
    const { header, parameters, aad, sealed } = decodeKeyObject(readFileSync(at(known)));
    const place = { suite: header.suite, salt: header.salt, aad };
    const bundle = MasterBundle.decode(await openBundle(sealed, testSecret, parameters, place), id);
    const { bytes, name } = await createKeyObject(
      bundle,
      { kind: 'password', password },
      { repository: id, random: systemRandom, created: 1 },
      { passes: 1, memoryKiB: 64, lanes: 1 },
    );
    everywhere((mirror) => writeFileSync(at(`keys/${name}`, mirror), bytes));
  }

  async function open(secret: Secret): Promise<void> {
    const context = repository.context(new CollectingMonitor());
    const opened = await openRepository(repository.places, { secret, readOnly: true }, context);
    await opened[Symbol.asyncDispose]();
  }

  it('with absurd costs are refused before they cost anything', async () => {
    for (const passes of [0, 17, 4_294_967_295]) plant({ passes, memoryKiB: 8, lanes: 1 }, 1);
    for (const memoryKiB of [0, 2_097_153, 4_294_967_295])
      plant({ passes: 1, memoryKiB, lanes: 1 }, 1);
    plant({ passes: 1, memoryKiB: 1_000_000, lanes: 200 }, 1);
    const began = process.cpuUsage();
    await expect(open({ kind: 'password', password: 'guess' })).rejects.toMatchObject({
      code: 'WRONG_SECRET',
    });
    expect(processorMs(began)).toBeLessThan(5000);
    await open(testSecret);
  });

  it('that cost as much as is allowed do not hold up who has the password', async () => {
    await addPassword('mine');
    // Each would take half a minute and 2 GiB.
    const costs = { passes: 16, memoryKiB: 2_097_152, lanes: 1 };
    for (let count = 0; count < 20; count++) everywhere((mirror) => plant(costs, mirror));
    const began = process.cpuUsage();
    await open({ kind: 'password', password: 'mine' });
    expect(processorMs(began)).toBeLessThan(10_000);
  });

  it('of suite 0 are never opened by somebody who gave a password', async () => {
    const unencrypted = encodeKeyObjectStart(
      { repository: repositoryId() as RepositoryId, salt: seededBytes('s', 32), sealedBytes: 616 },
      { kdf: 'none', created: 1 },
    );
    const bytes = Buffer.concat([unencrypted, seededBytes('bundle', 616)]);
    for (const key of objects('keys')) everywhere((mirror) => rmSync(at(key, mirror)));
    // Else the honest objects would be tried that this machine keeps.
    rmSync(repository.path('cache'), { recursive: true });
    everywhere((mirror) => writeFileSync(at(`keys/${objectHashOf(bytes)}`, mirror), bytes));
    await expect(open({ kind: 'password', password: 'mine' })).rejects.toMatchObject({
      code: 'NO_KEY_OBJECT',
    });
  });
});
