import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, commandLine } from './command.ts';
import { MemoryWatch } from './memory-watch.ts';
import { endedChildrenCpuSeconds } from './process-tree.ts';

/** What one whole process, with everything it started, took. */
export interface Measurement {
  readonly seconds: number;
  /** User and system; undefined where the system does not tell. */
  readonly cpuSeconds: number | undefined;
  readonly peakBytes: number | undefined;
}

/** A measurement and what the program wrote to standard output. */
export interface Measured extends Measurement {
  readonly output: string;
}

export interface MeasureOptions {
  /** A directory for the outputs; files of earlier calls are replaced. */
  readonly logs: string;
  readonly env: Readonly<Record<string, string>>;
  /** Ends the program. */
  readonly signal?: AbortSignal | undefined;
}

/** A measured program that failed; the message holds the command and the end of what it said. */
class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

/**
 * Runs a command to its end. Only one may run at a time: the CPU seconds are the difference of what
 * this process's ended children have used. Outputs go to files, so that this process reads nothing
 * meanwhile.
 */
export async function measure(command: Command, options: MeasureOptions): Promise<Measured> {
  options.signal?.throwIfAborted();
  const outputs = [join(options.logs, 'stdout'), join(options.logs, 'stderr')] as const;
  const [stdout, stderr] = [openSync(outputs[0], 'w'), openSync(outputs[1], 'w')];
  let ended: Ended;
  const cpuBefore = endedChildrenCpuSeconds();
  try {
    ended = await run(command, options, [stdout, stderr]);
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
  options.signal?.throwIfAborted();
  const output = readFileSync(outputs[0], 'utf8');
  if (ended.how !== 0) {
    const said = `${output}\n${readFileSync(outputs[1], 'utf8')}`.trim().slice(-saidCharactersMax);
    throw new CommandFailed(`${commandLine(command)} ended with ${ended.how}\n${said}`);
  }
  const cpuAfter = endedChildrenCpuSeconds();
  const cpuSeconds =
    cpuBefore === undefined || cpuAfter === undefined
      ? undefined
      : Number((cpuAfter - cpuBefore).toFixed(2));
  return { seconds: ended.seconds, cpuSeconds, peakBytes: ended.peakBytes, output };
}

const saidCharactersMax = 2000;

interface Ended {
  readonly seconds: number;
  readonly peakBytes: number | undefined;
  readonly how: number | NodeJS.Signals;
}

function run(
  { program, args, env, directory }: Command,
  options: MeasureOptions,
  [stdout, stderr]: readonly [number, number],
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(program, args, {
      env: { ...options.env, ...env },
      stdio: ['ignore', stdout, stderr],
      signal: options.signal,
      ...(directory === undefined ? {} : { cwd: directory }),
    });
    const watch = child.pid === undefined ? undefined : new MemoryWatch(child.pid);
    child.once('error', (error) => {
      // An abort is reported here too, but the process has then still to end.
      if (child.pid === undefined)
        reject(new CommandFailed(`${program} does not start`, { cause: error }));
    });
    child.once('exit', (code, signal) => {
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      resolve({ seconds, peakBytes: watch?.stop(), how: signal ?? code ?? 0 });
    });
  });
}
