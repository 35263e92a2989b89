import { isPlainCommand } from './commands/index.ts';
import { runPlain, show, showVersion } from './commands/plain.ts';
import { exitCodeOf } from './exit-codes.ts';
import { type Failure, failureOf, UsageError } from './failure.ts';
import { type Io, processIo } from './io.ts';
import { type CommandDefinition, commandNamed } from './options/command-table.ts';
import type { ParsedArguments } from './options/parse-arguments.ts';
import { Output } from './output/output.ts';
import type { CommandResult } from './session.ts';

/**
 * The program `versions`: runs the command line `argv` (without node and script) on this process, or
 * with what it is given in its place, and returns its exit code. Nothing is thrown.
 *
 * What is imported above is all that help needs, so that it is there at once; the parser, the core
 * and each command are loaded when they are used.
 */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  const output = outputFor(argv, io);
  const run: Run = { argv, io, output, command: commandIn(argv) };
  let exitCode: number;
  let summary: Readonly<Record<string, unknown>> = {};
  try {
    ({ exitCode, summary } = await dispatch(run));
  } catch (error) {
    exitCode = reportFailure(error, output);
  }
  output.document({ type: 'summary', command: run.command?.name, ...summary, exitCode });
  const failure = await output.finish();
  if (failure === undefined) return exitCode;
  output.failure({
    ...failureOf(failure),
    message: `Standard output could not be written: ${failure.message}`,
    hint: undefined,
  });
  return exitCode === 0 ? 1 : exitCode;
}

interface Run {
  readonly argv: readonly string[];
  readonly io: Io;
  readonly output: Output;
  /** A guess until the command line is parsed. */
  command: CommandDefinition | undefined;
}

async function dispatch(run: Run): Promise<CommandResult> {
  const { argv, io, output } = run;
  // The commonest way to ask for help does without a parser.
  if (argv.length === 1 && (argv[0] === '--help' || argv[0] === '-h' || argv[0] === 'help')) {
    return runPlain('help', [], output);
  }
  const { parseArguments } = await import('./options/parse-arguments.ts');
  const parsed = parseArguments(argv);
  const { command, flags, operands } = parsed;
  run.command = command;
  const isText = flags.has('version') || flags.has('help') || command === undefined;
  output.dataOnStdout = !isText && command.dataOnStdout === true;
  if (flags.has('version')) return showVersion(output);
  if (flags.has('help'))
    return runPlain('help', command === undefined ? [] : [command.name], output);
  if (command === undefined) {
    const { homeText } = await import('./help/home.ts');
    return show('home', await homeText(io), output);
  }
  checkOperands(command, parsed);
  if (isPlainCommand(command.name)) return runPlain(command.name, operands, output);
  const { runCommand } = await import('./run-command.ts');
  return runCommand(command, parsed, { io, output });
}

function checkOperands(command: CommandDefinition, { operands }: ParsedArguments): void {
  const { name, operandsMin, operandsMax } = command;
  const hint = `versions help ${name} shows examples`;
  if (operands.length < operandsMin) {
    throw new UsageError('USAGE', `versions ${name} needs ${command.operands}`, hint);
  }
  if (operands.length > operandsMax) {
    const extra = JSON.stringify(operands[operandsMax]);
    const takes = command.operands === '' ? 'no operand' : command.operands;
    throw new UsageError('USAGE', `versions ${name} takes ${takes}, so ${extra} is too much`, hint);
  }
}

/** Says why a command gave up, and returns the exit code for it. */
function reportFailure(error: unknown, output: Output): number {
  const stopped = isStopped(error) ? error : undefined;
  const failure: Failure = failureOf(stopped === undefined ? error : stopped.cause);
  output.failure(failure);
  return stopped?.exitCode ?? exitCodeOf(failure);
}

function isStopped(error: unknown): error is Error & { readonly exitCode: number } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number';
}

/** Made before the command line is parsed, because mistakes in it are shown as it asks. */
function outputFor(argv: readonly string[], { env, stdout, stderr }: Io): Output {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  const variable = (env['VERSIONS_JSON'] ?? '').toLowerCase();
  const isInEnvironment = ['1', 'true', 'yes', 'on'].includes(variable);
  const json = flags.includes('--json') || (isInEnvironment && !flags.includes('--no-json'));
  return new Output({
    stdout,
    stderr,
    json,
    dataOnStdout: commandIn(argv)?.dataOnStdout === true && !flags.includes('--help'),
    quiet: flags.includes('-q') || flags.includes('--quiet'),
    color: 'auto',
    debug: (env['VERSIONS_DEBUG'] ?? '') !== '',
  });
}

/** The command that is probably meant, for what must be known before parsing, or without it. */
function commandIn(argv: readonly string[]): CommandDefinition | undefined {
  for (const [index, word] of argv.entries()) {
    if (word === '--') return undefined;
    const two = commandNamed(`${word} ${argv[index + 1] ?? ''}`);
    const command = two ?? commandNamed(word);
    if (command !== undefined) return command;
  }
  return undefined;
}
