import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import type { OutputStream } from '../io.ts';
import type { Output } from './output.ts';
import type { ProgressState } from './progress-state.ts';
import { safeText } from './safe-text.ts';
import { fitLeft } from './text-table.ts';

/** `terminal`: a display that is drawn over; `lines`: a line now and then; `json`: the same as documents. */
export type ProgressMode = 'terminal' | 'lines' | 'json' | 'none';

const frameMs = 100;
/** An operation that is over sooner shows nothing. */
const firstFrameAfterMs = 300;

export interface ProgressOptions {
  readonly mode: ProgressMode;
  readonly stream: OutputStream;
  readonly output: Output;
  readonly state: ProgressState;
  readonly now: () => number;
  /** Time between lines in the modes `lines` and `json`. */
  readonly intervalMs: number;
  readonly exactBytes: boolean;
}

/**
 * Shows a `ProgressState` while an operation runs: at most ten times a second, gone at the end, and
 * out of the way whenever something else is written to standard error.
 */
export class ProgressDisplay implements Disposable {
  readonly #options: ProgressOptions;
  #timer: NodeJS.Timeout | undefined;
  #shownLines = 0;
  #shownAt: number;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#shownAt = options.now();
  }

  /** Begins to show by itself. */
  start(): void {
    if (this.#options.mode === 'none') return;
    this.#options.output.beforeMessage = () => this.erase();
    this.#timer = setInterval(() => this.tick(), frameMs);
    this.#timer.unref();
  }

  /** Shows the state if it is time to. */
  tick(): void {
    const { mode, state, now, intervalMs, output, exactBytes } = this.#options;
    const at = now();
    state.tick(at);
    if (mode === 'terminal') {
      if (state.elapsedMs >= firstFrameAfterMs && at - this.#shownAt >= frameMs) this.#draw(at);
      return;
    }
    if (mode === 'none' || at - this.#shownAt < intervalMs) return;
    this.#shownAt = at;
    if (mode === 'json') output.document(state.document());
    else output.message(`${state.line({ exactBytes, width: Infinity })}\n`);
  }

  /** Takes the display away until the next tick. */
  erase(): void {
    if (this.#shownLines === 0) return;
    const { stream } = this.#options;
    cursorTo(stream, 0);
    clearScreenDown(stream);
    this.#shownLines = 0;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.erase();
    this.#options.output.beforeMessage = () => {};
  }

  #draw(at: number): void {
    const { stream, state, exactBytes } = this.#options;
    // The last column is left free: some terminals wrap when it is written to.
    const width = (stream.columns || 80) - 1;
    const path = state.path === undefined ? undefined : safeText(state.path);
    const lines = [state.line({ exactBytes, width })];
    if (path !== undefined && path !== '') lines.push(fitLeft(path, width));
    this.erase();
    stream.write(lines.join('\n'));
    // The cursor waits at the beginning, so that whatever else is written covers the display.
    moveCursor(stream, 0, -(lines.length - 1));
    cursorTo(stream, 0);
    this.#shownLines = lines.length;
    this.#shownAt = at;
  }
}
