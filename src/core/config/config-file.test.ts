import { describe, expect, it } from 'vitest';
import { isVersionsError } from '../errors/index.ts';
import { parseConfigFile } from './config-file.ts';
import { findLine } from './find-line.ts';
import type { SettingDefinition } from './setting.ts';

const definitions: readonly SettingDefinition[] = [
  { name: 'exclude', kind: 'list', adds: true },
  { name: 'exclude-file', kind: 'paths' },
  { name: 'mirrors-min', kind: 'count', scope: 'repository', min: 1 },
  { name: 'catalog', kind: 'place', scope: 'repository' },
  { name: 'key-file', kind: 'path' },
  { name: 'quiet', kind: 'flag' },
  { name: 'json', kind: 'flag', scope: 'none' },
  { name: 'color', kind: 'choice', choices: ['auto', 'always'] },
  { name: 'exclude-larger-than', kind: 'size' },
];
const options = {
  file: '/etc/x/config.toml',
  base: { directory: '/etc/x', home: '/home/ann' },
  definitions,
};

function failureOf(text: string): { message: string; code: string; kind: string; line: unknown } {
  try {
    parseConfigFile(text, options);
  } catch (error) {
    if (!isVersionsError(error)) throw error;
    const { message, code, kind, context } = error;
    return { message, code, kind, line: context['line'] };
  }
  throw new Error(`accepted: ${text}`);
}

describe('a configuration file', () => {
  it('gives repositories, mirrors and settings, with paths made absolute', () => {
    const config = parseConfigFile(
      `# mine
default = "home"
quiet = true
exclude-larger-than = "1GiB"
[repositories.home]
catalog = "sqlite:~/cat.db"
key-file = "home.key"
exclude-file = ["~/a", "/b", "-"]
mirrors-min = 2
[repositories.home.mirrors.nas]
url = "../nas"
[repositories.home.mirrors.cloud]
url = "file:///mnt/cloud"
`,
      options,
    );
    expect(config.defaultRepository).toBe('home');
    expect([...config.settings]).toEqual([
      ['quiet', true],
      ['exclude-larger-than', 1024 ** 3],
    ]);
    const home = config.repositories.get('home');
    expect(home?.mirrors).toEqual([
      { name: 'nas', url: '/etc/nas' },
      { name: 'cloud', url: 'file:///mnt/cloud' },
    ]);
    expect([...(home?.settings ?? [])]).toEqual([
      ['catalog', 'sqlite:/home/ann/cat.db'],
      ['key-file', '/etc/x/home.key'],
      ['exclude-file', ['/home/ann/a', '/b', '-']],
      ['mirrors-min', 2],
    ]);
  });

  it('may be empty, begin with a byte order mark, and end its lines as Windows does', () => {
    expect(parseConfigFile('', options).repositories.size).toBe(0);
    const config = parseConfigFile('\ufeffquiet = true\r\n[repositories.a]\r\n', options);
    expect([...config.repositories.keys()]).toEqual(['a']);
  });

  it.each([
    ['x = ', 1, 'not TOML'],
    ['quiet = true\nquiet = true', 2, 'not TOML'],
    ['quiet = true\n[repositories.a\n', 2, 'not TOML'],
    ['a = 1', 1, 'the key "a" is not known'],
    ['json = true', 1, 'the key "json" is not known'],
    ['Exclude = ["a"]', 1, 'did you mean "exclude"'],
    ['[repositories.a]\nmirrors_min = 1', 2, 'did you mean "mirrors-min"'],
    ['# c\n\nmirrors-min = 1', 3, 'belongs into a section'],
    ['[repositories.a]\n\nmirrors-min = 0', 3, 'mirrors-min must be a whole number, at least 1'],
    ['[repositories.a]\nmirrors-min = 1.5', 2, 'whole number'],
    ['exclude = "a"', 1, 'a list of texts'],
    ['exclude = ["a", 3]', 1, 'a list of texts'],
    ['\nquiet = "yes"', 2, 'true or false'],
    ['color = "green"', 1, 'one of auto, always'],
    ['exclude-larger-than = "big"', 1, 'a size'],
    ['exclude-larger-than = -1', 1, 'a size'],
    ['key-file = ""', 1, 'not empty'],
    ['key-file = "a\\u0000b"', 1, 'not empty'],
    ['[repositories.a]\ncatalog = 1979-01-01', 2, 'not empty'],
    ['repositories = 3', 1, 'a section with keys'],
    ['[repositories]\nx = 3', 2, 'a section with keys'],
    ['[[repositories]]\n', 1, 'array of sections'],
    ['[[repositories.a.mirrors.b]]\nurl = "/x"', 1, 'array of sections'],
    ['[repositories."../x"]\n', 1, 'is not a name'],
    ['[repositories.a.mirrors."x y"]\nurl = "/x"', 1, 'is not a name'],
    ['[repositories.a.mirrors.b]\n', 1, 'url is missing'],
    ['[repositories.a.mirrors.b]\nurl = ""', 2, 'not empty'],
    ['[repositories.a.mirrors.b]\nurl = "/x"\nuri = "/y"', 3, 'is not known'],
    ['[__proto__]\nquiet = true', 1, 'not TOML'],
    ['default = 3', 1, 'not empty'],
  ])('that is wrong is refused with its line: %j', (text, line, sentence) => {
    const failure = failureOf(text);
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID', kind: 'Usage', line });
    expect(failure.message).toContain(sentence);
    expect(failure.message).toContain(`/etc/x/config.toml line ${line}:`);
  });
});

describe('the line of a key', () => {
  const text = 'a = 1\n[b.c]\nd = 2\n["e"]\nf.g = 3\n';

  it.each([
    [['a'], 1],
    [['b', 'c'], 2],
    [['b', 'c', 'd'], 3],
    [['b', 'c', 'x'], 2],
    [['e', 'f', 'g'], 5],
    [['z'], undefined],
  ])('%j', (path, line) => {
    expect(findLine(text, path)).toBe(line);
  });
});

describe('credentials of a mirror', () => {
  const mirror = (credentials: string): string =>
    `[repositories.home.mirrors.b2]\nurl = "s3://bucket"\ncredentials = ${JSON.stringify(credentials)}\n`;

  it.each([
    ['profile:b2', 'profile:b2'],
    ['env:B2', 'env:B2'],
    ['command:pass show b2', 'command:pass show b2'],
    ['file:~/b2', 'file:/home/ann/b2'],
    ['file:b2', 'file:/etc/x/b2'],
  ])('%s is kept as %s', (text, kept) => {
    const config = parseConfigFile(mirror(text), options);
    expect(config.repositories.get('home')?.mirrors).toEqual([
      { name: 'b2', url: 's3://bucket', credentials: kept },
    ]);
  });

  it.each(['', 'hidden', 'profile:', 'env:A-B', 'password:hidden'])(
    '%j is refused, not shown',
    (text) => {
      const { message, line } = failureOf(mirror(text));
      expect(message).toMatch(/credentials must be profile:NAME, env:PREFIX/);
      expect(message).not.toContain('hidden');
      expect(line).toBe(3);
    },
  );
});
