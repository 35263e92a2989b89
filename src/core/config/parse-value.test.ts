import { describe, expect, it } from 'vitest';
import { parseFlag, parseSettingTexts, parseSize } from './parse-value.ts';
import type { SettingDefinition } from './setting.ts';

const base = { directory: '/work', home: '/home/ann' };

function parse(definition: Omit<SettingDefinition, 'name'>, ...texts: string[]): unknown {
  return parseSettingTexts({ name: 'x', ...definition }, texts, { place: '--x', base });
}

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['500', 500],
    ['500b', 500],
    ['64k', 65_536],
    ['64K', 65_536],
    ['16MiB', 16 * 1024 ** 2],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['2MB', 2_000_000],
    [' 1T ', 1024 ** 4],
    ['8P', 8 * 1024 ** 5 > Number.MAX_SAFE_INTEGER ? undefined : 8 * 1024 ** 5],
    ['', undefined],
    ['-1', undefined],
    ['1e3', undefined],
    ['1.', undefined],
    ['k', undefined],
    ['1 k b', undefined],
    ['9999999999999999', undefined],
    ['99999P', undefined],
  ])('%j', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });
});

describe('flags in the environment', () => {
  it.each([
    ['1', true],
    ['TRUE', true],
    ['on', true],
    ['0', false],
    ['no', false],
    ['2', undefined],
    ['', undefined],
  ])('%j', (text, value) => {
    expect(parseFlag(text)).toBe(value);
  });
});

describe('texts of flags and variables', () => {
  it('become values of their kind', () => {
    expect(parse({ kind: 'flag' }, 'true')).toBe(true);
    expect(parse({ kind: 'count' }, '3', '4')).toBe(4);
    expect(parse({ kind: 'seconds' }, '0.5')).toBe(0.5);
    expect(parse({ kind: 'size' }, '1k')).toBe(1024);
    expect(parse({ kind: 'choice', choices: ['a', 'b'] }, 'b')).toBe('b');
    expect(parse({ kind: 'list' }, 'a', 'b')).toEqual(['a', 'b']);
    expect(parse({ kind: 'path' }, 'a/../b')).toBe('/work/b');
    expect(parse({ kind: 'paths' }, '~/x', '-')).toEqual(['/home/ann/x', '-']);
    expect(parse({ kind: 'place' }, 'sqlite:c.db')).toBe('sqlite:/work/c.db');
    expect(parse({ kind: 'place' }, 'sqlite:///c.db')).toBe('sqlite:/c.db');
    expect(parse({ kind: 'place' }, 's3://b/p')).toBe('s3://b/p');
  });

  it.each<[Omit<SettingDefinition, 'name'>, string]>([
    [{ kind: 'flag' }, 'maybe'],
    [{ kind: 'count' }, '1e3'],
    [{ kind: 'count' }, '-1'],
    [{ kind: 'count', min: 1 }, '0'],
    [{ kind: 'seconds' }, 'soon'],
    [{ kind: 'size', min: 10 }, '9'],
    [{ kind: 'choice', choices: ['a'] }, 'A'],
    [{ kind: 'list' }, ''],
    [{ kind: 'path' }, 'a\0b'],
  ])('that do not fit are refused with their place: %j %j', (definition, text) => {
    expect(() => parse(definition, text)).toThrow(
      expect.objectContaining({
        kind: 'Usage',
        code: 'INVALID_SETTING',
        message: expect.stringMatching(/^--x must be .*, not "/),
      }),
    );
  });
});
