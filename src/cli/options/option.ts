import type { SettingDefinition, SettingValue } from '../../core/index.ts';

/** Names of commands as they are typed. */
export type CommandName =
  | 'init'
  | 'connect'
  | 'backup'
  | 'snapshots'
  | 'ls'
  | 'cat'
  | 'restore'
  | 'verify'
  | 'heal'
  | 'stats'
  | 'cost'
  | 'status'
  | 'doctor'
  | 'mirror list'
  | 'mirror add'
  | 'mirror remove'
  | 'mirror status'
  | 'mirror sync'
  | 'mirror set'
  | 'catalog rebuild'
  | 'catalog verify'
  | 'catalog copy'
  | 'debug corrupt'
  | 'key export'
  | 'config show'
  | 'config path'
  | 'completion'
  | 'help'
  | 'version';

/**
 * One option: flag `--name`, variable `VERSIONS_NAME`, key `name` of the configuration file, unless
 * it says otherwise.
 */
export interface OptionDefinition extends SettingDefinition {
  /** One line without final period, for help. */
  readonly help: string;
  /** Which commands take the flag. */
  readonly commands: 'all' | readonly CommandName[];
  /**
   * For which of them the variable and the key count too: a filter of one command must not be set by
   * what another one is configured with. All of `commands` if absent.
   */
  readonly standing?: 'all' | readonly CommandName[];
  readonly short?: string;
  /** What stands for the value in help. */
  readonly value?: string;
  /** No flag: set by variable or key only. */
  readonly flag?: false;
  /** No variable. */
  readonly env?: false;
  /** `count` given by repeating a flag without value. */
  readonly counted?: true;
  /** Also `--no-NAME`, which stands for this value. */
  readonly negation?: string;
  /** A key that is not read as a setting of this name. */
  readonly key?: string;
  readonly secret?: true;
  readonly default?: SettingValue;
  /** The default in words, where it is no fixed value. */
  readonly defaultText?: string;
}

/** The environment variable of an option. */
export function variableOf(option: Pick<OptionDefinition, 'name'>): string {
  return `VERSIONS_${option.name.toUpperCase().replaceAll('-', '_')}`;
}

export function takesFlag(option: OptionDefinition, command: CommandName): boolean {
  if (option.flag === false) return false;
  return option.commands === 'all' || option.commands.includes(command);
}

/** Whether variable and key of the option count for the command. */
export function isStanding(option: OptionDefinition, command: CommandName): boolean {
  const commands = option.standing ?? option.commands;
  return commands === 'all' || commands.includes(command);
}
