import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitErrorIn, Machine } from './machine.ts';

let machine: Machine;
beforeEach(() => {
  machine = new Machine();
});
afterEach(() => machine[Symbol.dispose]());

const configFile = 'home/.config/versions/config.toml';

const twoRepositories = `
default = "home"
color = "never"
exclude = ["*.iso"]
[repositories.home]
exclude = ["*.tmp"]
mirrors-min = 1
[repositories.home.mirrors.nas]
url = "/mnt/nas"
[repositories.photos.mirrors.usb]
url = "~/usb"
`;

describe('the configuration file', () => {
  it('is found by flag, variable, XDG and home, in this order', async () => {
    const path = async (args: string[], env: Record<string, string>): Promise<string> =>
      (await machine.run(['config', 'path', ...args], { env })).stdout.trim();
    const variable = { VERSIONS_CONFIG: '/v.toml' };
    const xdg = { XDG_CONFIG_HOME: '/xdg' };
    expect(await path(['--config', 'f.toml'], { ...variable, ...xdg })).toBe(
      machine.path('f.toml'),
    );
    expect(await path([], { ...variable, ...xdg })).toBe('/v.toml');
    expect(await path([], xdg)).toBe('/xdg/versions/config.toml');
    expect(await path([], { XDG_CONFIG_HOME: 'relative' })).toBe(machine.path(configFile));
    expect(await path([], {})).toBe(machine.path(configFile));
    // Else the key would lie wherever one happens to be.
    const own = join(userInfo().homedir, '.config/versions/config.toml');
    expect(await path([], { HOME: 'relative' })).toBe(own);
    expect(await path([], { HOME: '' })).toBe(own);
  });

  it.each([
    ['x = ', 1, /not TOML/],
    ['\n[repositories.home\n', 2, /not TOML/],
    ['quite = true', 1, /the key "quite" is not known/],
    ['[repositories.home]\nmirrors-min = "two"', 2, /mirrors-min must be a whole number/],
    ['[repositories.home.mirrors.nas]\nurl = 3', 2, /url must be a text/],
  ])(
    'that is damaged is said with file and line, and nothing is done: %j',
    async (text, line, reason) => {
      await machine.write({ [configFile]: text, 'data/a': 'a' });
      for (const args of [
        ['snapshots'],
        ['backup', 'data'],
        ['config', 'show'],
        ['init', 'x'],
        [],
      ]) {
        const { code, stderr, stdout } = await machine.run(args);
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        expect(stderr).toMatch(reason);
        expect(stderr).toContain(`${machine.path(configFile)} line ${line}:`);
        expect(stderr).toMatch(/\nhint: mend the file/);
      }
    },
  );

  it('that is no text, no file or too large is said too', async () => {
    await machine.write({
      'a.toml': Buffer.from([0xff, 0xfe]),
      'd/': '',
      'b.toml': ' '.repeat(1 << 21),
    });
    for (const [name, reason] of [
      ['a.toml', /a\.toml is not text in UTF-8/],
      ['d', /d is not a file/],
      ['b.toml', /b\.toml is larger than 1 MiB/],
    ] as const) {
      const outcome = await machine.run(['config', 'show', '--config', name]);
      expect(outcome.stderr).toMatch(reason);
      expect(outcome.code).toBe(2);
    }
  });
});

describe('config show', () => {
  it('says what holds for the repository that is meant, and where it comes from', async () => {
    await machine.write({ [configFile]: twoRepositories });
    const file = machine.path(configFile);
    const { stdout, code } = await machine.run(['config', 'show', '--origin'], {
      env: { VERSIONS_EXCLUDE: 'a\nb', VERSIONS_PASSWORD: 'very secret' },
    });
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines).toContain(`repository = "home"  # ${file}`);
    expect(lines).toContain(`mirrors.nas.url = "/mnt/nas"  # ${file}`);
    expect(lines).toContain(`color = "never"  # ${file}`);
    expect(lines).toContain(`mirrors-min = 1  # ${file} [repositories.home]`);
    expect(lines).toContain('overwrite = "if-changed"  # default');
    expect(lines).toContain('VERSIONS_PASSWORD = (set)  # environment');
    expect(lines).toContain(
      `exclude = ["a", "b", "*.tmp", "*.iso"]  # environment, ${file} [repositories.home], ${file}`,
    );
    expect(stdout).not.toContain('very secret');
  });

  it('is documents with --json', async () => {
    await machine.write({ [configFile]: twoRepositories });
    const { documents } = await machine.run(['config', 'show', '-r', 'photos', '--json']);
    expect(documents).toContainEqual({
      type: 'setting',
      key: 'mirrors.usb.url',
      value: machine.path('home/usb'),
      origin: machine.path(configFile),
    });
    expect(documents).toContainEqual(expect.objectContaining({ key: 'exclude', value: ['*.iso'] }));
    expect(documents.at(-1)).toMatchObject({
      type: 'summary',
      command: 'config show',
      exitCode: 0,
    });
  });

  it('refuses a repository that is not configured, and names those that are', async () => {
    await machine.write({ [configFile]: twoRepositories });
    const outcome = await machine.run(['config', 'show', '-r', 'hmoe', '--json']);
    expect(outcome.code).toBe(10);
    expect(exitErrorIn(outcome)).toMatchObject({
      code: 'REPOSITORY_NOT_CONFIGURED',
      kind: 'NotFound',
      hint: 'name one with -r: home, photos',
    });
  });
});

describe('the default repository', () => {
  const show = async (): Promise<string> => {
    const { stdout, stderr } = await machine.run(['config', 'show']);
    return /^repository = "(.*)"$/m.exec(stdout)?.[1] ?? stderr;
  };
  const section = (name: string): string => `[repositories.${name}.mirrors.m]\nurl = "/${name}"\n`;

  it('is the only one, or the one of that name, or the one that is said', async () => {
    await machine.write({ [configFile]: section('photos') });
    expect(await show()).toBe('photos');
    await machine.write({ [configFile]: section('photos') + section('default') });
    expect(await show()).toBe('default');
    await machine.write({
      [configFile]: `default = "photos"\n${section('photos')}${section('default')}`,
    });
    expect(await show()).toBe('photos');
  });

  it('has to be named if nothing tells', async () => {
    await machine.write({ [configFile]: section('photos') + section('home') });
    const { code, stderr } = await machine.run(['config', 'show']);
    expect(stderr).toMatch(
      /^error: Several repositories .* none is the default\nhint: .*photos, home/,
    );
    expect(code).toBe(2);
  });

  it('that does not exist is said', async () => {
    await machine.write({ [configFile]: `default = "gone"\n${section('home')}` });
    const { code, stderr } = await machine.run(['snapshots']);
    expect(stderr).toMatch(/^error: No repository named gone is configured/);
    expect(code).toBe(10);
  });
});

it('versions by itself shows what is configured', async () => {
  await machine.write({ [configFile]: twoRepositories });
  const { stdout } = await machine.run([]);
  expect(stdout).toContain('home (default): nas in /mnt/nas');
  expect(stdout).toContain(`photos: usb in ${machine.path('home/usb')}`);
});
