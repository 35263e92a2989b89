import { exitCodes } from '../exit-codes.ts';
import { type CommandDefinition, commandTable } from '../options/command-table.ts';
import {
  type CommandName,
  type OptionDefinition,
  takesFlag,
  variableOf,
} from '../options/option.ts';
import { optionTable } from '../options/option-table.ts';

const lineLengthMax = 100;

/** The page that `versions help` shows. */
export function renderOverview(): string {
  const groups = Map.groupBy(commandTable, ({ group }) => group);
  const sections = [...groups].map(([group, commands]) =>
    section(
      group,
      commands.map(({ name, aliases = [], summary }) => [[name, ...aliases].join(', '), summary]),
    ),
  );
  return [
    'Versions: encrypted, deduplicated backup to several places at once.',
    '',
    'Usage: versions COMMAND [FLAG...]',
    '',
    ...sections,
    'versions help COMMAND explains one command. SNAP is an id or the beginning of one, latest,',
    'latest~N, or @DATE; a path follows after a colon: latest~2:/home/ann/notes.md',
    '',
  ].join('\n');
}

/** The page of one command: one line, examples, flags, exit codes, see also. */
export function renderCommandHelp(command: CommandDefinition): string {
  const own = flagsOf(command.name, false);
  const aliases = command.aliases === undefined ? '' : ` Also: ${command.aliases.join(', ')}.`;
  return [
    `${command.summary}${aliases}`,
    '',
    `Usage: versions ${[command.name, command.operands, '[FLAG...]'].filter(Boolean).join(' ')}`,
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
    ...(own.length === 0 ? [] : [section('Flags', own.map(flagRow))]),
    section('Flags of all commands', commonFlags(command).map(flagRow)),
    ...configurationLines(command),
    section(
      'Exit codes',
      exitCodesOf(command).map(([code, meaning]) => [`${code}`, meaning]),
    ),
    `See also: ${command.seeAlso.map((name) => `versions help ${name}`).join(', ')}`,
    '',
  ].join('\n');
}

/** Exit codes of a command with their meanings. */
function exitCodesOf(command: CommandDefinition): [number, string][] {
  const codes = new Set([0, 1, 2, ...command.exitCodes]);
  return [...exitCodes].filter(([code]) => codes.has(code));
}

/** The flags of a command, in the order of the table: its own, or those that every command has. */
function flagsOf(command: CommandName, ofAll: boolean): OptionDefinition[] {
  return optionTable.filter(
    (option) => takesFlag(option, command) && (option.commands === 'all') === ofAll,
  );
}

/** Commands that open no repository take the flags of those that do, but say so nowhere. */
function commonFlags({ name, plain }: CommandDefinition): OptionDefinition[] {
  const useful = new Set(['json', 'help', 'version']);
  return flagsOf(name, true).filter((option) => plain !== true || useful.has(option.name));
}

/** `-x, --flag VALUE`. */
export function flagText({ name, short, value, negation }: OptionDefinition): string {
  const long = [`--${name}`, value].filter(Boolean).join(' ');
  const both = negation === undefined ? long : `${long}, --no-${name}`;
  return short === undefined ? both : `-${short}, ${both}`;
}

/** What help says about an option: its line, and the default if it has one. */
export function optionText({ help, default: fixed, defaultText }: OptionDefinition): string {
  const standard = defaultText ?? fixed;
  return standard === undefined ? help : `${help} (default: ${String(standard)})`;
}

function flagRow(option: OptionDefinition): [string, string] {
  return [
    option.short === undefined ? `    ${flagText(option)}` : flagText(option),
    optionText(option),
  ];
}

/** Settings that have no flag, which otherwise nobody would find. */
function configurationLines({ name, plain }: CommandDefinition): string[] {
  if (plain === true) return [];
  const hidden = optionTable.filter(
    ({ flag, commands }) => flag === false && (commands === 'all' || commands.includes(name)),
  );
  const rows = hidden.map((option): [string, string] => [
    option.env === false ? `key ${option.name}` : variableOf(option),
    optionText(option),
  ]);
  const note =
    'Most flags can also be set by a variable VERSIONS_FLAG_NAME or a key flag-name of the\nconfiguration file; the flag wins over the variable, the variable over the file.\n';
  return [section('Without a flag', rows), note];
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  const lines = rows.flatMap(([left, right]) => {
    const [first = '', ...more] = wrap(right, lineLengthMax - width - 4);
    const indent = ' '.repeat(width + 4);
    const rest = more.map((line) => indent + line);
    if (left.length > width) return [`  ${left}`, indent + first, ...rest];
    return [`  ${left.padEnd(width)}  ${first}`, ...rest];
  });
  return [`${title}:`, ...lines, ''].join('\n');
}

function wrap(text: string, length: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > length) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
