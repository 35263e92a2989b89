import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfigFile, type RepositoryConfig } from './config-file.ts';
import { appendRepository } from './config-text.ts';
import type { SettingDefinition, SettingValue } from './setting.ts';

const definitions: readonly SettingDefinition[] = [
  { name: 'exclude', kind: 'list' },
  { name: 'mirrors-min', kind: 'count', scope: 'repository' },
  { name: 'read-only', kind: 'flag', scope: 'repository' },
  { name: 'host', kind: 'text' },
];
const options = { file: '/c.toml', base: { directory: '/', home: '/home' }, definitions };

function repository(name: string, more: Partial<RepositoryConfig> = {}): RepositoryConfig {
  return { name, mirrors: [{ name: 'local', url: `/m/${name}` }], settings: new Map(), ...more };
}

describe('adding a repository to a configuration', () => {
  it('makes a new file with it as the default', () => {
    const text = appendRepository(undefined, repository('home'), options);
    const config = parseConfigFile(text, options);
    expect(config.defaultRepository).toBe('home');
    expect(config.repositories.get('home')).toEqual(repository('home'));
  });

  it('keeps every line that was there, and the default that was meant', () => {
    const before =
      '# by hand\n[repositories.one] # here\n\n[repositories.one.mirrors.a]\nurl = "/a"';
    const after = appendRepository(before, repository('two'), options);
    expect(after).toContain(before);
    const config = parseConfigFile(after, options);
    expect(config.defaultRepository).toBe('one');
    expect([...config.repositories.keys()]).toEqual(['one', 'two']);
  });

  it('does not say a default twice', () => {
    const one = appendRepository(undefined, repository('one'), options);
    const three = appendRepository(
      appendRepository(one, repository('two'), options),
      repository('three'),
      options,
    );
    expect(three.match(/^default/gm)).toHaveLength(1);
    expect(parseConfigFile(three, options).repositories.size).toBe(3);
  });

  it('refuses a name that is taken', () => {
    const text = appendRepository(undefined, repository('one'), options);
    expect(() => appendRepository(text, repository('one'), options)).toThrow(
      expect.objectContaining({ code: 'REPOSITORY_CONFIGURED', kind: 'Conflict' }),
    );
  });

  it('refuses a layout it cannot add to, and says what to add', () => {
    const inline = 'repositories = { one = { host = "x" } }\n';
    expect(() => appendRepository(inline, repository('two'), options)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_NOT_EXTENDABLE',
        hint: expect.stringContaining('[repositories.two.mirrors.local]'),
      }),
    );
  });

  it('refuses to touch a file that is damaged', () => {
    expect(() => appendRepository('x = \n', repository('two'), options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });

  it('brings any values through', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((value) => {
      // Half a surrogate pair is not text; NUL is refused by the settings themselves.
      return value.isWellFormed() && !value.includes('\0');
    });
    const settings = fc.record({
      exclude: fc.array(text),
      'mirrors-min': fc.nat(1000),
      'read-only': fc.boolean(),
      host: text,
    });
    fc.assert(
      fc.property(settings, (values) => {
        const given = repository('x', {
          settings: new Map<string, SettingValue>(Object.entries(values)),
        });
        const config = parseConfigFile(appendRepository(undefined, given, options), options);
        expect(config.repositories.get('x')).toEqual(given);
      }),
    );
  });
});
