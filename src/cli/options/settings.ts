import {
  parseSettingTexts,
  type PathBase,
  resolveSetting,
  type SettingLayer,
  type SettingValue,
} from '../../core/index.ts';
import { type CommandName, isStanding, type OptionDefinition, variableOf } from './option.ts';
import { optionNamed, optionTable } from './option-table.ts';
import type { Flags } from './parse-arguments.ts';

const flagOrigin = 'flag';
const environmentOrigin = 'environment';

/** What holds for one run of a command: each setting from the strongest place that has it. */
export class Settings {
  readonly #command: CommandName | undefined;
  readonly #layers: readonly SettingLayer[];

  /** `layers`: strongest first. */
  constructor(command: CommandName | undefined, layers: readonly SettingLayer[]) {
    this.#command = command;
    this.#layers = layers;
  }

  /** The same with weaker layers after the others. */
  with(weaker: readonly SettingLayer[]): Settings {
    return new Settings(this.#command, [...this.#layers, ...weaker]);
  }

  /** What holds for every command: also settings that mean nothing to this one. */
  everywhere(): Settings {
    return new Settings(undefined, this.#layers);
  }

  flag(name: string): boolean {
    return this.#value(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.#value(name);
    return typeof value === 'string' ? value : undefined;
  }

  number(name: string): number | undefined {
    const value = this.#value(name);
    return typeof value === 'number' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#value(name);
    return typeof value === 'object' ? value : [];
  }

  /** Where the value comes from, strongest first; `default` if nothing set it. */
  origins(name: string): readonly string[] {
    const { origins } = resolveSetting(optionNamed(name), this.#layersFor(optionNamed(name)));
    return origins.length === 0 ? ['default'] : origins;
  }

  isSet(name: string): boolean {
    return this.strength(name) !== Number.POSITIVE_INFINITY;
  }

  isFromFlag(name: string): boolean {
    return this.origins(name)[0] === flagOrigin;
  }

  /** The smaller the number, the stronger the place; infinity if nothing set it. */
  strength(name: string): number {
    const layers = this.#layersFor(optionNamed(name));
    const index = layers.findIndex(({ values }) => values.has(name));
    return index === -1 ? Number.POSITIVE_INFINITY : index;
  }

  #value(name: string): SettingValue | undefined {
    const option = optionNamed(name);
    return resolveSetting(option, this.#layersFor(option)).value ?? option.default;
  }

  #layersFor(option: OptionDefinition): readonly SettingLayer[] {
    if (this.#command === undefined || isStanding(option, this.#command)) return this.#layers;
    return this.#layers.filter(({ origin }) => origin === flagOrigin);
  }
}

/** The values given by flags. Throws `Usage` for one that is not allowed. */
export function flagLayer(flags: Flags, base: PathBase): SettingLayer {
  const values = new Map<string, SettingValue>();
  for (const [name, texts] of flags) {
    values.set(name, parseSettingTexts(optionNamed(name), texts, { place: `--${name}`, base }));
  }
  return { origin: flagOrigin, values };
}

/**
 * The values given by variables; lists have an element a line. An empty variable counts as absent,
 * except where it would have been a secret: going on without that is never what was meant.
 */
export function environmentLayer(
  env: Readonly<Record<string, string | undefined>>,
  base: PathBase,
): SettingLayer {
  const values = new Map<string, SettingValue>();
  for (const option of optionTable) {
    const variable = variableOf(option);
    const text = option.env === false ? undefined : env[variable];
    if (text === undefined || (text === '' && option.secret !== true)) continue;
    const isList = option.kind === 'list' || option.kind === 'paths';
    const texts = isList ? text.split('\n').filter((line) => line !== '') : [text];
    // A secret must not appear in a message.
    const value =
      option.secret === true ? text : parseSettingTexts(option, texts, { place: variable, base });
    values.set(option.name, value);
  }
  return { origin: environmentOrigin, values };
}
