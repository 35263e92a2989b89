/** Signals that ask for an end, with their exit codes. */
const exitCodeOfSignal = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

type StopSignal = keyof typeof exitCodeOfSignal;

const stopSignals: readonly StopSignal[] = ['SIGHUP', 'SIGINT', 'SIGTERM'];

export interface SignalsOptions {
  /** What the operation is told with the first signal. */
  readonly makeReason: (signal: StopSignal) => Error;
  /** Called with the first signal, after the operation was told. */
  readonly onStop: (signal: StopSignal) => void;
}

/**
 * The first SIGINT, SIGTERM or SIGHUP aborts `signal`, so that the operation can end in order; a
 * second one ends the process at once.
 */
export class Signals implements Disposable {
  readonly #controller = new AbortController();
  readonly #options: SignalsOptions;
  #received: StopSignal | undefined;

  constructor(options: SignalsOptions) {
    this.#options = options;
    for (const signal of stopSignals) process.on(signal, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** 129, 130 or 143 if a signal came, else 0. */
  get exitCode(): number {
    return this.#received === undefined ? 0 : exitCodeOfSignal[this.#received];
  }

  [Symbol.dispose](): void {
    // After a first one the process is about to end: a second one must not change its exit code.
    if (this.#received !== undefined) return;
    for (const signal of stopSignals) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    if (!isStopSignal(signal)) return;
    if (this.#received !== undefined) process.exit(exitCodeOfSignal[signal]);
    this.#received = signal;
    this.#controller.abort(this.#options.makeReason(signal));
    this.#options.onStop(signal);
  };
}

function isStopSignal(signal: NodeJS.Signals): signal is StopSignal {
  return signal in exitCodeOfSignal;
}
