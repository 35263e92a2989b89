import { parse as parseToml, TomlError } from 'smol-toml';
import * as v from 'valibot';
import { VersionsError } from '../errors/index.ts';
import { credentialsForms, resolveCredentialsSource } from './credentials-source.ts';
import { findLine } from './find-line.ts';
import { checkSettingValue, isRefusal } from './parse-value.ts';
import { resolvePlace } from './place.ts';
import type {
  PathBase,
  SettingDefinition,
  SettingScope,
  SettingValue,
  SettingValues,
} from './setting.ts';

export interface MirrorConfig {
  readonly name: string;
  readonly url: string;
  /** `profile:NAME`, `env:PREFIX`, `command:CMD` or `file:PATH`; undefined: as the AWS tools do. */
  readonly credentials?: string | undefined;
}

export interface RepositoryConfig {
  readonly name: string;
  readonly mirrors: readonly MirrorConfig[];
  readonly settings: SettingValues;
}

/** A configuration file that was read and checked. */
export interface ConfigFile {
  readonly file: string;
  /** Name of the repository that is meant when none is named. */
  readonly defaultRepository: string | undefined;
  readonly repositories: ReadonlyMap<string, RepositoryConfig>;
  /** What stands above all sections. */
  readonly settings: SettingValues;
}

const nameLengthMax = 64;
const namePattern = /^[a-z0-9][a-z0-9_-]*$/i;

/** Names of repositories and mirrors: letters, digits, `-` and `_`; so they are safe in paths and keys. */
export function isConfigName(name: string): boolean {
  return name.length <= nameLengthMax && namePattern.test(name);
}

export interface ParseConfigOptions {
  /** Path of the file, for messages. */
  readonly file: string;
  /** Relative paths inside begin here. */
  readonly base: PathBase;
  readonly definitions: readonly SettingDefinition[];
}

/** The skeleton; the other keys of a table are settings and are checked against their definitions. */
const mirrorSchema = v.strictObject({
  url: v.pipe(v.string(), v.minLength(1)),
  credentials: v.optional(v.string()),
});
const repositorySchema = v.looseObject({
  mirrors: v.optional(v.record(v.string(), mirrorSchema)),
});
const documentSchema = v.looseObject({
  default: v.optional(v.string()),
  repositories: v.optional(v.record(v.string(), repositorySchema)),
});

/**
 * Reads the text of a configuration file. Throws `Usage` with file and line for anything that is not
 * TOML, not known, or not allowed.
 */
export function parseConfigFile(text: string, options: ParseConfigOptions): ConfigFile {
  const { base, file } = options;
  const document = parseText(text, file);
  refuseTableArrays(document, { text, file, path: [] });
  const result = v.safeParse(documentSchema, document);
  if (!result.success) throw shapeError(text, file, result.issues[0]);
  const { default: defaultRepository, repositories = {}, ...top } = result.output;
  const read = (values: object, path: readonly string[], scopes: readonly SettingScope[]) =>
    readSettings(values, { ...options, text, path, scopes });
  return {
    file,
    defaultRepository,
    repositories: new Map(
      Object.entries(repositories).map(([name, { mirrors = {}, ...own }]) => {
        const path = ['repositories', name];
        checkName(name, { text, file, path });
        for (const mirror of Object.keys(mirrors)) {
          checkName(mirror, { text, file, path: [...path, 'mirrors', mirror] });
        }
        const places = Object.entries(mirrors).map(([mirror, { url, credentials }]) => ({
          name: mirror,
          url: resolvePlace(
            checkUrl(url, { text, file, path: [...path, 'mirrors', mirror, 'url'] }),
            base,
          ),
          ...(credentials !== undefined && {
            credentials: checkCredentials(credentials, base, {
              text,
              file,
              path: [...path, 'mirrors', mirror, 'credentials'],
            }),
          }),
        }));
        return [name, { name, mirrors: places, settings: read(own, path, ['any', 'repository']) }];
      }),
    ),
    settings: read(top, [], ['any']),
  };
}

function parseText(text: string, file: string): unknown {
  try {
    return parseToml(text.replace(/^\ufeff/, ''), {
      maxDepth: 16,
      unsafeKeyBehaviour: 'throw',
    });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
    throw configError({ file, line: error.line }, `not TOML: ${reason}`, error);
  }
}

interface KeyPlace {
  readonly text: string;
  readonly file: string;
  readonly path: readonly string[];
}

/** An array passes for a table whose keys are numbers; nothing here is an array of tables. */
function refuseTableArrays(value: unknown, place: KeyPlace): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, element] of Object.entries(value)) {
    const at = Array.isArray(value) ? place : { ...place, path: [...place.path, key] };
    if (Array.isArray(value) && typeof element === 'object') {
      throw keyError(place, `${place.path.join('.')} must not be an array of sections`);
    }
    refuseTableArrays(element, at);
  }
}

interface SettingsPlace extends KeyPlace, ParseConfigOptions {
  readonly scopes: readonly SettingScope[];
}

function readSettings(table: object, place: SettingsPlace): SettingValues {
  const values = new Map<string, SettingValue>();
  for (const [key, value] of Object.entries(table)) {
    const at = { ...place, path: [...place.path, key] };
    const definition = place.definitions.find(({ name }) => name === key);
    const scope = definition?.scope ?? 'any';
    if (definition === undefined || scope === 'none') {
      throw keyError(at, `the key ${quote(key)} is not known${suggestion(key, place)}`);
    }
    if (!place.scopes.includes(scope)) {
      throw keyError(at, `the key ${quote(key)} belongs into a section [repositories.NAME]`);
    }
    const checked = checkSettingValue(definition, value, place.base);
    if (isRefusal(checked)) throw keyError(at, `${key} must be ${checked.expected}`);
    values.set(key, checked);
  }
  return values;
}

/** A key that differs only in how its words are joined is what people get wrong most. */
function suggestion(key: string, { definitions, scopes }: SettingsPlace): string {
  const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const near = definitions.find(
    ({ name, scope = 'any' }) => scopes.includes(scope) && plain(name) === plain(key),
  );
  return near === undefined ? '' : `, did you mean ${quote(near.name)}`;
}

/** Everything that is configured may be shown. */
function checkUrl(url: string, place: KeyPlace): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i.test(url)) return url;
  throw keyError(place, 'url must not hold a user name or password; credentials = "…" says it');
}

function checkCredentials(text: string, base: PathBase, place: KeyPlace): string {
  const source = resolveCredentialsSource(text, base);
  if (source !== undefined) return source;
  throw keyError(place, `credentials must be ${credentialsForms}`);
}

function checkName(name: string, place: KeyPlace): void {
  if (isConfigName(name)) return;
  const rule = `letters, digits, - and _, at most ${nameLengthMax}`;
  throw keyError(place, `${quote(name)} is not a name (${rule})`);
}

function shapeError(text: string, file: string, issue: v.BaseIssue<unknown>): VersionsError {
  const path = (issue.path ?? []).map((item) => String(item.key));
  const key = path.join('.');
  const place = { text, file, path };
  if (issue.expected === 'never') return keyError(place, `the key ${quote(key)} is not known`);
  // A missing key is expected by its name.
  if (issue.received === 'undefined') return keyError(place, `${key} is missing`);
  const isText = issue.expected === 'string' || issue.type === 'min_length';
  const expected = isText ? 'a text that is not empty' : 'a section with keys';
  return keyError(place, `${key} must be ${expected}`);
}

function keyError({ text, file, path }: KeyPlace, sentence: string): VersionsError {
  return configError({ file, line: findLine(text, path) }, sentence);
}

function configError(
  { file, line }: { readonly file: string; readonly line: number | undefined },
  sentence: string,
  cause?: unknown,
): VersionsError {
  const where = line === undefined ? file : `${file} line ${line}`;
  return new VersionsError('Usage', 'CONFIG_INVALID', `Configuration ${where}: ${sentence}`, {
    hint: 'mend the file, or name another one with --config',
    context: line === undefined ? { file } : { file, line },
    cause,
  });
}

function quote(text: string): string {
  return JSON.stringify(text);
}
