import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'smol-toml';
import { VersionsError } from '../errors/index.ts';
import {
  type ConfigFile,
  type MirrorConfig,
  type ParseConfigOptions,
  parseConfigFile,
  type RepositoryConfig,
} from './config-file.ts';
import { splitKey } from './find-line.ts';

/** A change to the section of one repository. */
export type ConfigEdit =
  | { readonly kind: 'add-mirror'; readonly mirror: MirrorConfig }
  | { readonly kind: 'remove-mirror'; readonly name: string }
  | { readonly kind: 'change-mirror'; readonly name: string; readonly to: MirrorConfig }
  | { readonly kind: 'mirrors-min'; readonly value: number }
  | { readonly kind: 'catalog'; readonly value: string };

/**
 * The text of a configuration file with a change to one repository, everything else left as it is,
 * comments too. What comes out is parsed and compared with what must come out; a file that is laid
 * out so that this fails is refused with `Usage` (CONFIG_NOT_EDITABLE), with what to do by hand.
 */
export function editRepository(
  text: string,
  repository: string,
  edit: ConfigEdit,
  options: ParseConfigOptions,
): string {
  const before = parseConfigFile(text, options);
  const expected = applied(before, repository, edit);
  const edited = editText(text, repository, edit);
  if (edited !== undefined && means(edited, expected, options)) return edited;
  throw new VersionsError(
    'Usage',
    'CONFIG_NOT_EDITABLE',
    `Configuration ${options.file} is laid out so that it cannot be changed by a program`,
    { hint: `Change it in your own way: ${byHand(repository, edit)}` },
  );
}

function applied(config: ConfigFile, name: string, edit: ConfigEdit): ConfigFile {
  const repository = config.repositories.get(name);
  const repositories = new Map(config.repositories);
  if (repository !== undefined) repositories.set(name, appliedTo(repository, edit));
  return { ...config, repositories };
}

function appliedTo(repository: RepositoryConfig, edit: ConfigEdit): RepositoryConfig {
  const { mirrors, settings } = repository;
  switch (edit.kind) {
    case 'add-mirror':
      return { ...repository, mirrors: [...mirrors, edit.mirror] };
    case 'remove-mirror':
      return { ...repository, mirrors: mirrors.filter(({ name }) => name !== edit.name) };
    case 'change-mirror':
      return {
        ...repository,
        mirrors: mirrors.map((mirror) => (mirror.name === edit.name ? edit.to : mirror)),
      };
    case 'mirrors-min':
    case 'catalog':
      return { ...repository, settings: new Map([...settings, [edit.kind, edit.value]]) };
    default:
      return edit satisfies never;
  }
}

function means(text: string, expected: ConfigFile, options: ParseConfigOptions): boolean {
  try {
    // The order of sections is that of the reader's choice, and that of mirrors says who is asked first.
    return isDeepStrictEqual(parseConfigFile(text, options), expected);
  } catch {
    return false;
  }
}

function editText(text: string, repository: string, edit: ConfigEdit): string | undefined {
  const lines = text.split('\n');
  const own = ['repositories', repository];
  switch (edit.kind) {
    case 'add-mirror': {
      const { name, ...keys } = edit.mirror;
      const body = text === '' || text.endsWith('\n') ? text : `${text}\n`;
      return `${body}\n${renderMirror(repository, name, keys)}`;
    }
    case 'remove-mirror': {
      const section = findSection(lines, [...own, 'mirrors', edit.name]);
      return section && withoutSection(lines, section).join('\n');
    }
    case 'change-mirror': {
      const section = findSection(lines, [...own, 'mirrors', edit.name]);
      if (section === undefined) return undefined;
      const { name, ...keys } = edit.to;
      const rendered = renderMirror(repository, name, keys).trimEnd().split('\n');
      const kept = lines.slice(section.header + 1, section.end).filter((line) => isComment(line));
      return spliced(lines, section, [...rendered, ...kept]).join('\n');
    }
    case 'mirrors-min':
    case 'catalog':
      return withSetting(lines, findSection(lines, own), edit)?.join('\n');
    default:
      return edit satisfies never;
  }
}

/** Lines of a section: its header, and where what belongs to it ends. */
interface Section {
  readonly header: number;
  readonly end: number;
}

function findSection(lines: readonly string[], path: readonly string[]): Section | undefined {
  const header = lines.findIndex((line) => isDeepStrictEqual(headerOf(line), path));
  if (header === -1) return undefined;
  const next = lines.findIndex((line, at) => at > header && headerOf(line) !== undefined);
  let end = next === -1 ? lines.length : next;
  // What stands above the next header, with blank lines between, is about that one.
  while (end > header + 1 && isBlankOrComment(lines[end - 1] ?? '')) end -= 1;
  return { header, end };
}

function headerOf(line: string): readonly string[] | undefined {
  const inside = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line)?.[1];
  return inside === undefined ? undefined : splitKey(inside);
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith('#');
}

function isBlankOrComment(line: string): boolean {
  return line.trim() === '' || isComment(line);
}

function spliced(lines: readonly string[], section: Section, by: readonly string[]): string[] {
  return [...lines.slice(0, section.header), ...by, ...lines.slice(section.end)];
}

function withoutSection(lines: readonly string[], section: Section): string[] {
  const { header, end } = section;
  const isSpaced = (lines[header - 1] ?? '').trim() === '' && header > 0;
  return [...lines.slice(0, isSpaced ? header - 1 : header), ...lines.slice(end)];
}

function withSetting(
  lines: readonly string[],
  section: Section | undefined,
  { kind, value }: Extract<ConfigEdit, { kind: 'mirrors-min' | 'catalog' }>,
): string[] | undefined {
  if (section === undefined) return undefined;
  const text = JSON.stringify(value);
  const key = new RegExp(`^\\s*${kind}\\s*=`);
  const at = lines.findIndex(
    (line, index) => index > section.header && index < section.end && key.test(line),
  );
  if (at === -1) return lines.toSpliced(section.header + 1, 0, `${kind} = ${text}`);
  const line = (lines[at] ?? '').replace(
    /=\s*(?:\d+|"(?:[^"\\]|\\.)*"|'[^']*')/,
    () => `= ${text}`,
  );
  return lines.toSpliced(at, 1, line);
}

function renderMirror(repository: string, name: string, keys: Omit<MirrorConfig, 'name'>): string {
  return `[repositories.${repository}.mirrors.${name}]\n${stringify(keys)}`;
}

function byHand(repository: string, edit: ConfigEdit): string {
  switch (edit.kind) {
    case 'add-mirror': {
      const { name, ...keys } = edit.mirror;
      return `add\n${renderMirror(repository, name, keys)}`;
    }
    case 'remove-mirror':
      return `remove the section of mirror ${edit.name} of ${repository}`;
    case 'change-mirror': {
      const { name, ...keys } = edit.to;
      return `make the section of mirror ${edit.name}\n${renderMirror(repository, name, keys)}`;
    }
    case 'mirrors-min':
    case 'catalog':
      return `set ${edit.kind} = ${JSON.stringify(edit.value)} in the section of ${repository}`;
    default:
      return edit satisfies never;
  }
}
