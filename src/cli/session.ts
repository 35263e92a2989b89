import {
  type Context,
  type RepositoryConfig,
  systemClock,
  systemRandom,
  VersionsError,
} from '../core/index.ts';
import type { Io } from './io.ts';
import type { CommandDefinition } from './options/command-table.ts';
import type { Settings } from './options/settings.ts';
import type { CliMonitor } from './output/cli-monitor.ts';
import type { MeasureOptions } from './output/measures.ts';
import type { Output } from './output/output.ts';
import type { Configuration } from './setup/configuration.ts';

/** What a command ends with. The exit code and the summary of `--json` are made from it. */
export interface CommandResult {
  readonly exitCode: number;
  /** Fields of the summary document. */
  readonly summary: Readonly<Record<string, unknown>>;
}

export interface CommandModule {
  run(session: Session): Promise<CommandResult>;
}

/** What the flags, the environment and the configuration say. */
export interface LoadedSettings {
  /** Of the repository that is meant. */
  readonly settings: Settings;
  readonly configuration: Configuration;
}

export interface SessionParts extends LoadedSettings {
  readonly command: CommandDefinition;
  readonly operands: readonly string[];
  readonly childCommand: readonly string[];
  readonly io: Io;
  readonly output: Output;
  readonly monitor: CliMonitor;
  readonly signal: AbortSignal;
  /** Begins to show progress; it ends with the command. */
  readonly showProgress: () => void;
  readonly load: () => Promise<LoadedSettings>;
}

/** One run of a command that needs the core. */
export class Session {
  readonly #parts: SessionParts;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  get command(): CommandDefinition {
    return this.#parts.command;
  }

  get operands(): readonly string[] {
    return this.#parts.operands;
  }

  /** What follows `--`, where that is a command to run. */
  get childCommand(): readonly string[] {
    return this.#parts.childCommand;
  }

  get io(): Io {
    return this.#parts.io;
  }

  get output(): Output {
    return this.#parts.output;
  }

  get monitor(): CliMonitor {
    return this.#parts.monitor;
  }

  get settings(): Settings {
    return this.#parts.settings;
  }

  get configuration(): Configuration {
    return this.#parts.configuration;
  }

  get signal(): AbortSignal {
    return this.#parts.signal;
  }

  showProgress(): void {
    this.#parts.showProgress();
  }

  /** The same session with the configuration as it is now. */
  async reload(): Promise<Session> {
    return new Session({ ...this.#parts, ...(await this.#parts.load()) });
  }

  get context(): Context {
    return {
      clock: systemClock,
      random: systemRandom,
      monitor: this.monitor,
      signal: this.signal,
    };
  }

  get measures(): MeasureOptions {
    return { exactBytes: this.settings.flag('bytes'), utc: this.settings.flag('utc') };
  }

  /** Whether questions may be asked. */
  get mayAsk(): boolean {
    return !this.output.json;
  }

  /** What `-r` or the configuration names; undefined if nothing does. */
  get repositoryName(): string | undefined {
    return this.settings.text('repository') ?? this.configuration.defaultName;
  }

  /** `-r` is a mirror's URL or path. */
  get isPlace(): boolean {
    return /[/:]/.test(this.settings.text('repository') ?? '');
  }

  /** The configured repository that is meant. Throws `NotFound`, which ends with exit code 10. */
  configuredRepository(): RepositoryConfig {
    const { configuration, repositoryName: name } = this;
    const repository = name === undefined ? undefined : configuration.repository(name);
    if (repository !== undefined) return repository;
    const { file, names } = configuration;
    if (names.length === 0) {
      throw new VersionsError(
        'NotFound',
        'REPOSITORY_NOT_CONFIGURED',
        name === undefined
          ? `No repository is configured in ${file}`
          : `No repository named ${name} is configured in ${file}`,
        { hint: 'make one with versions init, or take one up with versions connect' },
      );
    }
    const message =
      name === undefined
        ? `Several repositories are configured in ${file}, and none is the default`
        : `No repository named ${name} is configured in ${file}`;
    throw new VersionsError(
      name === undefined ? 'Usage' : 'NotFound',
      'REPOSITORY_NOT_CONFIGURED',
      message,
      { hint: `name one with -r: ${names.join(', ')}` },
    );
  }
}
