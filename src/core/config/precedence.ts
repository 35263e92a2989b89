import type { SettingDefinition, SettingValue, SettingValues } from './setting.ts';

/** Values of one origin: the command line, the environment, a section of a file, the defaults. */
export interface SettingLayer {
  /** For people: `flag`, `environment`, `/home/ann/.config/versions/config.toml [repositories.home]`. */
  readonly origin: string;
  readonly values: SettingValues;
}

export interface ResolvedSetting {
  readonly value: SettingValue | undefined;
  /** Origins of the value, strongest first; empty if nothing was set. */
  readonly origins: readonly string[];
}

/** The value of a setting among layers, strongest first: the first that has it, or all for `adds`. */
export function resolveSetting(
  definition: SettingDefinition,
  layers: readonly SettingLayer[],
): ResolvedSetting {
  const found = layers.filter((layer) => layer.values.has(definition.name));
  const [strongest] = found;
  if (strongest === undefined) return { value: undefined, origins: [] };
  if (definition.adds !== true) {
    return { value: strongest.values.get(definition.name), origins: [strongest.origin] };
  }
  const all = found.flatMap((layer) => {
    const value = layer.values.get(definition.name);
    return Array.isArray(value) ? value.map(String) : [];
  });
  return { value: [...new Set(all)], origins: found.map((layer) => layer.origin) };
}
