import { styleText } from 'node:util';
import type { Failure } from '../failure.ts';
import type { OutputStream } from '../io.ts';
import { safeLines, safeText } from './safe-text.ts';

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly json: boolean;
  readonly dataOnStdout: boolean;
  readonly quiet: boolean;
  readonly color: 'auto' | 'always' | 'never';
  /** Show stacks of errors. */
  readonly debug: boolean;
}

/** Where messages are kept besides. */
export interface MessageLog {
  write(message: string): void;
}

export type JsonDocument = Readonly<Record<string, unknown>> & { readonly type: string };

const bufferedBytesMax = 64 * 1024;

/** After so many that differ, those of further problems are left out. */
const hintsMax = 20;

/**
 * Everything a command prints. Results go to standard output; notes, problems and errors to standard
 * error. With `--json` all of them are documents, one a line.
 *
 * When the reader of standard output goes away the rest is dropped in silence (`isAbandoned`); any
 * other failure to write is kept and reported by `finish`.
 */
export class Output {
  readonly json: boolean;
  /** Standard output carries a file: everything else, JSON Lines too, goes to standard error. */
  dataOnStdout: boolean;
  /** Called before anything is written to standard error, to take a progress line away. */
  beforeMessage: () => void = () => {};
  readonly #options: OutputOptions;
  #quiet: boolean;
  #color: OutputOptions['color'];
  #log: MessageLog | undefined;
  #buffer: Buffer[] = [];
  #bufferedBytes = 0;
  #pending = 0;
  #abandoned = false;
  #failure: Error | undefined;
  #settled: (() => void) | undefined;
  /** Those of problems that were given. */
  readonly #hints: Set<string> = new Set();

  constructor(options: OutputOptions) {
    this.#options = options;
    this.json = options.json;
    this.dataOnStdout = options.dataOnStdout;
    this.#quiet = options.quiet;
    this.#color = options.color;
    options.stdout.on('error', this.#onError);
    // Nobody reads the messages: there is nobody to tell.
    options.stderr.on('error', () => {});
  }

  /** What only the configuration could say. `log` takes all messages from now on. */
  configure(
    options: Pick<OutputOptions, 'quiet' | 'color'> & { readonly log?: MessageLog | undefined },
  ): void {
    this.#quiet = options.quiet;
    this.#color = options.color;
    this.#log = options.log;
  }

  /** Nobody reads standard output any more. */
  get isAbandoned(): boolean {
    return this.#abandoned;
  }

  get isTerminal(): boolean {
    return this.#options.stdout.isTTY === true;
  }

  /** A line of the result, for people. The caller has made foreign text safe. */
  line(text = ''): void {
    if (!this.json) this.#toResults(Buffer.from(`${text}\n`));
  }

  /** The same from bytes, for a reader that wants names as they are. */
  byteLine(bytes: Buffer): void {
    if (!this.json) this.#toResults(Buffer.concat([bytes, Buffer.from('\n')]));
  }

  /** A document of the result, for programs. */
  document(document: JsonDocument): void {
    if (document.type === 'summary') this.#log?.write(JSON.stringify(document));
    if (!this.json) return;
    const line = `${JSON.stringify(document)}\n`;
    if (this.dataOnStdout) this.#toMessages(line);
    else this.#toResults(Buffer.from(line));
    // Entries come by the million; everything else is for a program that waits for it.
    if (document.type !== 'entry') this.#flush();
  }

  /** Bytes of a file, on standard output as they are. Resolves when there is room for more. */
  async data(bytes: Uint8Array): Promise<void> {
    if (this.#abandoned || this.#failure !== undefined) return;
    await new Promise<void>((resolve) => this.#write(bytes, resolve));
  }

  /** Resolves when there is room for more lines. */
  async room(): Promise<void> {
    if (this.#options.stdout.writableNeedDrain) await this.#flushed();
  }

  /** Something that the user should know and that is no failure. One sentence. */
  note(message: string): void {
    this.#log?.write(`note: ${safeLines(message)}`);
    if (this.json) this.document({ type: 'note', message });
    else if (!this.#quiet) this.#toMessages(`${safeLines(message)}\n`);
  }

  /** One item failed; the command goes on. What many have to do about it stands once. */
  problem(failure: Failure): void {
    const { kind, code, message, reason, hint } = failure;
    this.#log?.write(`problem: ${safeText(message)}`);
    if (this.json) {
      this.document({ type: 'problem', kind, code, message, reason, hint });
      return;
    }
    this.#toMessages(`${this.paint('yellow', 'problem:')} ${safeText(message)}\n`);
    const isEnough = this.#hints.size >= hintsMax;
    if (hint === undefined || isEnough || this.#hints.has(hint)) return;
    this.#hints.add(hint);
    this.#toMessages(`hint: ${safeLines(hint)}\n`);
  }

  /** Why the command gives up. */
  failure(failure: Failure): void {
    const { kind, code, message, hint, stack } = failure;
    this.#log?.write(`error: ${safeText(message)}`);
    if (this.json) {
      const document = { type: 'exit_error', code, kind, message, hint };
      this.#toMessages(`${JSON.stringify(document)}\n`);
    } else {
      this.#toMessages(`${this.paint('red', 'error:')} ${safeText(message)}\n`);
      if (hint !== undefined) this.#toMessages(`hint: ${safeLines(hint)}\n`);
    }
    if (this.#options.debug && stack !== undefined) this.#toMessages(`${safeLines(stack)}\n`);
  }

  /** Text for standard error as it is: the progress display. */
  message(text: string): void {
    this.#options.stderr.write(text);
  }

  paint(color: 'red' | 'yellow' | 'green' | 'dim', text: string): string {
    if (this.#color === 'never' || this.json) return text;
    const stream = this.#options.stderr;
    return styleText(color, text, { validateStream: this.#color === 'auto', stream });
  }

  /** Waits until everything is written, and returns why it could not be. */
  async finish(): Promise<Error | undefined> {
    this.beforeMessage();
    await this.#flushed();
    return this.#failure;
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') this.#abandoned = true;
    else this.#failure ??= error;
  };

  #toMessages(text: string): void {
    this.beforeMessage();
    this.#options.stderr.write(text);
  }

  #toResults(bytes: Buffer): void {
    this.#buffer.push(bytes);
    this.#bufferedBytes += bytes.length;
    if (this.isTerminal) this.beforeMessage();
    if (this.isTerminal || this.#bufferedBytes > bufferedBytesMax) this.#flush();
  }

  #flush(): void {
    if (this.#bufferedBytes === 0) return;
    const bytes = Buffer.concat(this.#buffer);
    this.#buffer = [];
    this.#bufferedBytes = 0;
    this.#write(bytes);
  }

  #write(data: Uint8Array, done?: () => void): void {
    this.#pending += 1;
    if (this.#abandoned || this.#failure !== undefined) {
      this.#written(done);
      return;
    }
    this.#options.stdout.write(data, (error) => {
      // The event comes later than this, perhaps after `finish` has looked.
      if (error) this.#onError(error);
      this.#written(done);
    });
  }

  #written(done: (() => void) | undefined): void {
    this.#pending -= 1;
    done?.();
    if (this.#pending === 0) this.#settled?.();
  }

  async #flushed(): Promise<void> {
    this.#flush();
    while (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve;
      });
    }
  }
}
