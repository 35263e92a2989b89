import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitErrorIn, Machine } from '../cli/machine.ts';

let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await machine.write({ 'data/a.txt': 'hello\n' });
});
afterEach(() => machine[Symbol.dispose]());

const configFile = 'home/.config/versions/config.toml';

describe('init', () => {
  it('makes a repository on several mirrors, all the same', async () => {
    const outcome = await machine.run([
      'init',
      'home',
      '--mirror',
      'a=one',
      '--mirror',
      'b=two',
      '--json',
    ]);
    expect(outcome.summary).toMatchObject({
      type: 'summary',
      command: 'init',
      repository: 'home',
      mirrors: [
        { name: 'a', url: machine.path('one') },
        { name: 'b', url: machine.path('two') },
      ],
      encrypted: true,
      keyFile: machine.path('home/.config/versions/home.key'),
      config: machine.path(configFile),
      exitCode: 0,
    });
    expect(outcome.summary['repositoryId']).toMatch(/^[0-9a-f]{32}$/);
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
    execFileSync('diff', ['-r', '--exclude=mirror', machine.path('one'), machine.path('two')]);
  });

  it('refuses a place that holds anything, and writes nothing', async () => {
    await machine.write({ 'one/file': 'x' });
    const outcome = await machine.run(['init', '--mirror', 'a=one']);
    expect(outcome.stderr).toMatch(/^error: .*\nhint: .*connect/);
    expect([2, 11]).toContain(outcome.code);
    expect(await readdir(machine.path('one'))).toEqual(['file']);
    await expect(readFile(machine.path(configFile))).rejects.toThrow('ENOENT');
    expect(
      (await readdir(machine.home, { recursive: true })).filter((name) => name.endsWith('.key')),
    ).toEqual([]);
  });

  it('refuses a name that is configured, and touches no mirror', async () => {
    await machine.run(['init', '--mirror', 'a=one']);
    const before = await readFile(machine.path(configFile), 'utf8');
    const outcome = await machine.run(['init', '--mirror', 'a=two', '--json']);
    expect(exitErrorIn(outcome)).toMatchObject({ code: 'REPOSITORY_CONFIGURED', kind: 'Conflict' });
    expect(outcome.code).toBe(11);
    await expect(readdir(machine.path('two'))).rejects.toThrow('ENOENT');
    expect(await readFile(machine.path(configFile), 'utf8')).toBe(before);
  });

  it('keeps what is in the configuration, comments and all', async () => {
    const mine = '# mine\ncolor = "never" # really\n';
    await machine.write({ [configFile]: mine });
    await machine.run(['init', 'home', '--mirror', 'a=one']);
    expect(await readFile(machine.path(configFile), 'utf8')).toContain(mine);
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
  });

  it('without encryption is said in the configuration and needs no secret', async () => {
    const outcome = await machine.run([
      'init',
      '--mirror',
      'a=one',
      '--unsafe-no-encryption',
      '--json',
    ]);
    expect(outcome.summary).toMatchObject({ encrypted: false, exitCode: 0 });
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
    expect((await machine.run(['ls', 'latest', '-r', './one'])).code).toBe(0);
    const both = await machine.run(['init', 'b', '--unsafe-no-encryption', '-p', 'data/a.txt']);
    expect(both.stderr).toMatch(/^error: A password or key was given together with/);
    expect(both.code).toBe(2);
  });

  it('refuses a kind of store that this version has not', async () => {
    const outcome = await machine.run(['init', '--mirror', 'a=b2://bucket/x']);
    expect(outcome.stderr).toMatch(/^error: .*b2/);
    expect(outcome.code).toBe(13);
    expect(
      (await readdir(machine.home, { recursive: true })).filter((name) => name.endsWith('.key')),
    ).toEqual([]);
  });
});

describe('the password', () => {
  const init = ['init', '--mirror', 'a=one'];

  it.each([
    ['variable', [], { VERSIONS_PASSWORD: 'pass word ü' }],
    ['file by flag', ['-p', 'pw'], {}],
    ['file by variable', [], { VERSIONS_PASSWORD_FILE: 'pw' }],
    ['command by flag', ['--password-command', 'echo "pass word ü"'], {}],
    ['command by variable', [], { VERSIONS_PASSWORD_COMMAND: 'cat pw' }],
  ])('may come from a %s', async (_, flags, env) => {
    await machine.write({ pw: 'pass word ü\r\nsecond line\n' });
    expect((await machine.run([...init, ...flags], { env })).code).toBe(0);
    const right = await machine.run(['snapshots'], { env: { VERSIONS_PASSWORD: 'pass word ü' } });
    expect(right.code).toBe(0);
  });

  it('that is wrong opens nothing', async () => {
    expect((await machine.run(init, { env: { VERSIONS_PASSWORD: 'yes' } })).code).toBe(0);
    const wrong = await machine.run(['snapshots', '--json'], { env: { VERSIONS_PASSWORD: 'no' } });
    expect(wrong.code).toBe(12);
    expect(exitErrorIn(wrong)).toMatchObject({ kind: 'Denied' });
    expect(wrong.summary).toEqual({ type: 'summary', command: 'snapshots', exitCode: 12 });
  });

  it('named by a flag is found again without it', async () => {
    await machine.write({ pw: 'x\n' });
    await machine.run([...init, '-p', 'pw']);
    expect((await machine.run(['snapshots'])).code).toBe(0);
  });

  it('never appears on any stream, in the configuration or in an error', async () => {
    const env = { VERSIONS_PASSWORD: 'zebra-crossing', VERSIONS_DEBUG: '1' };
    const runs = [
      await machine.run([...init, '-v'], { env }),
      await machine.run(['backup', 'data', '--json', '-vv'], { env }),
      await machine.run(['config', 'show', '--origin'], { env }),
      await machine.run(['snapshots'], { env: { ...env, VERSIONS_PASSWORD: 'zebra-wrong' } }),
    ];
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 12]);
    for (const { stdout, stderr } of runs) expect(stdout + stderr).not.toContain('zebra');
    expect(await readFile(machine.path(configFile), 'utf8')).not.toContain('zebra');
  });

  it.each([
    [
      ['-p', 'missing'],
      12,
      /The file .*missing with the password or key cannot be read \(ENOENT\)/,
    ],
    [['-p', 'empty'], 2, /The file .*empty holds no password/],
    [['-p', 'binary'], 2, /The file .*binary gives no text in UTF-8/],
    [['--password-command', 'exit 3'], 12, /The password command ended with 3/],
    [['--password-command', 'true'], 2, /The password command holds no password/],
    [['--key-file', 'pw'], 2, /pw: A key file must hold 56 letters and digits/],
    [['--key-file', 'pw', '-p', 'pw'], 2, /Only one of .* can be used/],
  ])('that cannot be had is said: %j', async (flags, code, message) => {
    await machine.write({ pw: 'x\n', empty: '\n', binary: Buffer.from([0xff, 0x41]) });
    const outcome = await machine.run([...init, ...flags]);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr).toMatch(/\nhint: /);
    expect(outcome.code).toBe(code);
    await expect(readdir(machine.path('one'))).rejects.toThrow('ENOENT');
  });
});

describe('connect, on a machine that knows nothing', () => {
  let other: Machine;
  beforeEach(async () => {
    await machine.run(['init', 'home', '--mirror', 'a=one', '--mirror', 'b=two']);
    await machine.run(['backup', 'data', '--host', 'web1']);
    other = new Machine();
  });
  afterEach(() => other[Symbol.dispose]());

  const keyFile = (): string => machine.path('home/.config/versions/home.key');

  it('takes up the repository from one mirror, with the key typed by hand', async () => {
    const key = await readFile(keyFile(), 'utf8');
    const typed = key
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('')
      .toLowerCase();
    await rm(machine.path('one'), { recursive: true });
    const connected = await other.run(
      ['connect', '--mirror', `b=${machine.path('two')}`, '--json'],
      {
        env: { VERSIONS_PASSWORD: typed },
      },
    );
    expect(connected.summary).toMatchObject({
      command: 'connect',
      repository: 'default',
      snapshots: 1,
      encrypted: true,
      exitCode: 0,
    });
    other.env = { VERSIONS_PASSWORD: typed };
    const listed = await other.run(['snapshots', '--json']);
    expect(listed.documents[0]).toMatchObject({ type: 'snapshot', host: 'web1' });
    const target = other.path('back');
    expect((await other.run(['restore', 'latest', '--host', 'web1', '-t', target])).code).toBe(0);
    execFileSync('diff', ['-r', machine.path('data'), `${target}${machine.path('data')}`]);
  });

  it('finds the key file again that a flag named', async () => {
    await other.run(['connect', '--mirror', `a=${machine.path('one')}`, '--key-file', keyFile()]);
    expect((await other.run(['snapshots'])).code).toBe(0);
  });

  it('says whose snapshots there are when none is of this host', async () => {
    await other.run(['connect', '--mirror', `a=${machine.path('one')}`, '--key-file', keyFile()]);
    const { code, stderr } = await other.run(['ls', 'latest']);
    expect(stderr).toMatch(/^error: .*\nhint: .*--host: web1\n/);
    expect(code).toBe(1);
  });

  it('refuses the wrong secret, an empty place and a name that is taken, and writes nothing', async () => {
    const place = `a=${machine.path('one')}`;
    const wrong = await other.run(['connect', '--mirror', place], {
      env: { VERSIONS_PASSWORD: 'x' },
    });
    expect(wrong.code).toBe(12);
    await other.write({ 'empty/': '' });
    const empty = await other.run(['connect', '--mirror', 'a=empty', '--key-file', keyFile()]);
    expect(empty.stderr).toMatch(/^error: .*\nhint: /);
    expect([10, 22]).toContain(empty.code);
    await expect(readFile(other.path(configFile))).rejects.toThrow('ENOENT');
    const taken = await machine.run(['connect', 'home', '--mirror', place, '--json']);
    expect(exitErrorIn(taken)).toMatchObject({ code: 'REPOSITORY_CONFIGURED' });
    expect(taken.code).toBe(2);
  });

  it('--read-only refuses to write from here', async () => {
    const place = `a=${machine.path('one')}`;
    await other.run(['connect', '--mirror', place, '--key-file', keyFile(), '--read-only']);
    expect((await other.run(['snapshots'])).code).toBe(0);
    const refused = await other.run(['backup', '.']);
    expect(refused.stderr).toMatch(
      /^error: The repository default is configured as read-only\nhint: /,
    );
    expect(refused.code).toBe(2);
  });

  it('rebuilds the catalog of a configured repository', async () => {
    await rm(machine.path('home/.local'), { recursive: true });
    await rm(machine.path('home/.cache'), { recursive: true, force: true });
    const rebuilt = await machine.run(['connect', 'home', '--take-over']);
    expect(rebuilt.stdout).toMatch(/home connected: 1 snapshot/);
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
    expect((await machine.run(['snapshots'])).stdout).toMatch(/2 snapshots\n$/);
  });
});

describe('-r with a place', () => {
  it('reads a mirror without any configuration, and leaves nothing behind', async () => {
    await machine.run(['init', 'home', '--mirror', 'a=one']);
    await machine.run(['backup', 'data', '--host', 'web1']);
    using other = new Machine();
    await other.write({ 'tmp/': '' });
    other.env = { TMPDIR: other.path('tmp') };
    const key = machine.path('home/.config/versions/home.key');
    const place = machine.path('one');
    for (const at of [place, `file://${place}`]) {
      const { code, stdout } = await other.run(['snapshots', '-r', at, '--key-file', key]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/1 snapshot\n$/);
    }
    const { stdout } = await other.run([
      'cat',
      `latest:${machine.path('data/a.txt')}`,
      '--host',
      'web1',
      '-r',
      place,
      '--key-file',
      key,
    ]);
    expect(stdout).toBe('hello\n');
    expect(await readdir(other.path('tmp'))).toEqual([]);
    const refused = await other.run(['backup', '.', '-r', place]);
    expect(refused.stderr).toMatch(
      /^error: versions backup cannot write to a mirror given with -r\nhint: .*connect/,
    );
    expect(refused.code).toBe(2);
  });

  it('that is no repository ends with 10 or 22', async () => {
    await machine.write({ 'empty/': '' });
    for (const place of ['./empty', './missing']) {
      const { code, stderr } = await machine.run(['snapshots', '-r', place], {
        env: { VERSIONS_PASSWORD: 'x' },
      });
      expect(stderr).toMatch(/^error: /);
      expect([10, 22]).toContain(code);
    }
  });
});

describe('key export', () => {
  it('prints the key file, and nothing else on standard output', async () => {
    await machine.run(['init', 'home', '--mirror', 'a=one']);
    const { stdout, stderr, code } = await machine.run(['key', 'export']);
    expect(stdout).toBe(await readFile(machine.path('home/.config/versions/home.key'), 'utf8'));
    expect(stderr).toMatch(/somewhere safe/);
    expect(code).toBe(0);
  });

  it('gives a repository with a password a key that opens it', async () => {
    const env = { VERSIONS_PASSWORD: 'x' };
    await machine.run(['init', '--mirror', 'a=one'], { env });
    const { stdout, code } = await machine.run(['key', 'export'], { env });
    expect(code).toBe(0);
    await writeFile(machine.path('new.key'), stdout);
    expect((await machine.run(['snapshots', '--key-file', 'new.key'])).code).toBe(0);
    expect((await machine.run(['snapshots'], { env })).code).toBe(0);
  });
});
