import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { expectCode, expectLatestIs } from '../cli/expect-outcome.ts';
import { exitErrorIn, type JsonLine, Machine, type Outcome } from '../cli/machine.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { SmallDisk, whyNoSmallDisk } from '../support/small-disk.ts';
import { treeImage } from '../support/tree-image.ts';

/**
 * Disks run full wherever something is written, at the first byte or later: one clear sentence and
 * a documented exit code, nothing that was stored is lost, and with space the next run completes.
 */

const whyNot = whyNoSmallDisk();
if (whyNot !== undefined) process.stderr.write(`Full disks are not tested: ${whyNot}\n`);

const testMs = 240_000;
const diskBytes = 24 * 1024 * 1024;
/** What is left when it begins to be written: full at once, and ever later. */
const left = [0, 16, 100, 400].map((kibibytes) => kibibytes * 1024);
const documented = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** Some megabytes in some hundreds of files. */
function makeSource(machine: Machine): string {
  const source = machine.path('source');
  const random = new SeededRandom('full');
  for (let directory = 0; directory < 20; directory++) {
    mkdirSync(`${source}/${directory}/sub`, { recursive: true });
    for (let file = 0; file < 15; file++) {
      writeFileSync(`${source}/${directory}/sub/${file}`, random.bytes(random.below(20_000)));
    }
  }
  writeFileSync(`${source}/large`, random.bytes(2_000_000));
  return source;
}

function addFiles(source: string, name: string): void {
  mkdirSync(`${source}/${name}`);
  const random = new SeededRandom(name);
  for (let file = 0; file < 100; file++) {
    writeFileSync(`${source}/${name}/${file}`, random.bytes(8000));
  }
}

function expectOk(outcome: Outcome): void {
  expectCode(outcome, [0]);
}

/** It ended in a way that the pages of codes tell, with one sentence and a hint. */
function expectClear(outcome: Outcome, codes: readonly number[]): string {
  const error = exitErrorIn(outcome);
  expectCode(outcome, codes);
  const { code, message, hint } = error ?? { code: 'none', message: '', hint: '' };
  expect(documented).toContain(`\`${String(code)}\``);
  expect(String(message)).toMatch(/^[^\n]+[^\n.]$/);
  expect(String(hint).length).toBeGreaterThan(10);
  return String(code);
}

async function expectRestores(machine: Machine, source: string): Promise<void> {
  await expectLatestIs(machine, source);
  expectOk(await machine.run(['verify', '--level', 'data']));
}

/** Half a megabyte each, which nothing makes smaller. */
function makeLargeFiles(source: string, count: number): void {
  const random = new SeededRandom('large');
  for (let file = 0; file < count; file++) {
    mkdirSync(`${source}/${file % 7}`, { recursive: true });
    writeFileSync(`${source}/${file % 7}/${file}`, random.bytes(500_000));
  }
}

async function snapshotsOf(machine: Machine): Promise<readonly JsonLine[]> {
  const { documents } = await machine.run(['snapshots', '--json']);
  return documents.filter(({ type }) => type === 'snapshot');
}

/** The backup ends early; what it has finished is a snapshot, of which every file is whole. */
async function expectPartial(machine: Machine, source: string, code: number): Promise<void> {
  const outcome = await machine.run(['backup', source, '--json']);
  expectClear(outcome, [code]);
  expect(outcome.summary).toMatchObject({ partial: true, exitCode: code });
  const [snapshot, ...others] = await snapshotsOf(machine);
  expect(others).toEqual([]);
  expect(snapshot).toMatchObject({ id: outcome.summary['snapshotId'], partial: true });
  const target = machine.path('partial');
  expectOk(await machine.run(['restore', String(snapshot?.['id']), '--target', target]));
  const names = readdirSync(target + source, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => statSync(`${target}${source}/${name}`).isFile());
  expect(files.length).toBeGreaterThan(10);
  expect(snapshot?.['stats']).toMatchObject({
    files: files.length,
    bytes: files.length * 500_000,
  });
  for (const name of files) {
    const isSame = readFileSync(`${target}${source}/${name}`).equals(
      readFileSync(`${source}/${name}`),
    );
    expect({ name, isSame }).toEqual({ name, isSame: true });
  }
  rmSync(target, { recursive: true });
}

const places = [
  {
    name: 'cache',
    below: '.cache',
    codes: ['LOCAL_DISK_FULL', 'JOURNAL_FULL'],
  },
  { name: 'catalog', below: '.local/share', codes: ['CATALOG_FULL'] },
];

describe.skipIf(whyNot !== undefined).each(places)('a full disk of the $name', (place) => {
  it(
    'stops a backup with one sentence, and the next one completes',
    { timeout: testMs },
    async () => {
      using machine = new Machine();
      using disk = new SmallDisk(`${machine.home}/${place.below}`, diskBytes);
      const source = makeSource(machine);
      expectOk(await machine.run(['init', 'home', '--mirror', 'm1=m1']));
      const codes: string[] = [];
      for (const bytes of left) {
        addFiles(source, `more-${bytes}`);
        disk.fill(bytes);
        const outcome = await machine.run(['backup', source, '--json']);
        if (outcome.code !== 0) codes.push(expectClear(outcome, [1]));
        // Reading goes on without a byte of space.
        if (bytes > 0 && codes.length > 0) {
          const list = await machine.run(['snapshots', '--json']);
          if (list.code !== 0) expectClear(list, [1]);
        }
        disk.empty();
        expectOk(await machine.run(['backup', source]));
        await expectRestores(machine, source);
      }
      expect(codes.length).toBeGreaterThan(0);
      expect(codes.filter((code) => !place.codes.includes(code))).toEqual([]);
    },
  );
});

describe.skipIf(whyNot !== undefined)('a full mirror', () => {
  it(
    'that is the only one stops a backup; with space it completes',
    { timeout: testMs },
    async () => {
      using machine = new Machine();
      using disk = new SmallDisk(machine.path('disk'), diskBytes);
      const source = makeSource(machine);
      expectOk(await machine.run(['init', 'home', '--mirror', 'm1=disk/m1']));
      const ends: string[] = [];
      for (const bytes of left) {
        addFiles(source, `more-${bytes}`);
        disk.fill(bytes);
        const outcome = await machine.run(['backup', source, '--json']);
        if (outcome.code !== 0 || bytes === 0)
          ends.push(expectClear(outcome, [22]), outcome.stderr);
        disk.empty();
        expectOk(await machine.run(['backup', source]));
        await expectRestores(machine, source);
      }
      expect(ends[0]).toBe('QUORUM_LOST');
      expect(ends[1]).toContain('No space is left');
    },
  );

  it('keeps what is finished as a partial snapshot', { timeout: testMs }, async () => {
    using machine = new Machine();
    using disk = new SmallDisk(machine.path('disk'), 2 * diskBytes);
    const source = machine.path('source');
    makeLargeFiles(source, 130);
    expectOk(await machine.run(['init', 'home', '--mirror', 'm1=disk/m1']));
    await expectPartial(machine, source, 22);
    disk.grow(10 * diskBytes);
    expectOk(await machine.run(['backup', source]));
    expect((await snapshotsOf(machine)).map(({ partial }) => partial)).toEqual([false]);
    await expectRestores(machine, source);
  });

  it('of two is owed what it lacks, and is given it with space', { timeout: testMs }, async () => {
    using machine = new Machine();
    using disk = new SmallDisk(machine.path('disk'), diskBytes);
    const source = makeSource(machine);
    const mirrors = ['--mirror', 'm1=m1', '--mirror', 'm2=disk/m2', '--mirrors-min', '1'];
    expectOk(await machine.run(['init', 'home', ...mirrors]));
    expectOk(await machine.run(['backup', source]));
    for (const bytes of [0, 100 * 1024]) {
      addFiles(source, `more-${bytes}`);
      disk.fill(bytes);
      const outcome = await machine.run(['backup', source, '--json']);
      expectCode(outcome, [0, 3]);
      expect(outcome.summary['mirrorsBehind']).toEqual(['m2']);
      const synced = await machine.run(['mirror', 'sync', 'm2', '--json']);
      expectCode(synced, [3, 20, 22]);
      disk.empty();
      expectOk(await machine.run(['mirror', 'sync', 'm2']));
      await expectRestores(machine, source);
    }
  });
});

describe.skipIf(whyNot !== undefined)('a disk that holds mirror, catalog and cache', () => {
  it('keeps what is finished as a partial snapshot', { timeout: testMs }, async () => {
    using machine = new Machine();
    using disk = new SmallDisk(machine.home, 2 * diskBytes);
    const source = machine.path('source');
    makeLargeFiles(source, 130);
    expectOk(await machine.run(['init', 'home', '--mirror', `m1=${machine.home}/m1`]));
    await expectPartial(machine, source, 22);
    disk.grow(10 * diskBytes);
    expectOk(await machine.run(['backup', source]));
    expect((await snapshotsOf(machine)).map(({ partial }) => partial)).toEqual([false]);
    await expectRestores(machine, source);
  });
});

describe.skipIf(whyNot !== undefined)('a full target of a restore', () => {
  it(
    'is said file by file, and the same restore goes on with space',
    { timeout: testMs },
    async () => {
      using machine = new Machine();
      using disk = new SmallDisk(machine.path('target'), diskBytes);
      const source = makeSource(machine);
      expectOk(await machine.run(['init', 'home', '--mirror', 'm1=m1']));
      expectOk(await machine.run(['backup', source]));
      for (const bytes of left) {
        disk.fill(bytes);
        const outcome = await machine.run(['restore', 'latest', '--target', disk.path, '--json']);
        expectCode(outcome, [1, 3]);
        const codes = outcome.documents
          .filter(({ type }) => type === 'problem')
          .map(({ code }) => code);
        expect([...new Set(codes)]).toEqual(['TARGET_FULL']);
        disk.empty();
        expectOk(await machine.run(['restore', 'latest', '--target', disk.path]));
        expect(treeImage(disk.path + source)).toEqual(treeImage(source));
        for (const name of readdirSync(disk.path))
          rmSync(`${disk.path}/${name}`, { recursive: true });
      }
    },
  );
});
