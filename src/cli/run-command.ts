import { assert, type PathBase, VersionsError, withLocalDisk } from '../core/index.ts';
import { commandModules, isPlainCommand } from './commands/index.ts';
import { mostSevere } from './exit-codes.ts';
import type { Io } from './io.ts';
import type { CommandDefinition } from './options/command-table.ts';
import type { ParsedArguments } from './options/parse-arguments.ts';
import { environmentLayer, flagLayer, Settings } from './options/settings.ts';
import { CliMonitor } from './output/cli-monitor.ts';
import { LogFile } from './output/log-file.ts';
import type { Output } from './output/output.ts';
import { ProgressDisplay, type ProgressMode } from './output/progress-display.ts';
import { ProgressState } from './output/progress-state.ts';
import { safeText } from './output/safe-text.ts';
import { type CommandResult, type LoadedSettings, Session } from './session.ts';
import { configFileOf, loadConfiguration } from './setup/configuration.ts';
import { Signals } from './signals.ts';

/** Runs a command that needs the core, from settings to the most severe exit code. */
export async function runCommand(
  command: CommandDefinition,
  parsed: ParsedArguments,
  { io, output }: { readonly io: Io; readonly output: Output },
): Promise<CommandResult> {
  const base = { directory: io.directory, home: io.home };
  const load = (): Promise<LoadedSettings> => loadSettings(command, parsed, { io, base });
  const { settings, configuration } = await load();
  const logPath = settings.text('log-file');
  const log = logPath === undefined ? undefined : new LogFile(logPath, () => io.now());
  log?.write(`versions ${[command.name, ...parsed.operands].map(safeText).join(' ')}`);
  output.configure({ quiet: settings.flag('quiet'), color: colorOf(settings), log });
  const state = new ProgressState(io.now());
  const monitor = new CliMonitor({
    output,
    state,
    verbosity: settings.number('verbose') ?? 0,
    exactBytes: settings.flag('bytes'),
  });
  using signals = new Signals({
    makeReason: (signal) =>
      new VersionsError('Cancelled', 'CANCELLED', `Stopped by ${signal}`, { context: { signal } }),
    onStop: () => output.note('stopping in order; once more to stop at once'),
  });
  using progress = new ProgressDisplay({
    mode: progressModeOf(settings, io, output),
    stream: io.stderr,
    output,
    state,
    now: () => io.now(),
    intervalMs: (settings.number('progress-interval') ?? 30) * 1000,
    exactBytes: settings.flag('bytes'),
  });
  const { operands, childCommand } = parsed;
  const session = new Session({
    command,
    operands,
    childCommand,
    io,
    output,
    monitor,
    settings,
    configuration,
    signal: signals.signal,
    showProgress: () => progress.start(),
    load,
  });
  assert(!isPlainCommand(command.name), `${command.name} does not need the core`);
  const module = await commandModules[command.name]();
  try {
    const { exitCode, summary } = await withLocalDisk(() => module.run(session));
    // What was stopped may say so with a code of its own: which signal it was, is known here.
    const ended = signals.exitCode || mostSevere(exitCode, monitor.exitCode);
    return { exitCode: ended, summary };
  } catch (error) {
    if (signals.exitCode === 0) throw error;
    throw new StoppedError(signals.exitCode, signals.signal.reason);
  }
}

/** A command that a signal ended, with the exit code for it; `cause` is what to show. */
class StoppedError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, cause: unknown) {
    super('Stopped by a signal', { cause });
    this.exitCode = exitCode;
  }
}

async function loadSettings(
  command: CommandDefinition,
  parsed: ParsedArguments,
  { io, base }: { readonly io: Io; readonly base: PathBase },
): Promise<LoadedSettings> {
  const own = [flagLayer(parsed.flags, base), environmentLayer(io.env, base)];
  const ownSettings = new Settings(command.name, own);
  const file = configFileOf(ownSettings.text('config'), io);
  const configuration = await loadConfiguration(file, io.home);
  // The commands that make a repository are told its name as an operand.
  const isMaking = command.name === 'init' || command.name === 'connect';
  const name = isMaking ? (parsed.operands[0] ?? 'default') : ownSettings.text('repository');
  const settings = ownSettings.with(configuration.layers(name ?? configuration.defaultName));
  return { settings, configuration };
}

function colorOf(settings: Settings): 'auto' | 'always' | 'never' {
  const color = settings.text('color');
  return color === 'always' || color === 'never' ? color : 'auto';
}

function progressModeOf(settings: Settings, io: Io, output: Output): ProgressMode {
  const progress = settings.text('progress');
  if (progress === 'none') return 'none';
  if (output.json) return progress === 'json' ? 'json' : 'none';
  if (settings.flag('quiet')) return 'none';
  return io.stderr.isTTY === true && io.env['TERM'] !== 'dumb' ? 'terminal' : 'lines';
}
