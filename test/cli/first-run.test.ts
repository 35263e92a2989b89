import { readFile, rm, stat, symlink } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';

let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await machine.write({ 'data/a.txt': 'hello\n', 'data/sub/b.txt': 'more\n' });
});
afterEach(() => machine[Symbol.dispose]());

const config = 'home/.config/versions/config.toml';
const key = 'home/.config/versions/default.key';
const mirror = 'home/.local/share/versions/default/mirror';

describe('init', () => {
  it('refuses two names of one place, and leaves nothing there', async () => {
    await symlink('place', machine.path('alias'));
    const twice = ['init', 'r', '--mirror', 'a=place', '--mirror', 'b=alias'];
    const { code, stderr } = await machine.run(twice);
    expect(stderr).toContain('The places of mirrors a and b are one and the same');
    expect(code).toBe(2);
    // What the hint says works.
    const mended = await machine.run(['init', 'r', '--mirror', 'a=place', '--mirror', 'b=other']);
    expect(mended.code).toBe(0);
    const { stderr: noted } = await machine.run(['-r', 'r', 'backup', 'data']);
    expect(noted).toContain('All copies are on the same disk');
  });
});

describe('the first backup, with nothing configured', () => {
  it('makes a repository, says where it is, and saves', async () => {
    const first = await machine.run(['backup', 'data']);
    expect(first.stderr).toContain(`so one was made: default, in ${machine.path(mirror)}`);
    expect(first.stderr).toContain(`The key is ${machine.path(key)}`);
    expect(first.stderr).toMatch(/Keep a copy of it somewhere safe/);
    expect(first.stdout).toMatch(/^snapshot [0-9a-f]{8} in .*, 0 problems$/m);
    expect(first.code).toBe(0);
    const { stdout } = await machine.run(['snapshots']);
    expect(stdout).toMatch(/1 snapshot\n$/);
  });

  it('keeps key and configuration for their owner alone', async () => {
    await machine.run(['backup', 'data']);
    const modes = await Promise.all(
      [key, config, 'home/.config/versions', mirror].map(
        async (name) => (await stat(machine.path(name))).mode & 0o077,
      ),
    );
    expect(modes).toEqual([0, 0, 0, 0]);
    expect(await readFile(machine.path(key), 'utf8')).toMatch(/^#[^]*\n[0-9A-Z-]+\n[0-9A-Z-]+\n$/);
  });

  it('warns after each backup that the only copy is on the same disk', async () => {
    const only = 'The only copy is on the same disk';
    expect((await machine.run(['backup', 'data'])).stderr).toContain(only);
    const second = await machine.run(['backup', 'data']);
    expect(second.stderr).toContain(only);
    expect(second.stderr).not.toContain('so one was made');
    expect((await machine.run(['backup', 'data', '-q'])).stderr).toBe('');
  });

  it('leaves its own files out when it saves the home directory', async () => {
    await machine.write({ 'home/notes.txt': 'n' });
    const { stderr } = await machine.run(['backup', machine.home]);
    expect(stderr).toMatch(
      /^left out, because it is this program's: .*the mirror local of default/m,
    );
    const { stdout } = await machine.run(['ls', '-R', 'latest']);
    expect(stdout).toContain(`${machine.home}/notes.txt\n`);
    expect(stdout).not.toMatch(/packs|default\.key|catalog\.db/);
    expect(stdout).toContain('config.toml');
  });

  it('uses a password from the environment instead of a key file', async () => {
    machine.env = { VERSIONS_PASSWORD: 'correct horse' };
    expect((await machine.run(['backup', 'data'])).code).toBe(0);
    await expect(stat(machine.path(key))).rejects.toThrow('ENOENT');
    machine.env = {};
    const locked = await machine.run(['snapshots']);
    expect(locked.stderr).toMatch(
      /^error: Neither a password nor a key is known for default\nhint: /,
    );
    expect(locked.code).toBe(12);
  });

  it('refuses an empty password instead of going on without', async () => {
    machine.env = { VERSIONS_PASSWORD: '' };
    const outcome = await machine.run(['backup', 'data']);
    expect(outcome.stderr).toMatch(
      /^error: The variable VERSIONS_PASSWORD holds no password\nhint: /,
    );
    expect(outcome.code).toBe(2);
    await expect(stat(machine.path(mirror))).rejects.toThrow('ENOENT');
  });

  it('goes on where one was killed before the configuration was written', async () => {
    await machine.run(['backup', 'data']);
    await rm(machine.path(config));
    const again = await machine.run(['backup', 'data']);
    expect(again.code).toBe(0);
    expect((await machine.run(['snapshots'])).stdout).toMatch(/2 snapshots\n$/);
  });

  it('never takes up or replaces what belongs to another key', async () => {
    await machine.run(['backup', 'data']);
    await rm(machine.path(config));
    await rm(machine.path(key));
    const outcome = await machine.run(['backup', 'data']);
    expect(outcome.stderr).toMatch(/^error: .*\nhint: .*connect/m);
    expect(outcome.code).not.toBe(0);
    await expect(stat(machine.path(config))).rejects.toThrow('ENOENT');
  });
});

describe('a repository made by two first runs at once', () => {
  it('is one, and both backups are in it', async () => {
    const runs = await Promise.all([
      machine.run(['backup', 'data']),
      machine.run(['backup', 'data']),
    ]);
    const codes = runs.map(({ code }) => code);
    // The loser may have to try again, but nothing is half made.
    expect(codes).toContain(0);
    const { stdout, code } = await machine.run(['snapshots', '--json']);
    expect(code).toBe(0);
    const saved = codes.filter((each) => each === 0).length;
    expect(stdout.match(/"type":"snapshot"/g)).toHaveLength(saved);
  });
});
