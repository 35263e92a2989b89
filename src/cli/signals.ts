/** Signals that ask for an end, with their exit codes. */
const exitCodeOfSignal = { SIGINT: 130, SIGTERM: 143 } as const;

type StopSignal = keyof typeof exitCodeOfSignal;

export interface SignalsOptions {
  /** What the operation is told with the first signal. */
  readonly makeReason: (signal: StopSignal) => Error;
  /** Called with the first signal, after the operation was told. */
  readonly onStop: (signal: StopSignal) => void;
}

/**
 * The first SIGINT or SIGTERM aborts `signal`, so that the operation can end in order; a second one
 * ends the process at once.
 */
export class Signals implements Disposable {
  readonly #controller = new AbortController();
  readonly #options: SignalsOptions;
  #received: StopSignal | undefined;

  constructor(options: SignalsOptions) {
    this.#options = options;
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** 130 or 143 if a signal came, else 0. */
  get exitCode(): number {
    return this.#received === undefined ? 0 : exitCodeOfSignal[this.#received];
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (signal !== 'SIGINT' && signal !== 'SIGTERM') return;
    if (this.#received !== undefined) process.exit(exitCodeOfSignal[signal]);
    this.#received = signal;
    this.#controller.abort(this.#options.makeReason(signal));
    this.#options.onStop(signal);
  };
}
