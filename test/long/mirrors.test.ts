import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitErrorIn, Machine, type JsonLine, type Outcome } from '../cli/machine.ts';
import { seededBytes } from '../support/seeded-random.ts';

let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await machine.write({ 'data/a.txt': 'first\n' });
});
afterEach(() => machine[Symbol.dispose]());

async function init(...names: string[]): Promise<void> {
  const mirrors = names.flatMap((name) => ['--mirror', `${name}=${name}`]);
  expect((await machine.run(['init', ...mirrors])).code).toBe(0);
}

async function save(content: string): Promise<Outcome> {
  await machine.write({ 'data/a.txt': content.repeat(300) });
  return machine.run(['backup', 'data', '--json']);
}

async function json(...args: string[]): Promise<Outcome> {
  return machine.run([...args, '--json']);
}

async function named(outcome: Promise<Outcome>, name: string): Promise<JsonLine | undefined> {
  return (await outcome).documents.find((line) => line['name'] === name);
}

const codeOf = (outcome: Outcome): unknown => exitErrorIn(outcome)?.['code'];

/** `key size` of all objects of a mirror but its marker. */
function objectsIn(mirror: string): string[] {
  const root = machine.path(mirror);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'mirror')
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return `${path.slice(root.length)} ${readFileSync(path).toString('base64')}`;
    })
    .toSorted();
}

async function restoredFrom(mirror: string, snapshot = 'latest'): Promise<string> {
  const key = readFileSync(machine.path('home/.config/versions/default.key'), 'latin1');
  await machine.write({ 'the.key': key });
  const target = `back-${mirror}-${snapshot}`;
  const source = `${snapshot}:${machine.path('data')}`;
  const args = [
    'restore',
    source,
    '-t',
    target,
    '-r',
    machine.path(mirror),
    '--key-file',
    'the.key',
  ];
  expect((await machine.run(args)).code).toBe(0);
  return readFileSync(machine.path(target, 'a.txt'), 'latin1');
}

function largestPack(mirror: string): string {
  const packs = globSync('packs/*/*', { cwd: machine.path(mirror) });
  const sizeOf = (key: string): number => statSync(machine.path(mirror, key)).size;
  return packs.toSorted((a, b) => sizeOf(b) - sizeOf(a))[0] ?? '';
}

const config = (): string =>
  readFileSync(machine.path('home/.config/versions/config.toml'), 'utf8');

describe('a mirror that was away', () => {
  it('is named, owed what it lacks, and given that by sync, byte for byte', async () => {
    await init('one', 'two');
    expect((await save('first')).code).toBe(0);
    await rename(machine.path('two'), machine.path('away'));
    const without = await save('second');
    expect(without.code).toBe(3);
    expect(without.summary).toMatchObject({ mirrorsBehind: ['two'], debts: 1 });
    const { stdout } = await machine.run(['snapshots']);
    expect(stdout.match(/on 1 of 2 mirrors/g)).toHaveLength(1);
    const away = await json('status');
    expect(away.code).toBe(20);
    expect(away.summary['next']).toEqual(
      expect.arrayContaining([
        'bring back two; if it is gone for ever: versions mirror remove two --lost',
        'versions mirror sync',
      ]),
    );
    await rename(machine.path('away'), machine.path('two'));
    const before = await named(json('mirror', 'sync', '-n'), 'two');
    expect(before).toMatchObject({ objectsDamaged: 0 });
    expect(Number(before?.['objectsOwed'])).toBeGreaterThan(1);
    const synced = await json('mirror', 'sync');
    expect(synced.code).toBe(0);
    expect(synced.summary).toMatchObject({ left: 0, absent: [] });
    expect(objectsIn('two')).toEqual(objectsIn('one'));
    expect((await machine.run(['snapshots'])).stdout).not.toContain('of 2 mirrors');
    const well = await json('status');
    expect(well.code).toBe(0);
    expect(well.summary['packsByCopies']).toEqual([0, 0, well.summary['packs']]);
    expect(well.documents.filter(({ type }) => type === 'event').length).toBeGreaterThan(0);
    expect(well.summary['events']).toMatchObject({ paid: expect.any(Number) });
    const story = await machine.run(['status']);
    expect(story.stdout).toMatch(/events of the last 30 days: \d+ paid/);
    expect(story.stdout).toMatch(/ paid +two +[a-z]+\/.* Copied from one/);
    expect((await json('mirror', 'sync')).summary).toMatchObject({ objects: 0, left: 0 });
  });
});

describe('a journal entry that one mirror lost', () => {
  it('is named, the last one too, without writing anything', async () => {
    await init('a', 'b');
    await save('first');
    const entries = readdirSync(machine.path('a', 'journal'), { recursive: true })
      .map(String)
      .filter((name) => /[0-9a-f]{64}$/.test(name));
    expect(entries.length).toBeGreaterThan(2);
    cpSync(machine.path('a'), machine.path('kept'), { recursive: true });
    for (const name of entries) {
      rmSync(machine.path('a', 'journal', name));
      const { code, documents } = await json('verify', '--level', 'quick');
      const missing = documents.filter(({ kind }) => kind === 'missing');
      expect(missing).toMatchObject([{ mirror: 'a', object: `journal/${name}`, healable: true }]);
      expect(code).toBe(20);
      expect(existsSync(machine.path('a', 'journal', name))).toBe(false);
      cpSync(machine.path('kept'), machine.path('a'), { recursive: true });
    }
  });

  it('and cannot be given is owed to it, so that no backup calls itself complete there', async () => {
    await init('a', 'b');
    await save('first');
    const entries = readdirSync(machine.path('a', 'journal'), { recursive: true }).map(String);
    const last =
      entries
        .filter((name) => /[0-9a-f]{64}$/.test(name))
        .toSorted()
        .at(-1) ?? '';
    const place = machine.path('a', 'journal', last);
    rmSync(place);
    mkdirSync(place);
    expect(await save('second')).toMatchObject({ code: 3, summary: { mirrorsBehind: ['a'] } });
    rmSync(place, { recursive: true });
    expect((await json('mirror', 'sync')).code).toBe(0);
    expect((await json('verify', '--level', 'data')).code).toBe(0);
    expect(objectsIn('a')).toEqual(objectsIn('b'));
  });
});

describe('mirror add', () => {
  it('fills an empty place, and again after it was removed, under a new id', async () => {
    await init('one');
    await save('first');
    const added = await json('mirror', 'add', 'two', 'two');
    expect(added.code).toBe(0);
    expect(objectsIn('two')).toEqual(objectsIn('one'));
    expect(config()).toContain(
      `[repositories.default.mirrors.two]\nurl = "${machine.path('two')}"`,
    );
    expect((await save('second')).code).toBe(0);
    expect(objectsIn('two')).toEqual(objectsIn('one'));
    expect(await restoredFrom('two')).toBe('second'.repeat(300));
    expect((await json('mirror', 'remove', 'two')).code).toBe(0);
    expect(config()).not.toContain('mirrors.two');
    expect((await save('third')).code).toBe(0);
    const again = await json('mirror', 'add', 'second', 'two');
    expect(again.code).toBe(0);
    expect(again.summary['mirrorId']).not.toBe(added.summary['mirrorId']);
    expect(Number(again.summary['present'])).toBeGreaterThan(3);
    expect(objectsIn('two')).toEqual(objectsIn('one'));
  });

  it('does not trust what lies in a place that it takes up', async () => {
    await init('one');
    await save('first');
    cpSync(machine.path('one'), machine.path('two'), { recursive: true });
    const pack = objectsIn('two').find((object) => object.startsWith('/packs/')) ?? '';
    const path = machine.path('two', pack.split(' ')[0] ?? '');
    const bytes = readFileSync(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const added = await json('mirror', 'add', 'two', 'two');
    expect(added.code).toBe(0);
    // The pack, and the entry that says that there is a new mirror.
    expect(added.summary).toMatchObject({ copied: 2, left: 0 });
    const inTwo = objectsIn('two').filter((object) => !object.startsWith('/quarantine/'));
    expect(inTwo).toEqual(objectsIn('one'));
  });

  it('goes on where it stopped', async () => {
    await init('one');
    await save('first');
    expect((await json('mirror', 'add', 'two', 'two', '--no-sync')).code).toBe(0);
    expect(objectsIn('two').filter((object) => object.startsWith('/packs/'))).toEqual([]);
    expect((await json('status')).code).toBe(20);
    expect((await machine.run(['snapshots'])).stdout).toContain('on 1 of 2 mirrors');
    const again = await json('mirror', 'add', 'two', 'two');
    expect(again.code).toBe(0);
    expect(again.summary).toMatchObject({ isNew: false, left: 0 });
    expect(objectsIn('two')).toEqual(objectsIn('one'));
  });

  it('refuses places that cannot become one, and writes nothing', async () => {
    await init('one');
    await save('first');
    await machine.write({ 'full/x': 'x' });
    const text = config();
    const refusals = [
      ['two', 'full', 'MIRROR_NOT_EMPTY'],
      ['one', 'other', 'MIRROR_CONFIGURED'],
      ['two', 'one/inside', 'USAGE'],
      ['a b', 'other', 'USAGE'],
    ];
    for (const [name = '', place = '', code] of refusals) {
      expect(codeOf(await json('mirror', 'add', name, place))).toBe(code);
    }
    // The same directory by another way.
    symlinkSync(machine.path('one'), machine.path('link'));
    const same = codeOf(await json('mirror', 'add', 'two', 'link'));
    expect(['MIRROR_KNOWN', 'USAGE', 'STORE_ABSENT', 'STORE_DENIED']).toContain(same);
    expect(config()).toBe(text);
    expect((await save('second')).code).toBe(0);
  });

  it('only says what it would do with -n', async () => {
    await init('one');
    await save('first');
    const text = config();
    const { code, summary } = await json('mirror', 'add', 'two', 'two', '-n');
    expect(code).toBe(0);
    expect(Number(summary['objects'])).toBeGreaterThan(3);
    expect(config()).toBe(text);
    expect(existsSync(machine.path('two/mirror'))).toBe(false);
  });
});

describe('mirror remove', () => {
  it('refuses while copies would be too few, and gives up a dead one with --lost', async () => {
    await init('one', 'two');
    await save('first');
    await rename(machine.path('one'), machine.path('away'));
    await save('second');
    await rename(machine.path('away'), machine.path('one'));
    // What was saved without `one` is only on `two`.
    const refused = await json('mirror', 'remove', 'two');
    expect([refused.code, codeOf(refused)]).toEqual([22, 'COPIES_TOO_FEW']);
    expect(config()).toContain('mirrors.two');
    rmSync(machine.path('two'), { recursive: true });
    const tried = await json('mirror', 'remove', 'two', '--lost', '-n');
    expect(tried.code).toBe(21);
    expect(config()).toContain('mirrors.two');
    const lost = await json('mirror', 'remove', 'two', '--lost');
    expect(lost.code).toBe(21);
    expect(Number(lost.summary['lost'])).toBeGreaterThan(0);
    expect(config()).not.toContain('mirrors.two');
    // The next backup stores again what is still there.
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
    expect(await restoredFrom('one')).toBe('second'.repeat(300));
  });

  it('gives up a dead one of three that alone had something, and is well once that is stored again', async () => {
    await init('one', 'two', 'three');
    expect((await save('first')).code).toBe(0);
    await machine.write({ 'data/big': seededBytes('big', 300_000) });
    expect((await save('second')).code).toBe(0);
    const big = largestPack('one');
    for (const name of ['one', 'two']) rmSync(machine.path(name, big));
    rmSync(machine.path('three'), { recursive: true });
    expect(codeOf(await json('mirror', 'remove', 'three'))).toBe('COPIES_TOO_FEW');
    const given = await json('mirror', 'remove', 'three', '--lost');
    expect(given).toMatchObject({
      code: 21,
      summary: { lost: 1, belowMin: 1, mirrorsMin: 1, mirrorsMinBefore: 2, lowers: false },
    });
    expect(given.stdout).toContain('1 mirror must hold an object');
    expect((await json('verify')).code).toBe(21);
    expect((await json('status')).code).toBe(21);
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
    expect(await json('heal')).toMatchObject({ code: 0, summary: { left: 0, lost: 0 } });
    for (const command of [['status'], ['mirror', 'sync'], ['verify', '--level', 'quick']]) {
      expect(await json(...command)).toMatchObject({ code: 0 });
    }
    expect((await machine.run(['snapshots'])).stdout).not.toContain('of 2 mirrors');
    // A new mirror is not owed what nobody has; what nobody has is not built upon for that.
    expect((await json('mirror', 'add', 'four', 'four')).summary).toMatchObject({ left: 0 });
    expect((await save('third')).code).toBe(0);
    expect((await json('verify', '--level', 'data')).code).toBe(0);
    expect((await json('status')).summary['packsByCopies']).toEqual([0, 0, 0, expect.any(Number)]);
    expect((await json('mirror', 'remove', 'one')).code).toBe(0);
    expect(objectsIn('four')).toEqual(objectsIn('two'));
    for (const at of ['latest~2', 'latest~1', 'latest']) {
      expect(await restoredFrom('four', at)).toBeDefined();
      expect(readFileSync(machine.path(`back-four-${at}`, 'big'))).toEqual(
        Buffer.from(seededBytes('big', 300_000)),
      );
    }
  });

  it('gives up a mirror that is only away without loss, and lowers mirrors-min', async () => {
    await init('one', 'two');
    await machine.run(['mirror', 'set', '--mirrors-min', '2']);
    expect(config()).toContain('mirrors-min = 2');
    await save('first');
    rmSync(machine.path('two'), { recursive: true });
    expect((await save('second')).code).toBe(22);
    expect(codeOf(await json('mirror', 'remove', 'two'))).toBe('MIRRORS_TOO_FEW');
    const lost = await json('mirror', 'remove', 'two', '--lost');
    expect(lost.code).toBe(0);
    expect(lost.summary).toMatchObject({ lowers: true, mirrorsMin: 1, lost: 0 });
    expect(config()).toContain('mirrors-min = 1');
    expect((await save('third')).code).toBe(0);
    expect((await json('status')).code).toBe(0);
    expect(codeOf(await json('mirror', 'remove', 'one'))).toBe('MIRRORS_TOO_FEW');
  });

  it('leaves a removed mirror that is still configured elsewhere unwritten', async () => {
    await init('one', 'two');
    await save('first');
    const text = config();
    await machine.run(['mirror', 'remove', 'two']);
    writeFileSync(machine.path('home/.config/versions/config.toml'), text);
    const before = objectsIn('two');
    expect(codeOf(await save('second'))).toBe('MIRROR_REMOVED');
    expect(objectsIn('two')).toEqual(before);
    expect((await json('mirror', 'remove', 'two')).code).toBe(0);
    expect((await save('third')).code).toBe(0);
  });
});

describe('mirror set', () => {
  it('follows a mirror that has moved or has a new name', async () => {
    await init('one', 'two');
    await save('first');
    await rename(machine.path('two'), machine.path('moved'));
    expect(codeOf(await json('mirror', 'set', 'two', 'nowhere'))).toBe('MIRROR_NOT_THERE');
    expect(codeOf(await json('mirror', 'set', 'two', 'one'))).toBe('USAGE');
    const { code } = await json('mirror', 'set', 'two', 'moved', '--name', 'attic');
    expect(code).toBe(0);
    expect(config()).toContain(
      `[repositories.default.mirrors.attic]\nurl = "${machine.path('moved')}"`,
    );
    expect((await save('second')).code).toBe(0);
    const list = await json('mirror', 'list');
    expect(list.documents.filter(({ type }) => type === 'mirror').map(({ name }) => name)).toEqual([
      'one',
      'attic',
    ]);
    expect(objectsIn('moved')).toEqual(objectsIn('one'));
    expect(codeOf(await json('mirror', 'set', '--mirrors-min', '3'))).toBe('TOO_FEW_MIRRORS');
    expect(codeOf(await json('mirror', 'set'))).toBe('USAGE');
  });
});

describe('status', () => {
  it('is one page, and says what to do next', async () => {
    await init('one', 'two');
    const empty = await machine.run(['status']);
    expect(empty.code).toBe(0);
    expect(empty.stdout).toContain('versions backup PATH');
    await save('first');
    const { stdout } = await machine.run(['status', '--utc']);
    expect(stdout).toContain(machine.path('data'));
    expect(stdout).toMatch(/packs by good copies: \d+ with 2, 0 with 1, 0 with 0/);
    expect(stdout).toContain('versions verify --level data');
    rmSync(machine.path('two'), { recursive: true });
    rmSync(machine.path('one'), { recursive: true });
    expect((await json('status')).code).toBe(22);
  });
});
