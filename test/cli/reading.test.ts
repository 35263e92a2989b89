import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { exitErrorIn, type JsonLine, Machine } from './machine.ts';

let machine: Machine;
let ids: string[];
let kept: string;
beforeAll(async () => {
  machine = new Machine();
  ids = [];
  await machine.run(['init', '--mirror', 'a=one', '--mirror', 'b=two', '--unsafe-no-encryption']);
  await machine.write({ 'data/a.txt': 'first\n', 'data/sub/b.txt': 'b\n', 'data/\u001b[2Jx': 'x' });
  await backup('--tag', 'one');
  await machine.write({ 'data/a.txt': 'second version\n' });
  await backup('--tag', 'two');
  kept = mkdtempSync(join(tmpdir(), 'versions-kept-'));
  keep(machine.root, kept);
});
afterEach(() => {
  // Each test finds the machine as it was, in the same place.
  rmSync(machine.root, { recursive: true });
  keep(kept, machine.root);
});
afterAll(() => {
  machine[Symbol.dispose]();
  rmSync(kept, { recursive: true });
});

function keep(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  execFileSync('cp', ['-a', `${from}/.`, to]);
}

async function backup(...flags: string[]): Promise<void> {
  const { summary } = await machine.run(['backup', 'data', ...flags, '--json']);
  ids.push(String(summary['snapshotId']));
}

async function packsOf(mirror: string): Promise<string[]> {
  const names = await readdir(machine.path(mirror, 'packs'), { recursive: true });
  return names
    .filter((name) => /[0-9a-f]{64}$/.test(name))
    .map((name) => machine.path(mirror, 'packs', name));
}

/** A single wrong bit can be mended without any other copy, many cannot. */
async function damage(mirror: string, wrongBytes = 0): Promise<void> {
  for (const pack of await packsOf(mirror)) {
    const bytes = await readFile(pack);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    bytes.fill(0, at, at + wrongBytes);
    await rm(pack);
    await writeFile(pack, bytes);
  }
}

/** What the machine calls who runs this: its user or group. */
const nameOf = (flag: string): string => execFileSync('id', [flag], { encoding: 'utf8' }).trim();

describe('ls', () => {
  const entries = (documents: readonly JsonLine[]): JsonLine[] =>
    documents.filter(({ type }) => type === 'entry');

  it('gives entries of this shape', async () => {
    const { documents, summary } = await machine.run([
      'ls',
      `latest:${machine.path('data')}`,
      '--json',
    ]);
    const file = entries(documents).find(({ path }) => path === machine.path('data/a.txt'));
    const real = await stat(machine.path('data/a.txt'));
    expect(file).toEqual({
      type: 'entry',
      path: machine.path('data/a.txt'),
      kind: 'file',
      bytes: 15,
      mode: real.mode & 0o7777,
      mtime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
      uid: real.uid,
      gid: real.gid,
      user: nameOf('-un'),
      group: nameOf('-gn'),
    });
    expect(summary).toMatchObject({ command: 'ls', snapshotId: ids[1], exitCode: 0 });
    expect(entries(documents).map(({ path }) => path)).not.toContain(
      machine.path('data/sub/b.txt'),
    );
  });

  it('goes below with -R, and says more with -l', async () => {
    const { stdout } = await machine.run(['ls', '-lR', `latest:${machine.path('data')}`]);
    expect(stdout).toMatch(
      /^-rw.*\s2\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}\S*\/data\/sub\/b\.txt$/m,
    );
    expect(stdout).toMatch(/^drwx.*\/data\/sub\/$/m);
  });

  it('gives names that are not UTF-8 in base64 too, and byte for byte in a pipe', async () => {
    const name = Buffer.concat([Buffer.from(machine.path('data/caf')), Buffer.from([0xe9])]);
    await writeFile(name, 'x');
    await backup();
    const { documents } = await machine.run(['ls', `latest:${machine.path('data')}`, '--json']);
    const entry = entries(documents).find(({ pathBase64 }) => pathBase64 !== undefined);
    expect(entry).toMatchObject({
      path: machine.path('data/caf\\xe9'),
      pathBase64: name.toString('base64'),
    });
    const child = machine.start(['ls', `latest:${machine.path('data')}`]);
    const parts: Buffer[] = [];
    for await (const part of child.stdout ?? []) parts.push(part);
    expect(Buffer.concat(parts).includes(Buffer.concat([name, Buffer.from('\n')]))).toBe(true);
  });

  it.skipIf(!existsSync('/usr/bin/script'))('escapes what could steer a terminal', () => {
    const lines = execFileSync(
      'script',
      [
        '-qec',
        `"${process.execPath}" bin/versions.js ls latest:${machine.path('data')}`,
        '/dev/null',
      ],
      {
        env: { PATH: process.env['PATH'], TERM: 'xterm', HOME: machine.home },
        encoding: 'utf8',
      },
    );
    expect(lines).toContain('\\x1b[2Jx');
    expect(lines).not.toContain('\u001b[2J');
  });
});

describe('cat', () => {
  it('prints a file as it is, and documents elsewhere', async () => {
    const outcome = await machine.run(['cat', `latest:${machine.path('data/a.txt')}`, '--json']);
    expect(outcome.stdout).toBe('second version\n');
    expect(JSON.parse(outcome.stderr)).toEqual({
      type: 'summary',
      command: 'cat',
      snapshotId: ids[1],
      bytes: 15,
      exitCode: 0,
    });
  });

  it.each([
    ['latest', 2],
    ['latest:/no/such/file', 1],
  ])('refuses %s', async (operand, code) => {
    const outcome = await machine.run(['cat', operand]);
    expect(outcome.stderr).toMatch(/^error: .+\n/);
    expect(outcome).toMatchObject({ code, stdout: '' });
  });

  it('refuses a directory', async () => {
    const outcome = await machine.run(['cat', `latest:${machine.path('data')}`]);
    expect(outcome.stderr).toMatch(/^error: .+\n/);
    expect(outcome.code).not.toBe(0);
  });
});

describe('restore', () => {
  it('needs a target', async () => {
    const { code, stderr } = await machine.run(['restore', 'latest']);
    expect(stderr).toMatch(/^error: No target directory was given\nhint: .* -t DIR\n$/);
    expect(code).toBe(2);
  });

  it('recreates absolute paths under the target, and ends with a summary of this shape', async () => {
    const { summary } = await machine.run(['restore', 'latest', '-t', 'out', '--json']);
    expect(summary).toMatchObject({
      type: 'summary',
      command: 'restore',
      snapshotId: ids[1],
      filesRestored: 3,
      filesUnchanged: 0,
      filesDeleted: 0,
      problems: 0,
      bytesWritten: expect.any(Number),
      bytesFetched: expect.any(Number),
      durationMs: expect.any(Number),
      exitCode: 0,
    });
    execFileSync('diff', [
      '-r',
      machine.path('data'),
      join(machine.path('out'), machine.path('data')),
    ]);
    const again = await machine.run(['restore', 'latest', '-t', 'out', '--json']);
    expect(again.summary).toMatchObject({ filesRestored: 0, filesUnchanged: 3, bytesWritten: 0 });
  });

  it('puts what is in a path straight into the target, and a file under its name', async () => {
    await machine.run(['restore', `latest:${machine.path('data')}`, '-t', 'out']);
    execFileSync('diff', ['-r', machine.path('data'), machine.path('out')]);
    await machine.run(['restore', `latest~1:${machine.path('data/a.txt')}`, '-t', 'one-file']);
    expect(await readFile(machine.path('one-file/a.txt'), 'utf8')).toBe('first\n');
  });

  it('selects, deletes, overwrites and only looks as it is told', async () => {
    const source = `latest:${machine.path('data')}`;
    await machine.run([
      'restore',
      source,
      '-t',
      'some',
      '--include',
      '*.txt',
      '--exclude',
      'b.txt',
    ]);
    expect(await readdir(machine.path('some'))).toContain('a.txt');
    await expect(stat(machine.path('some/sub/b.txt'))).rejects.toThrow('ENOENT');
    await machine.write({ 'out/a.txt': 'mine', 'out/extra': 'e' });
    await machine.run(['restore', source, '-t', 'out', '--overwrite', 'never']);
    expect(await readFile(machine.path('out/a.txt'), 'utf8')).toBe('mine');
    await rm(machine.path('out/sub/b.txt'));
    await machine.write({ 'out/sub/b.txt/': '' });
    await symlink(machine.path('data/sub'), machine.path('out/link'));
    const would = await machine.run([
      'restore',
      source,
      '-t',
      'out',
      '-n',
      '-v',
      '--delete',
      '--json',
    ]);
    expect(would.documents.filter(({ type }) => type === 'item')).toMatchObject([
      { action: 'restored', path: 'a.txt' },
      { action: 'deleted', path: 'extra' },
      { action: 'deleted', path: 'link' },
    ]);
    expect(would.summary).toMatchObject({
      filesRestored: 1,
      filesUnchanged: 1,
      filesDeleted: 2,
      problems: 1,
    });
    expect(would.summary['exitCode']).toBe(3);
    await rm(machine.path('out/sub'), { recursive: true });
    await rm(machine.path('out/link'));
    expect(await readFile(machine.path('out/extra'), 'utf8')).toBe('e');
    const { summary } = await machine.run([
      'restore',
      source,
      '-t',
      'out',
      '--delete',
      '--verify',
      '--json',
    ]);
    expect(summary).toMatchObject({ filesDeleted: 1, problems: 0, exitCode: 0 });
    expect(await readFile(machine.path('out/a.txt'), 'utf8')).toBe('second version\n');
  });

  it('reads a bad copy from the other mirror', async () => {
    await damage('one');
    const { code } = await machine.run(['restore', `latest:${machine.path('data')}`, '-t', 'out']);
    expect(code).toBe(0);
    execFileSync('diff', ['-r', machine.path('data'), machine.path('out')]);
  });
});

describe('verify', () => {
  it('finds nothing where nothing is wrong', async () => {
    for (const level of ['quick', 'structure', 'data']) {
      const { summary } = await machine.run(['verify', '--level', level, '--json']);
      expect(summary).toMatchObject({
        command: 'verify',
        level,
        findings: 0,
        lost: 0,
        exitCode: 0,
      });
      expect(Number(summary['packs'])).toBeGreaterThan(0);
    }
  });

  it('ends with 20 for damage that can be mended', async () => {
    await damage('one');
    const { documents, summary } = await machine.run(['verify', '--level', 'data', '--json']);
    const findings = documents.filter(({ type }) => type === 'finding');
    expect(findings.length).toBe((await packsOf('one')).length);
    expect(findings[0]).toMatchObject({
      kind: 'corrupt',
      mirror: 'a',
      object: expect.stringMatching(/^packs\//),
      healable: true,
    });
    expect(summary).toMatchObject({ findings: findings.length, lost: 0, exitCode: 20 });
    const { code, stdout } = await machine.run(['check', '--level', 'data']);
    expect(code).toBe(20);
    expect(stdout).toMatch(/^corrupt +a: packs\/.* \(a good copy exists\)/m);
  });

  it('says so where no mirror has the whole, but one can be put together', async () => {
    await damage('one');
    await damage('two');
    const { code, stdout } = await machine.run(['verify', '--level', 'data']);
    expect(stdout).toMatch(/^corrupt +b: packs\/.* \(no whole copy; heal puts it together/m);
    expect(stdout).not.toContain('a good copy exists');
    expect(code).toBe(20);
    expect((await machine.run(['heal', '--level', 'data'])).code).toBe(0);
    expect((await machine.run(['verify', '--level', 'data'])).code).toBe(0);
  });

  it('ends with 21 for loss', async () => {
    await damage('one', 100);
    await damage('two', 100);
    const { summary } = await machine.run(['verify', '--level', 'data', '--json']);
    expect(summary).toMatchObject({ exitCode: 21 });
    expect(Number(summary['lost'])).toBeGreaterThan(0);
  });

  it('does not call mended what is in a mirror that is not here', async () => {
    await rm(machine.path('one'), { recursive: true });
    const healed = await machine.run(['heal', '--json']);
    expect(healed).toMatchObject({ code: 20, summary: { left: 0, absent: 1 } });
    expect((await machine.run(['heal', '--mirror', 'b'])).code).toBe(0);
    expect((await machine.run(['verify', '--keyless', '--heal'])).code).toBe(20);
  });

  it('tells an absent mirror by one finding', async () => {
    await rm(machine.path('one'), { recursive: true });
    const { documents, summary } = await machine.run(['verify', '--json']);
    expect(documents.filter(({ type }) => type === 'finding')).toEqual([
      expect.objectContaining({ kind: 'absent', mirror: 'a', object: '' }),
    ]);
    expect(summary).toMatchObject({ exitCode: 20 });
  });

  it('ends with 22 if no mirror can be reached', async () => {
    await rm(machine.path('one'), { recursive: true });
    await rm(machine.path('two'), { recursive: true });
    for (const args of [['verify'], ['restore', 'latest', '-t', 'out'], ['backup', 'data']]) {
      const outcome = await machine.run([...args, '--json']);
      expect(outcome.code).toBe(22);
      expect(exitErrorIn(outcome)).toMatchObject({ kind: 'Unavailable' });
    }
  });
});

describe('stats', () => {
  it('has a document for each mirror', async () => {
    const { documents, summary } = await machine.run(['stats', '--json']);
    expect(documents.filter(({ type }) => type === 'mirror')).toEqual([
      expect.objectContaining({ name: 'a', present: true }),
      expect.objectContaining({ name: 'b', present: true }),
    ]);
    expect(summary).toMatchObject({
      command: 'stats',
      snapshots: 2,
      packs: expect.any(Number),
      packBytes: expect.any(Number),
      chunks: expect.any(Number),
      journalEntries: expect.any(Number),
      exitCode: 0,
    });
  });
});

it('reading commands write to no mirror', async () => {
  const snapshot = (): string =>
    execFileSync('find', [machine.path('one'), machine.path('two'), '-printf', '%p %s %T@ %C@\n'], {
      encoding: 'utf8',
    });
  const before = snapshot();
  for (const args of [
    ['snapshots'],
    ['ls', '-R', 'latest'],
    ['restore', 'latest', '-t', 'out'],
    ['verify', '--level', 'data'],
    ['stats'],
  ]) {
    expect((await machine.run(args)).code).toBe(0);
  }
  expect(snapshot()).toBe(before);
});
