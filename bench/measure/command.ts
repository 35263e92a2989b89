/** One call of a program, as it is measured: no shell, and an environment of its own. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Beside the environment that all programs get. */
  readonly env?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

/** A command of a program and its arguments. */
export function command(program: string, ...args: readonly string[]): Command {
  return { program, args };
}

/** The line that somebody would type; for messages only. */
export function commandLine({ program, args }: Command): string {
  return [program, ...args]
    .map((word) => (/[^\w./:=,@+-]/.test(word) ? `'${word}'` : word))
    .join(' ');
}
