import { type CommandDefinition, commandTable } from '../options/command-table.ts';
import { type OptionDefinition, takesFlag } from '../options/option.ts';
import { optionTable } from '../options/option-table.ts';

/** A command as shells see it: its words, and the flags it takes. */
export interface CompletedCommand {
  readonly words: readonly string[];
  readonly summary: string;
  readonly flags: readonly OptionDefinition[];
  /** Fixed words that may follow. */
  readonly operands: readonly string[];
}

/** Every command and alias. */
export function completedCommands(): CompletedCommand[] {
  return commandTable.flatMap((command) =>
    [command.name, ...(command.aliases ?? [])].map((name) => ({
      words: name.split(' '),
      summary: command.summary,
      flags: optionTable.filter((option) => takesFlag(option, command.name)),
      operands: operandsOf(command),
    })),
  );
}

/** First words, each once, with what it does. */
export function firstWords(): Map<string, string> {
  return new Map(
    completedCommands().map(({ words, summary }) => [
      words[0] ?? '',
      words.length === 1 ? summary : `${words[0]} …`,
    ]),
  );
}

/** What follows a first word that is only half a command. */
export function secondWords(first: string): string[] {
  return completedCommands().flatMap(({ words }) =>
    words[0] === first && words[1] !== undefined ? [words[1]] : [],
  );
}

/** Whether the value of a flag is a file or directory. */
export function takesFile({ kind }: OptionDefinition): boolean {
  return kind === 'path' || kind === 'paths';
}

/** All ways to write a flag. */
export function spellings({ name, short, negation }: OptionDefinition): string[] {
  return [
    `--${name}`,
    ...(short === undefined ? [] : [`-${short}`]),
    ...(negation === undefined ? [] : [`--no-${name}`]),
  ];
}

function operandsOf({ name }: CommandDefinition): string[] {
  if (name === 'completion') return ['bash', 'zsh', 'fish'];
  if (name !== 'help') return [];
  return [...new Set(commandTable.map((command) => command.name.split(' ')[0] ?? ''))];
}
