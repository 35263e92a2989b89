import { describe, expect, it } from 'vitest';
import { parseConfigFile, parseSettingTexts, type SettingValue } from '../../core/index.ts';
import { Configuration, parseOptionsOf } from '../setup/configuration.ts';
import { commandNamed, commandTable, reservedCommands } from './command-table.ts';
import { type CommandName, type OptionDefinition, variableOf } from './option.ts';
import { optionTable } from './option-table.ts';
import { parseArguments } from './parse-arguments.ts';
import { environmentLayer, flagLayer, Settings } from './settings.ts';

const base = { directory: '/work', home: '/home/ann' };
const file = '/work/config.toml';

/** Two different texts that an option takes, and a third. */
function samples({ kind, choices = [], counted }: OptionDefinition): [string, string, string] {
  if (kind === 'choice') return [choices[0] ?? '', choices[1] ?? '', choices[0] ?? ''];
  if (kind === 'flag') return ['true', 'false', 'true'];
  if (counted === true) return ['1', '2', '3'];
  if (kind === 'count' || kind === 'seconds') return ['1', '2', '3'];
  return kind === 'size' ? ['64k', '128k', '256k'] : ['/a', '/b', '/c'];
}

function commandOf({ commands, standing }: OptionDefinition): CommandName {
  const names = standing === 'all' ? commands : (standing ?? commands);
  return names === 'all' ? 'backup' : (names[0] ?? 'backup');
}

function valueOf(option: OptionDefinition, text: string): SettingValue {
  return parseSettingTexts(option, [text], { place: 'test', base });
}

function read(settings: Settings, { name, kind }: OptionDefinition): SettingValue | undefined {
  if (kind === 'flag') return settings.flag(name);
  if (kind === 'list' || kind === 'paths') return settings.list(name);
  return settings.text(name) ?? settings.number(name);
}

function tomlOf(option: OptionDefinition, text: string): string {
  const { kind, name } = option;
  if (kind === 'flag' || kind === 'count' || kind === 'seconds') return `${name} = ${text}\n`;
  if (kind === 'list' || kind === 'paths') return `${name} = ["${text}"]\n`;
  return `${name} = "${text}"\n`;
}

function configLayers(option: OptionDefinition, text: string, inSection: boolean) {
  const toml = `${inSection ? '[repositories.home]\n' : ''}${tomlOf(option, text)}`;
  const config = parseConfigFile(toml, parseOptionsOf(file, base.home));
  return new Configuration(file, [config]).layers('home');
}

function flagsOf(option: OptionDefinition, text: string) {
  const command = option.commands === 'all' ? 'backup' : (option.commands[0] ?? 'backup');
  const flag =
    option.name.startsWith('no-') && text === 'false' ? option.name.slice(3) : option.name;
  const words =
    option.kind === 'flag'
      ? [text === 'true' || flag !== option.name ? `--${flag}` : `--no-${flag}`]
      : option.counted === true
        ? Array.from({ length: Number(text) }, () => `--${option.name}`)
        : [`--${option.name}`, text];
  return parseArguments([...command.split(' '), ...words]).flags;
}

const withFlag = optionTable.filter(({ flag }) => flag !== false);
const withVariable = optionTable.filter(({ env }) => env !== false);
const withKey = optionTable.filter(({ scope }) => scope !== 'none');

describe('every option', () => {
  it('has a name of its own, in kebab case, and a line of help', () => {
    const names = optionTable.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, help } of optionTable) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(help).toMatch(/^[^A-Z].*[^.]$/);
    }
  });

  it('has a short flag of its own in each command', () => {
    for (const { name } of commandTable) {
      const shorts = optionTable
        .filter(({ commands }) => commands === 'all' || commands.includes(name))
        .flatMap(({ short }) => short ?? []);
      expect(new Set(shorts).size).toBe(shorts.length);
    }
  });

  it('can be set at all', () => {
    const settable = new Set([...withFlag, ...withVariable, ...withKey]);
    expect(optionTable.filter((option) => !settable.has(option))).toEqual([]);
  });

  it('that is a secret is no flag and no key', () => {
    const secrets = optionTable.filter(({ secret }) => secret === true);
    expect(secrets.map(({ name }) => name)).toEqual(['password']);
    for (const option of secrets) expect(option).toMatchObject({ flag: false, scope: 'none' });
  });
});

describe('each option, from the weakest place to the strongest', () => {
  it.each(withKey.map((option) => [option.name, option] as const))('key %s', (_, option) => {
    const [text] = samples(option);
    const inSection = configLayers(option, text, true);
    const settings = new Settings(commandOf(option), inSection);
    expect(read(settings, option)).toEqual(valueOf(option, text));
    expect(settings.origins(option.name)).toEqual([`${file} [repositories.home]`]);
  });

  it.each(
    withKey
      .filter(({ scope }) => scope === 'repository')
      .map((option) => [option.name, option] as const),
  )('key %s is refused above all sections', (_, option) => {
    expect(() => configLayers(option, samples(option)[0], false)).toThrow(/belongs into a section/);
  });

  it.each(
    withKey
      .filter(({ scope, adds }) => scope !== 'repository' && adds !== true)
      .map((option) => [option.name, option] as const),
  )('key %s in a section wins over the one above', (_, option) => {
    const [text, other] = samples(option);
    const layers = [...configLayers(option, text, true), ...configLayers(option, other, false)];
    expect(read(new Settings(commandOf(option), layers), option)).toEqual(valueOf(option, text));
  });

  it.each(withVariable.map((option) => [variableOf(option), option] as const))(
    'variable %s',
    (variable, option) => {
      const [weaker, text] = samples(option);
      const environment = environmentLayer({ [variable]: text }, base);
      const below = option.scope === 'none' ? [] : configLayers(option, weaker, true);
      const settings = new Settings(commandOf(option), [environment, ...below]);
      const expected = option.adds === true ? [text, weaker] : valueOf(option, text);
      expect(read(settings, option)).toEqual(expected);
      expect(settings.origins(option.name)[0]).toBe('environment');
    },
  );

  it.each(withFlag.map((option) => [`--${option.name}`, option] as const))(
    'flag %s',
    (_, option) => {
      const [text, weaker] = samples(option);
      const flags = flagLayer(flagsOf(option, text), base);
      const environment =
        option.env === false ? [] : [environmentLayer({ [variableOf(option)]: weaker }, base)];
      const settings = new Settings(commandOf(option), [flags, ...environment]);
      const expected = option.adds === true ? [text, weaker] : valueOf(option, text);
      expect(read(settings, option)).toEqual(expected);
      expect(settings.isFromFlag(option.name)).toBe(true);
    },
  );

  it.each(
    withVariable
      .filter(({ kind }) => kind === 'flag')
      .map((option) => [option.name, option] as const),
  )('a flag takes back what the variable of %s says', (_, option) => {
    const flags = flagLayer(flagsOf(option, 'false'), base);
    const environment = environmentLayer({ [variableOf(option)]: '1' }, base);
    expect(read(new Settings(commandOf(option), [flags, environment]), option)).toBe(false);
  });
});

describe('settings', () => {
  it('of one command do not reach another that filters by them', () => {
    const environment = environmentLayer({ VERSIONS_TAG: 'a', VERSIONS_EXCLUDE: 'x\ny' }, base);
    const backup = new Settings('backup', [environment]);
    expect([backup.list('tag'), backup.list('exclude')]).toEqual([['a'], ['x', 'y']]);
    const restore = new Settings('restore', [environment]);
    expect([restore.list('tag'), restore.list('exclude')]).toEqual([[], []]);
  });

  it('take an empty variable as none, but not an empty password', () => {
    const environment = environmentLayer({ VERSIONS_HOST: '', VERSIONS_PASSWORD: '' }, base);
    const settings = new Settings('backup', [environment]);
    expect(settings.isSet('host')).toBe(false);
    expect(settings.isSet('password')).toBe(true);
  });

  it('name the place of a wrong value, without a secret', () => {
    expect(() => flagLayer(new Map([['overwrite', ['sometimes']]]), base)).toThrow(
      '--overwrite must be one of always, if-changed, if-newer, never, not "sometimes"',
    );
    expect(() => environmentLayer({ VERSIONS_QUIET: 'perhaps' }, base)).toThrow(
      'VERSIONS_QUIET must be true or false, not "perhaps"',
    );
  });

  it('fall back to the default of the table', () => {
    const settings = new Settings('restore', []);
    expect(settings.text('overwrite')).toBe('if-changed');
    expect(settings.origins('overwrite')).toEqual(['default']);
  });
});

describe('the command table', () => {
  it('refers only to commands that there are', () => {
    for (const { name, seeAlso, examples, summary } of commandTable) {
      expect(seeAlso.filter((other) => commandNamed(other) === undefined)).toEqual([]);
      expect(seeAlso).not.toContain(name);
      expect(examples).toHaveLength(2);
      expect(summary).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('has examples that parse', () => {
    for (const { name, examples } of commandTable) {
      for (const example of examples) {
        // The part that is ours, without substitutions, pipes and redirections of the shell.
        const [, ours = ''] = /^(?:.*\$\()?versions ([^|>)]*)/.exec(example) ?? [];
        const words = (ours.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) =>
          word.replace(/^['"]|['"]$/g, ''),
        );
        const parsed = parseArguments(words);
        expect([example, parsed.command?.name ?? 'version']).toEqual([example, name]);
      }
    }
  });

  it('reserves no name that it has', () => {
    expect([...reservedCommands.keys()].filter((name) => commandNamed(name))).toEqual([]);
  });
});
