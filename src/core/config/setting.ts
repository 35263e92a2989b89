/**
 * What kind of value a setting takes:
 *
 * - `flag`: true or false
 * - `text`, `choice`: one text, for `choice` out of a list
 * - `count`: a whole number; `seconds`: a number of seconds
 * - `size`: bytes, written as a number or like `16MiB`
 * - `path`: a file or directory, relative to where it was written
 * - `place`: a mirror or catalog URL, or a path
 * - `list`, `paths`: several texts or paths
 */
export type SettingKind =
  | 'flag'
  | 'text'
  | 'choice'
  | 'count'
  | 'seconds'
  | 'size'
  | 'path'
  | 'place'
  | 'list'
  | 'paths';

/** Where in a configuration file a setting may stand: nowhere, in a repository's section, or also at the top. */
export type SettingScope = 'none' | 'repository' | 'any';

export interface SettingDefinition {
  /** In kebab case: the flag is `--name`, the variable `VERSIONS_NAME`, the key `name`. */
  readonly name: string;
  readonly kind: SettingKind;
  /** For `choice`. */
  readonly choices?: readonly string[];
  /** For `count`, `seconds` and `size`: the smallest value allowed; 0 if absent. */
  readonly min?: number;
  /** For `list` and `paths`: values of all layers are taken together instead of the strongest layer's. */
  readonly adds?: boolean;
  /** `any` if absent. */
  readonly scope?: SettingScope;
}

export type SettingValue = boolean | number | string | readonly string[];

/** Values of one origin by setting name. */
export type SettingValues = ReadonlyMap<string, SettingValue>;

/** Where relative paths begin and what `~` stands for. */
export interface PathBase {
  readonly directory: string;
  readonly home: string;
}
