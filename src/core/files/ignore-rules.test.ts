import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import {
  array,
  assert as assertProperty,
  boolean,
  constant,
  constantFrom,
  integer,
  oneof,
  pre,
  property,
  string,
  stringMatching,
  tuple,
} from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { byteStringFromText, type ByteString } from '../base/index.ts';
import { parseExclude, parseIgnoreFile } from './ignore-pattern.ts';
import { IgnoreRules, readExcludeFile, readIgnoreFile } from './ignore-rules.ts';

const nameOf = (path: ByteString): ByteString => bytes(path.slice(path.lastIndexOf('/') + 1));

function excludes(patterns: readonly string[], path: string, isDirectory = false): boolean {
  const at = byteStringFromText(path);
  return IgnoreRules.of(patterns.map(parseExclude)).ignores(at, nameOf(at), isDirectory);
}

describe('--exclude', () => {
  it.each([
    ['*.iso', '/a/b/x.iso', true],
    ['*.iso', '/a/b/x.ISO', false],
    ['*.iso', '/.iso', true],
    ['/home/ann/tmp', '/home/ann/tmp', true],
    ['/home/ann/tmp', '/x/home/ann/tmp', false],
    ['home/ann/tmp', '/home/ann/tmp', true],
    ['**/target/debug', '/home/ann/p/target/debug', true],
    ['**/target/debug', '/target/debug', true],
    ['/home/*/.cache', '/home/ann/.cache', true],
    ['/home/*/.cache', '/home/a/b/.cache', false],
    ['/a/**/z', '/a/z', true],
    ['/a/**/z', '/a/b/c/z', true],
    ['/a/**/z', '/b/z', false],
    ['/a/**', '/a/b', true],
    ['/a/**', '/a', false],
    ['#*#', '/x/#draft#', true],
    ['a ', '/a ', true],
    ['a ', '/a', false],
    ['[!a-c]x', '/dx', true],
    ['[!a-c]x', '/bx', false],
    ['[]-]', '/]', true],
    ['[]-]', '/-', true],
    ['[[:digit:][:upper:]]', '/Q', true],
    ['a\\*b', '/a*b', true],
    ['a\\*b', '/axb', false],
    ['?', '/\n', true],
    ['a*b', '/a\nb', true],
    ['(x|y){1}+$', '/(x|y){1}+$', true],
    ['ä*', '/äß', true],
    ['??', '/ä', true],
    ['__proto__', '/__proto__', true],
  ])('%j and %j', (pattern, path, expected) => {
    expect(excludes([pattern], path)).toBe(expected);
  });

  it('heeds the last pattern that matches', () => {
    expect(excludes(['*.o', '!keep.o'], '/keep.o')).toBe(false);
    expect(excludes(['!keep.o', '*.o'], '/keep.o')).toBe(true);
  });

  it('takes a slash at the end for directories', () => {
    expect(excludes(['build/'], '/a/build', true)).toBe(true);
    expect(excludes(['build/'], '/a/build', false)).toBe(false);
  });

  it.each(['', '!', '/', './', './tmp', '../x', '~/tmp', 'a[', 'x\\', 'a//b', '[[:no:]]', 'a\0b'])(
    'refuses %j, which matches nothing',
    (pattern) => {
      expect(() => parseExclude(pattern)).toThrow(
        expect.objectContaining({ kind: 'Usage', code: 'EXCLUDE_PATTERN_INVALID' }),
      );
    },
  );

  it('is not stalled by any pattern', () => {
    const long = `/${'a/'.repeat(2000)}c`;
    const patterns = ['**/a/**/a/**/a/**/a/**/a/**/b', '**/*a*/**/*a*/**/*a*/**/*a*/b'];
    const name = `/${'a'.repeat(255)}`;
    patterns.push('*a*a*a*a*a*a*a*a*a*a*b', '[ab]*[ab]*[ab]*[ab]*[ab]*[ab]*!');
    const start = performance.now();
    expect(excludes(patterns, long)).toBe(false);
    expect(excludes(patterns, name)).toBe(false);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('ignore files', () => {
  let directory: TemporaryDirectory;
  beforeAll(() => void (directory = new TemporaryDirectory()));
  afterAll(() => directory.remove());

  const rulesOf = (text: string): IgnoreRules =>
    IgnoreRules.of([]).within(bytes('/base'), parseIgnoreFile(Buffer.from(text, 'latin1')));
  const ignores = (text: string, path: string, isDirectory = false): boolean =>
    rulesOf(text).ignores(bytes(`/base/${path}`), nameOf(bytes(path)), isDirectory);

  it('are relative to their directory', () => {
    expect(ignores('/x', 'x')).toBe(true);
    expect(ignores('/x', 'y/x')).toBe(false);
    expect(ignores('x', 'y/x')).toBe(true);
  });

  it('know comments, blank lines, line ends and the mark of UTF-8', () => {
    const text = '\xef\xbb\xbf# x\r\n\r\n   \n\\#y\nz \nw\\ \n/\n!\n';
    expect(parseIgnoreFile(Buffer.from(text, 'latin1'))).toHaveLength(3);
    expect(ignores(text, '# x')).toBe(false);
    expect(ignores(text, '#y')).toBe(true);
    expect(ignores(text, 'z')).toBe(true);
    expect(ignores(text, 'w ')).toBe(true);
    expect(ignores(text, 'w')).toBe(false);
  });

  it('take an escaped slash as a slash', () => {
    expect(ignores('a\\/**', 'a/b')).toBe(true);
    expect(ignores('**\\/b', 'a/b')).toBe(true);
    expect(ignores('a\\/', 'a')).toBe(false);
  });

  it('match names that are no text', () => {
    expect(ignores('\xff*', '\xff\xfe\x00')).toBe(true);
    expect(ignores('*.iso', '\xff\xc3.iso')).toBe(true);
  });

  it('win over those above and lose against --exclude', () => {
    const outer = IgnoreRules.of([parseExclude('*.tmp')]).within(
      bytes('/base'),
      parseIgnoreFile(Buffer.from('*.o\nbuild')),
    );
    const inner = outer.within(
      bytes('/base/in'),
      parseIgnoreFile(Buffer.from('!*.o\n!*.tmp\n!build')),
    );
    const ask = (rules: IgnoreRules, path: string): boolean =>
      rules.ignores(bytes(path), nameOf(bytes(path)), false);
    expect(ask(outer, '/base/in/x.o')).toBe(true);
    expect(ask(inner, '/base/in/x.o')).toBe(false);
    expect(ask(inner, '/base/in/x.tmp')).toBe(true);
    // Taken back by the inner file; what is in it is matched by nothing.
    expect(ask(inner, '/base/in/build')).toBe(false);
    expect(ask(inner, '/base/in/build/x')).toBe(false);
  });

  it('that are too large, no file or gone have no effect and say so', () => {
    writeFileSync(directory.text('large'), Buffer.alloc(1024 * 1024 + 1, 0x0a));
    symlinkSync('/etc/passwd', directory.text('link'));
    mkdirSync(directory.text('directory'));
    for (const name of ['large', 'link', 'directory', 'missing']) {
      expect(() => readIgnoreFile(directory.path(name))).toThrow(
        expect.objectContaining({ kind: 'Source', code: 'IGNORE_FILE_UNREADABLE' }),
      );
    }
  });

  it('of --exclude-file may be symlinks', () => {
    writeFileSync(directory.text('list'), '*.iso\n');
    symlinkSync('list', directory.text('list-link'));
    expect(readExcludeFile(directory.path('list-link'))).toHaveLength(1);
    expect(() => readExcludeFile(directory.path('missing'))).toThrow(
      expect.objectContaining({ kind: 'Usage', code: 'EXCLUDE_FILE_UNREADABLE' }),
    );
  });
});

const part = stringMatching(/^[ab*?.![\]\\-]{1,5}$/);
const pattern = tuple(
  constantFrom('', '!', '/', '!/', '#', ' '),
  array(oneof(part, constant('**')), { minLength: 1, maxLength: 4 }),
  constantFrom('', '/', ' ', '\\ ', '\\'),
).map(([before, parts, after]) => before + parts.join('/') + after);

describe('any pattern', () => {
  it('and any path never throw', () => {
    const byteText = string({
      unit: integer({ min: 0, max: 255 }).map((b) => String.fromCharCode(b)),
    });
    assertProperty(
      property(array(oneof(pattern, byteText)), byteText, boolean(), (lines, text, isDirectory) => {
        const patterns = parseIgnoreFile(Buffer.from(lines.join('\n'), 'latin1'));
        const path = bytes(`/base/${text}`);
        const rules = IgnoreRules.of(patterns).within(bytes('/base'), patterns);
        expect(typeof rules.ignores(path, nameOf(path), isDirectory)).toBe('boolean');
      }),
      { numRuns: 1000 },
    );
  });

  // Git itself is the reference; where it is not installed, nothing can be compared.
  const git = hasGit();
  it.runIf(git)('is matched as by git', () => {
    const tree = new TemporaryDirectory();
    try {
      expect(() => compareWithGit(tree)).not.toThrow();
    } finally {
      tree.remove();
    }
  });
});

function compareWithGit(tree: TemporaryDirectory): void {
  execFileSync('git', ['init', '-q', tree.root], { env: gitEnvironment });
  // All of one level only, so that git asks about the directories above no more than we do.
  const name = stringMatching(/^[ab.\\!-][ab.*?[\] -]{0,4}$/).filter(
    (text) => !/^\.{1,2}$/.test(text),
  );
  const path = array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
  assertProperty(
    property(pattern, array(path, { minLength: 20, maxLength: 20 }), (line, paths) => {
      // In git a set may hold a slash, and also begin with the bracket that would close it.
      pre(!/\[.*\//.test(line) && !line.includes('!'));
      // Two stars beside other characters are one star, says git's manual; git 2.39 lets `.**/**`
      // match `.a` all the same, and `.*/**` not.
      pre(!/[^/]\*\*|\*\*[^/]/.test(line.trimEnd()));
      writeFileSync(tree.text('.gitignore'), `${line}\n`);
      const patterns = parseIgnoreFile(Buffer.from(`${line}\n`));
      const rules = IgnoreRules.of([]).within(tree.root, patterns);
      const prefixes = (whole: string): string[] =>
        whole.split('/').map((_, index, all) => all.slice(0, index + 1).join('/'));
      const ours = paths.filter((whole) =>
        prefixes(whole).some((prefix) => {
          const at = tree.path(prefix);
          return rules.ignores(at, nameOf(at), prefix !== whole);
        }),
      );
      expect(new Set(ours)).toEqual(ignoredByGit(tree.root, paths));
    }),
    { numRuns: 100 },
  );
}

function ignoredByGit(root: string, paths: readonly string[]): Set<string> {
  try {
    const answer = execFileSync(
      'git',
      ['-C', root, 'check-ignore', '--no-index', '-z', '--stdin'],
      {
        env: gitEnvironment,
        input: paths.join('\0'),
      },
    );
    return new Set(answer.toString('latin1').split('\0').slice(0, -1));
  } catch (error) {
    // 1: none of them is ignored.
    if (error instanceof Error && 'status' in error && error.status === 1) return new Set();
    throw error;
  }
}

const gitEnvironment = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
};

function hasGit(): boolean {
  try {
    execFileSync('git', ['--version']);
    return true;
  } catch {
    return false;
  }
}
