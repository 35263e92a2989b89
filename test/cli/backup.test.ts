import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Machine, outcomeOf } from './machine.ts';

let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await machine.write({ 'data/a.txt': 'hello\n', 'data/b.iso': 'b', 'data/sub/c.txt': 'c\n' });
  await machine.run(['init', '--mirror', 'a=mirror', '--unsafe-no-encryption']);
});
afterEach(() => machine[Symbol.dispose]());

/** Paths in a snapshot, below a directory. */
async function listed(snapshot = 'latest', root = machine.path('data')): Promise<string[]> {
  const { documents } = await machine.run(['ls', '-R', `${snapshot}:${root}`, '--json']);
  return documents
    .filter(({ type }) => type === 'entry')
    .map(({ path }) => String(path).slice(root.length + 1))
    .filter((path) => path !== '')
    .sort();
}

describe('backup', () => {
  it('ends with a summary of this shape', async () => {
    const { summary, documents } = await machine.run(['backup', 'data', '--json']);
    expect(summary).toMatchObject({
      type: 'summary',
      command: 'backup',
      snapshotId: expect.stringMatching(/^[0-9a-f]{32}$/),
      dryRun: false,
      partial: false,
      filesNew: 3,
      filesChanged: 0,
      filesUnchanged: 0,
      problems: 0,
      missingPaths: 0,
      debts: 0,
      bytesScanned: expect.any(Number),
      bytesRead: expect.any(Number),
      bytesNew: expect.any(Number),
      bytesStored: expect.any(Number),
      durationMs: expect.any(Number),
      exitCode: 0,
    });
    expect(Number(summary['dirs'])).toBeGreaterThan(0);
    expect(documents.filter(({ type }) => type === 'summary')).toHaveLength(1);
  });

  it('counts what changed since', async () => {
    await machine.run(['backup', 'data']);
    await machine.write({ 'data/a.txt': 'changed, and longer\n', 'data/new': 'n' });
    const { summary } = await machine.run(['backup', 'data', '--json']);
    expect(summary).toMatchObject({ filesNew: 1, filesChanged: 1, filesUnchanged: 2 });
  });

  it('leaves out what flags, files, variables and the configuration exclude, together', async () => {
    await machine.write({
      'data/d.tmp': '',
      'data/e.bak': '',
      'data/f.log': '',
      patterns: '# c\n*.bak\n\n',
    });
    await machine.run(['backup', 'data', '--exclude', '*.iso', '--exclude-file', 'patterns'], {
      env: { VERSIONS_EXCLUDE: '*.tmp\n*.log' },
    });
    expect(await listed()).toEqual(['a.txt', 'sub', 'sub/c.txt']);
  });

  it('leaves out caches, marked directories and large files if told to', async () => {
    await machine.write({
      'data/cache/CACHEDIR.TAG': 'Signature: 8a477f597d28d172789f06886806bc55\n',
      'data/cache/x': 'x',
      'data/skip/.nobackup': '',
      'data/skip/x': 'x',
      'data/large': Buffer.alloc(5000),
    });
    const flags = [
      '--exclude-caches',
      '--exclude-if-present',
      '.nobackup',
      '--exclude-larger-than',
      '4k',
    ];
    await machine.run(['backup', 'data', ...flags]);
    const paths = await listed();
    expect(paths).toContain('a.txt');
    for (const gone of ['cache/x', 'skip/x', 'large']) expect(paths).not.toContain(gone);
  });

  it('does nothing with -n', async () => {
    const { summary } = await machine.run(['backup', 'data', '-n', '--json']);
    expect(summary).toMatchObject({ dryRun: true, filesNew: 3, exitCode: 0 });
    expect(summary).not.toHaveProperty('snapshotId');
    expect((await machine.run(['snapshots'])).stdout).toBe('0 snapshots\n');
  });

  it('saves the paths of the configuration, and those of a list', async () => {
    const nothing = await machine.run(['backup']);
    expect(nothing.code).toBe(2);
    await machine.write({ list: `data/sub\n\n${machine.path('data/a.txt')}\n` });
    expect((await machine.run(['backup', '--files-from', 'list'])).code).toBe(0);
    expect(await listed()).toEqual(['a.txt', 'sub', 'sub/c.txt']);
    const nul = await machine.run(['backup', '--files-from', '-'], { stdin: 'data/a.txt\0' });
    expect(nul.code).toBe(0);
    expect(await listed()).toEqual(['a.txt']);
  });

  it('records tags, host, time and another path', async () => {
    const flags = [
      '--tag',
      'x',
      '--tag',
      'y',
      '--host',
      'web1',
      '--time',
      '2026-11-01T12:00Z',
      '--as',
      '/srv',
    ];
    expect((await machine.run(['backup', 'data', ...flags])).code).toBe(0);
    const { documents } = await machine.run(['snapshots', '--json']);
    expect(documents[0]).toMatchObject({
      type: 'snapshot',
      host: 'web1',
      time: '2026-11-01T12:00:00.000Z',
      tags: ['x', 'y'],
      partial: false,
    });
    const { stdout } = await machine.run(['cat', 'latest:/srv/a.txt', '--host', 'web1']);
    expect(stdout).toBe('hello\n');
  });

  it('refuses a time before 1970, which would close the repository to everybody', async () => {
    const { code, stderr } = await machine.run(['backup', 'data', '--time', '1969-12-31']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('before 1970')]);
    expect((await machine.run(['snapshots'])).code).toBe(0);
  });

  it('refuses a PATH that is empty, and a command that is', async () => {
    const empty = await machine.run(['backup', '']);
    expect([empty.code, empty.stderr]).toEqual([
      2,
      expect.stringContaining('PATH to save is empty'),
    ]);
    const none = await machine.run(['backup', '--stdin-name', 'x', '--']);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('No command stands')]);
  });

  it('saves a link as one and says so, but what it leads to if a slash follows', async () => {
    await symlink('data', machine.path('link'));
    const one = await machine.run(['backup', 'link']);
    expect(one.stderr).toContain(`to save what it leads to: ${machine.path('link')}/`);
    const other = await machine.run(['backup', 'link/', '--json']);
    expect(other.summary).toMatchObject({ filesNew: 3, exitCode: 0 });
    expect(other.stdout).not.toContain('symbolic link');
    expect(await listed()).toContain('a.txt');
  });

  it('says with 3 that a path is missing, and saves the rest', async () => {
    const { summary, documents } = await machine.run(['backup', 'data', 'gone', '--json']);
    expect(summary).toMatchObject({ exitCode: 3, missingPaths: 1, filesNew: 3 });
    expect(documents).toContainEqual(expect.objectContaining({ type: 'problem' }));
    expect(await listed()).toContain('a.txt');
  });

  it('says with 3 that a directory is empty that had files', async () => {
    await machine.run(['backup', 'data']);
    await rm(machine.path('data'), { recursive: true });
    await mkdir(machine.path('data'));
    expect((await machine.run(['backup', 'data'])).code).toBe(3);
  });

  it.skipIf(process.getuid?.() === 0)('says with 3 what could not be read', async () => {
    await writeFile(machine.path('data/secret'), 's', { mode: 0 });
    const { code, stderr } = await machine.run(['backup', 'data']);
    expect(stderr).toMatch(/^problem: .*secret/m);
    expect(code).toBe(3);
  });

  it('refuses to save a mirror, also through a symbolic link', async () => {
    await symlink('mirror', machine.path('link'));
    for (const path of ['mirror', 'mirror/packs']) {
      const { code, stderr } = await machine.run(['backup', path]);
      expect(stderr).toMatch(
        /^error: .* is .*the mirror a of default, which is never saved\nhint: /,
      );
      expect(code).toBe(2);
    }
    expect((await machine.run(['backup', machine.root])).code).toBe(0);
    expect(
      (await listed('latest', machine.root)).filter((path) => path.startsWith('mirror/')),
    ).toEqual([]);
  });

  it('names items with -v', async () => {
    const { documents } = await machine.run(['backup', 'data', '-v', '--json']);
    const paths = documents.filter(({ type }) => type === 'item').map(({ path }) => path);
    expect(paths).toContain(machine.path('data/a.txt'));
  });
});

describe('backup of a stream', () => {
  it('belongs to who saves it, by name', async () => {
    await machine.run(['backup', '--stdin-name', 'x'], { stdin: 'x' });
    const { documents } = await machine.run(['ls', 'latest', '--json']);
    const { uid, username } = userInfo();
    expect(documents[0]).toMatchObject({ path: '/x', uid, user: username });
  });

  const cat = (name: string): Promise<{ stdout: string; code: number | null }> =>
    machine.run(['cat', `latest:/${name}`]);

  it('saves standard input', async () => {
    const { code } = await machine.run(['backup', '--stdin-name', 'in.txt'], {
      stdin: 'from stdin',
    });
    expect(code).toBe(0);
    expect((await cat('in.txt')).stdout).toBe('from stdin');
  });

  it('saves what a command prints', async () => {
    const { code } = await machine.run([
      'backup',
      '--stdin-name',
      'out',
      '--',
      'sh',
      '-c',
      'printf "%s" "-x --json"',
    ]);
    expect(code).toBe(0);
    expect((await cat('out')).stdout).toBe('-x --json');
  });

  it.each([
    [['sh', '-c', 'echo half; exit 7'], /The command "sh" ended with 7/],
    [['sh', '-c', 'echo half; kill -9 $$'], /The command "sh" was ended by SIGKILL/],
    [['/no/such/command'], /The command "\/no\/such\/command" could not be started/],
  ])('makes no snapshot if the command fails: %j', async (command, message) => {
    const outcome = await machine.run(['backup', '--stdin-name', 'out', '--', ...command]);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.code).toBe(1);
    expect((await machine.run(['snapshots'])).stdout).toBe('0 snapshots\n');
  });
});

describe('a backup that is told to stop', () => {
  it.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends in order on %s', async (signal, code) => {
    // A stream without end, so that the backup runs until it is stopped.
    const child = machine.start([
      'backup',
      '--stdin-name',
      'x',
      '--json',
      '--progress',
      'json',
      '--progress-interval',
      '0.1',
      '--',
      'sh',
      '-c',
      'while :; do echo more; sleep 0.05; done',
    ]);
    child.stdout?.once('data', () => child.kill(signal));
    const outcome = await outcomeOf(child);
    expect(outcome.code).toBe(code);
    expect(outcome.summary).toMatchObject({ type: 'summary', exitCode: code });
    expect((await machine.run(['verify'])).code).toBe(0);
  });

  it('keeps what is saved as a partial snapshot, and ends with the code of the signal', async () => {
    await machine.write({ 'source/small': 'saved', 'source/huge': '' });
    // A hole, which takes minutes to read.
    await truncate(machine.path('source/huge'), 2 ** 37);
    const args = ['--json', '--progress', 'json', '--progress-interval', '0.1'];
    const child = machine.start(['backup', 'source', ...args]);
    let isTold = false;
    child.stdout?.on('data', (data: Buffer) => {
      // A second signal would end it at once.
      if (isTold || !/"filesDone":1\b/.test(data.toString())) return;
      isTold = true;
      child.kill('SIGTERM');
    });
    const outcome = await outcomeOf(child);
    expect(outcome.code).toBe(143);
    expect(outcome.summary).toMatchObject({ exitCode: 143, partial: true });
    const place = `${String(outcome.summary['snapshotId'])}:${machine.path('source/small')}`;
    const kept = await machine.run(['cat', place]);
    expect(kept).toMatchObject({ stdout: 'saved', code: 0 });
  });

  it('quits at once on a second signal', async () => {
    const child = machine.start([
      'backup',
      '--stdin-name',
      'x',
      '--progress-interval',
      '0.1',
      '--',
      'sh',
      '-c',
      'trap "" TERM INT; while :; do echo more; sleep 0.05; done',
    ]);
    child.stderr?.once('data', () => {
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGINT'), 50);
    });
    const { code } = await outcomeOf(child);
    // Where the second one comes so late that the process is already ending, Node no longer hears it.
    expect(child.signalCode ?? code).toBeOneOf([130, 'SIGINT']);
    expect((await machine.run(['snapshots'])).code).toBe(0);
  });
});
