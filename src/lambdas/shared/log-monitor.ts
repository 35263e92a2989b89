import { CollectingMonitor, type VersionsError } from '../../core/index.ts';
import type { Surroundings } from './surroundings.ts';

/** Writes problems and notes to the log as they come; counts the rest. */
export class LogMonitor extends CollectingMonitor {
  readonly #log: Surroundings['log'];

  constructor(log: Surroundings['log']) {
    super();
    this.#log = log;
  }

  override problem(error: VersionsError): void {
    const { kind, code, message, hint, context } = error;
    this.#log({ type: 'problem', kind, code, message, hint, context });
  }

  override note(message: string): void {
    this.#log({ type: 'note', message });
  }
}
