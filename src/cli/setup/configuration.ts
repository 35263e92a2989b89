import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type ConfigFile,
  parseConfigFile,
  type ParseConfigOptions,
  type RepositoryConfig,
  type SettingLayer,
  systemErrorCode,
  VersionsError,
} from '../../core/index.ts';
import type { Io } from '../io.ts';
import { optionTable } from '../options/option-table.ts';
import { locationsOf, systemConfigFile } from './locations.ts';

const fileBytesMax = 1024 * 1024;

/** The user's configuration file over that of the machine; either may be absent. */
export class Configuration {
  /** The file of the user, whether it exists or not. */
  readonly file: string;
  /** Those that exist, strongest first. */
  readonly files: readonly ConfigFile[];

  constructor(file: string, files: readonly ConfigFile[]) {
    this.file = file;
    this.files = files;
  }

  /** Names of all repositories. */
  get names(): readonly string[] {
    return [...new Set(this.files.flatMap(({ repositories }) => [...repositories.keys()]))];
  }

  get repositories(): readonly RepositoryConfig[] {
    return this.names.flatMap((name) => this.repository(name) ?? []);
  }

  /** The repository that is meant when none is named; undefined if that cannot be told. */
  get defaultName(): string | undefined {
    const named = this.files.find(({ defaultRepository }) => defaultRepository !== undefined);
    if (named !== undefined) return named.defaultRepository;
    const { names } = this;
    return names.length === 1 ? names[0] : names.find((name) => name === 'default');
  }

  /** A repository with what either file says about it. */
  repository(name: string): RepositoryConfig | undefined {
    const sections = this.files.flatMap(({ repositories }) => repositories.get(name) ?? []);
    if (sections.length === 0) return undefined;
    const settings = new Map(sections.toReversed().flatMap((section) => [...section.settings]));
    const mirrors = sections.find((section) => section.mirrors.length > 0)?.mirrors ?? [];
    return { name, mirrors, settings };
  }

  /** Layers of settings, strongest first: a repository's sections, then what holds for all. */
  layers(repository: string | undefined): SettingLayer[] {
    const sections = this.files.flatMap(({ file, repositories }) => {
      const section = repository === undefined ? undefined : repositories.get(repository);
      if (section === undefined) return [];
      return [{ origin: `${file} [repositories.${section.name}]`, values: section.settings }];
    });
    const tops = this.files.map(({ file, settings }) => ({ origin: file, values: settings }));
    return [...sections, ...tops];
  }
}

/** The path of the user's configuration file; `named` is what a flag or variable says. */
export function configFileOf(named: string | undefined, io: Pick<Io, 'env' | 'home'>): string {
  return named ?? join(locationsOf(io).config, 'config.toml');
}

/** Reads both files. Throws `Usage` for one that is damaged or cannot be read. */
export async function loadConfiguration(file: string, home: string): Promise<Configuration> {
  const files: ConfigFile[] = [];
  for (const path of new Set([file, systemConfigFile])) {
    const text = await readConfigText(path);
    if (text !== undefined) files.push(parseConfigFile(text, parseOptionsOf(path, home)));
  }
  return new Configuration(file, files);
}

export function parseOptionsOf(file: string, home: string): ParseConfigOptions {
  return {
    file,
    base: { directory: dirname(file), home },
    definitions: optionTable,
  };
}

/** The text of a configuration file; undefined if there is none. */
export async function readConfigText(file: string): Promise<string | undefined> {
  const bytes = await readSmallFile(file);
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw unreadable(file, 'is not text in UTF-8', error);
  }
}

async function readSmallFile(file: string): Promise<Buffer | undefined> {
  try {
    await using handle = await open(file, 'r');
    const status = await handle.stat();
    if (!status.isFile() && !status.isCharacterDevice()) {
      throw unreadable(file, 'is not a file');
    }
    if (status.size > fileBytesMax) throw unreadable(file, 'is larger than 1 MiB');
    return await handle.readFile();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (error instanceof VersionsError) throw error;
    throw unreadable(file, `cannot be read (${code ?? 'unknown reason'})`, error);
  }
}

function unreadable(file: string, what: string, cause?: unknown): VersionsError {
  return new VersionsError('Usage', 'CONFIG_UNREADABLE', `Configuration ${file} ${what}`, {
    hint: 'mend the file, or name another one with --config',
    context: { file },
    cause,
  });
}
