import { Command, CommanderError, Option } from 'commander';
import { UsageError } from '../failure.ts';
import {
  type CommandDefinition,
  commandNamed,
  commandTable,
  reservedCommands,
  reservedSubcommands,
} from './command-table.ts';
import { type CommandName, type OptionDefinition, takesFlag } from './option.ts';
import { optionTable } from './option-table.ts';

/** Texts of the flags that were given, by option name; one element for each time. */
export type Flags = ReadonlyMap<string, readonly string[]>;

export interface ParsedArguments {
  /** Undefined if no command was named. */
  readonly command: CommandDefinition | undefined;
  readonly operands: readonly string[];
  /** What follows `--`; only where `--stdin-name` makes it a command to run. */
  readonly childCommand: readonly string[];
  readonly flags: Flags;
}

/**
 * Takes a command line apart. Throws `UsageError` for what no table knows; values are not looked at,
 * nor is the number of operands.
 */
export function parseArguments(argv: readonly string[]): ParsedArguments {
  const flags = new Map<string, string[]>();
  const found: { command?: CommandDefinition; operands: readonly string[] } = { operands: [] };
  const program = new Command('versions');
  program.exitOverride().configureOutput({ writeErr() {}, writeOut() {} });
  program.helpOption(false).helpCommand(false).enablePositionalOptions();
  addFlags(program, undefined, flags);
  for (const command of commandTable) {
    addCommand(program, command, flags).action((operands: readonly string[]) => {
      found.command = command;
      found.operands = operands;
    });
  }
  addReserved(program);
  try {
    program.parse(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code !== 'commander.help') throw usageErrorOf(error, argv);
    refuseHalfACommand(argv);
  }
  const separator = argv.indexOf('--');
  const tail = separator === -1 || !flags.has('stdin-name') ? [] : argv.slice(separator + 1);
  // `-- $CMD` where CMD is not set: standard input is not what was meant.
  if (separator === argv.length - 1 && separator !== -1 && flags.has('stdin-name')) {
    throw new UsageError(
      'USAGE',
      'No command stands behind "--"',
      'versions help backup shows one',
    );
  }
  return {
    command: found.command,
    operands: found.operands.slice(0, found.operands.length - tail.length),
    childCommand: tail,
    flags,
  };
}

function addCommand(
  program: Command,
  definition: CommandDefinition,
  flags: Map<string, string[]>,
): Command {
  const [first = '', second] = definition.name.split(' ');
  let command: Command;
  if (second === undefined) {
    command = program.command(first);
  } else {
    const existing = program.commands.find((candidate) => candidate.name() === first);
    const parent = existing ?? program.command(first).helpCommand(false).enablePositionalOptions();
    if (existing === undefined) addFlags(parent, undefined, flags);
    command = parent.command(second);
  }
  command.helpOption(false).helpCommand(false).argument('[operands...]');
  if (definition.aliases !== undefined) command.aliases(definition.aliases);
  addFlags(command, definition.name, flags);
  return command;
}

/** Flags of one command, or, without a command, those that stand before its name. */
function addFlags(
  command: Command,
  name: CommandName | undefined,
  flags: Map<string, string[]>,
): void {
  for (const option of optionTable) {
    const taken = name === undefined ? option.commands === 'all' : takesFlag(option, name);
    if (!taken || option.flag === false) continue;
    const add = (text: string): void => {
      flags.set(option.name, [...(flags.get(option.name) ?? []), text]);
    };
    command.addOption(new Option(flagSyntax(option)));
    if (option.value !== undefined) command.on(`option:${option.name}`, add);
    else command.on(`option:${option.name}`, () => addSwitch(option, flags, add));
    const [opposite, text] = oppositeOf(option);
    if (opposite === undefined) continue;
    command.addOption(new Option(`--${opposite}`).hideHelp());
    command.on(`option:${opposite}`, () => add(text));
  }
}

function addSwitch(
  option: OptionDefinition,
  flags: Map<string, string[]>,
  add: (text: string) => void,
): void {
  if (option.counted === true) add(String((flags.get(option.name)?.length ?? 0) + 1));
  else add('true');
}

function flagSyntax({ name, short, value }: OptionDefinition): string {
  const long = value === undefined ? `--${name}` : `--${name} <${value}>`;
  return short === undefined ? long : `-${short}, ${long}`;
}

/** The flag that takes back what a variable or the configuration says, and the text it stands for. */
function oppositeOf(option: OptionDefinition): readonly [string | undefined, string] {
  const { name, negation } = option;
  if (negation !== undefined) return [`no-${name}`, negation];
  const canBeSetElsewhere = option.env !== false || option.scope !== 'none';
  if (option.kind !== 'flag' || !canBeSetElsewhere) return [undefined, ''];
  return [name.startsWith('no-') ? name.slice(3) : `no-${name}`, 'false'];
}

function addReserved(program: Command): void {
  const reserve = (parent: Command, word: string, name: string, hint: string): void => {
    // Whatever flags it is given: that the command is missing is what matters.
    const command = parent.command(word, { hidden: true }).allowUnknownOption();
    command.helpOption(false).helpCommand(false).argument('[operands...]');
    command.action(() => {
      throw new UsageError('NOT_YET', `versions ${name} is not yet in this version`, hint);
    });
  };
  for (const [name, hint] of reservedCommands) reserve(program, name, name, hint);
  for (const [first, words] of reservedSubcommands) {
    const parent = program.commands.find((command) => command.name() === first);
    if (parent === undefined) continue;
    for (const word of words) {
      reserve(parent, word, `${first} ${word}`, `versions help lists what there is`);
    }
  }
}

function usageErrorOf(error: CommanderError, argv: readonly string[]): UsageError {
  const [sentence = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const message = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  const suggestion = /Did you mean (?:one of )?(.+)\?\)?$/.exec(rest.join(' '))?.[1];
  if (suggestion !== undefined) {
    return new UsageError('USAGE', message, `did you mean ${suggestion}?`);
  }
  const command = argv.find((word) => commandNamed(word) !== undefined);
  const isUnknownCommand = error.code === 'commander.unknownCommand' || command === undefined;
  const help = isUnknownCommand ? 'versions help' : `versions help ${command}`;
  const lists = isUnknownCommand ? 'the commands' : 'the flags';
  return new UsageError('USAGE', message, `${help} lists ${lists}`);
}

/** `versions key` names no command yet. */
function refuseHalfACommand(argv: readonly string[]): void {
  if (argv.includes('--help') || argv.includes('-h')) return;
  const families = Map.groupBy(
    commandTable.map(({ name }) => name).filter((name) => name.includes(' ')),
    (name) => name.split(' ')[0] ?? '',
  );
  const first = argv.find((word) => families.has(word));
  const names = families.get(first ?? '');
  if (names === undefined) return;
  const known = names.map((name) => `versions ${name}`).join(', ');
  throw new UsageError('USAGE', `versions ${first} needs a second word`, `there is: ${known}`);
}
