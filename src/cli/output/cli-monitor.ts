import type { Counter, Finding, Item, Monitor, VersionsError } from '../../core/index.ts';
import { mostSevere } from '../exit-codes.ts';
import { failureOf } from '../failure.ts';
import { formatBytes } from './measures.ts';
import type { Output } from './output.ts';
import type { ProgressState } from './progress-state.ts';
import { safeText } from './safe-text.ts';

export interface CliMonitorOptions {
  readonly output: Output;
  readonly state: ProgressState;
  /** 0: no items; 1: what changed; 2: everything. */
  readonly verbosity: number;
  readonly exactBytes: boolean;
}

/** Items that nothing was done to. */
const quietActions: ReadonlySet<string> = new Set([
  'unchanged',
  'excluded',
  'skipped',
  'directory',
]);

/** Findings that, without a good copy elsewhere, mean loss. An absent mirror may come back. */
const lossKinds: ReadonlySet<Finding['kind']> = new Set(['missing', 'truncated', 'corrupt']);

/** Brings what the core reports to the user, and remembers it for the exit code. */
export class CliMonitor implements Monitor {
  /** A finding that is damage, not just something too much. */
  hasDamage = false;
  /** A damaged object without a good copy. */
  hasLoss = false;
  /** The exit code that a problem calls for; a command may set it. */
  exitCodeOfProblem: (problem: VersionsError) => number = () => 3;
  #exitCode = 0;
  readonly #options: CliMonitorOptions;

  constructor(options: CliMonitorOptions) {
    this.#options = options;
  }

  get wantsItems(): boolean {
    return this.#options.verbosity > 0;
  }

  /** The most severe of all problems, 0 if there was none. */
  get exitCode(): number {
    return this.#exitCode;
  }

  get problemCount(): number {
    return this.#options.state.problemCount;
  }

  count(counter: Counter, by: number): void {
    this.#options.state.count(counter, by);
  }

  at(phase: string, path?: string): void {
    this.#options.state.phase = phase;
    this.#options.state.path = path;
  }

  item({ action, path, bytes }: Item): void {
    const { output, verbosity, exactBytes } = this.#options;
    if (verbosity === 0 || (verbosity === 1 && quietActions.has(action))) return;
    if (output.json) {
      output.document({ type: 'item', action, path, bytes });
    } else {
      const size = bytes === undefined ? '' : `  ${formatBytes(bytes, exactBytes)}`;
      output.line(`${action.padEnd(9)}  ${safeText(path)}${size}`);
    }
  }

  finding(finding: Finding): void {
    if (finding.kind !== 'extra' && finding.kind !== 'archived') this.hasDamage = true;
    if (!finding.healable && lossKinds.has(finding.kind)) this.hasLoss = true;
    const { output } = this.#options;
    const { kind, mirror, object, healable, detail } = finding;
    if (output.json) {
      output.document({ type: 'finding', kind, mirror, object, healable, detail });
      return;
    }
    const what = object === '' ? mirror : `${mirror}: ${object}`;
    const more = detail === undefined ? '' : `: ${detail}`;
    output.line(`${kind.padEnd(10)}  ${safeText(what)}${stateOf(finding)}${safeText(more)}`);
  }

  problem(error: VersionsError): void {
    this.#options.state.problemCount += 1;
    this.#exitCode = mostSevere(this.#exitCode, this.exitCodeOfProblem(error));
    this.#options.output.problem(failureOf(error));
  }

  note(message: string): void {
    this.#options.output.note(message);
  }
}

/** Whether there is help for what was found. */
function stateOf({ kind, healable, inParts }: Finding): string {
  if (kind === 'extra' || kind === 'archived') return '';
  if (kind === 'absent')
    return healable ? ' (other mirrors are there)' : ' (no other mirror is there)';
  if (healable && inParts === true) return ' (no whole copy; heal puts it together if it can be)';
  return healable ? ' (a good copy exists)' : ' (no good copy known)';
}
