import { userInfo } from 'node:os';
import { isAbsolute } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };
type InputStream = Readable & { readonly isTTY?: boolean };

/** What a command gets from the process it runs in. */
export interface Io {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  readonly home: string;
  /** Milliseconds since 1970. */
  now(): number;
}

/** The process itself. Streams are made when they are first used. */
export function processIo(): Io {
  return {
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    env: process.env,
    directory: workingDirectory(),
    home: homeDirectory(),
    now: () => Date.now(),
  };
}

/** A HOME that is empty or relative would put keys and mirrors wherever one happens to be. */
function homeDirectory(): string {
  const home = process.env['HOME'] ?? '';
  if (isAbsolute(home)) return home;
  try {
    const { homedir } = userInfo();
    return isAbsolute(homedir) ? homedir : '/';
  } catch {
    return '/';
  }
}

/** The working directory may have been removed; absolute paths still have a meaning then. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '/';
  }
}
