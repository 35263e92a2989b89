import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/versions.js', import.meta.url));

export type JsonLine = Record<string, unknown> & { type: string };

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Documents on standard output. */
  readonly documents: readonly JsonLine[];
  /** The last of them. */
  readonly summary: JsonLine;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
  readonly cwd?: string;
}

/**
 * A home directory of its own, in which the real program runs: nothing of the machine's own
 * configuration reaches it.
 */
export class Machine implements Disposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'versions-cli-'));
  readonly home: string = join(this.root, 'home');
  /** For every run. */
  env: Record<string, string> = {};

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** Writes files below the root; names end in `/` for directories. */
  async write(files: Readonly<Record<string, string | Buffer>>): Promise<void> {
    for (const [name, content] of Object.entries(files)) {
      const path = this.path(name);
      await mkdir(name.endsWith('/') ? path : dirname(path), { recursive: true });
      if (!name.endsWith('/')) await writeFile(path, content);
    }
  }

  start(args: readonly string[], options: RunOptions = {}): ChildProcess {
    return spawn(process.execPath, [program, ...args], {
      cwd: options.cwd ?? this.root,
      env: {
        PATH: process.env['PATH'] ?? '',
        TMPDIR: process.env['TMPDIR'] ?? '/tmp',
        TZ: 'UTC',
        HOME: this.home,
        ...this.env,
        ...options.env,
      },
    });
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    await mkdir(this.home, { recursive: true });
    const child = this.start(args, options);
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.stdin ?? '');
    return outcomeOf(child);
  }
}

/** What a process printed and how it ended. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout?.on('data', (part: Buffer) => out.push(part));
  child.stderr?.on('data', (part: Buffer) => err.push(part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const stdout = Buffer.concat(out).toString();
  const documents = documentsIn(stdout);
  const summary = documents.at(-1) ?? { type: 'none' };
  return { code, stdout, stderr: Buffer.concat(err).toString(), documents, summary };
}

/** The JSON Lines in a text; none if it is no JSON. */
function documentsIn(text: string): JsonLine[] {
  if (!text.startsWith('{')) return [];
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonLine);
}

/** The error document on standard error. */
export function exitErrorIn({ stderr }: Outcome): JsonLine | undefined {
  return documentsIn(stderr).find(({ type }) => type === 'exit_error');
}
