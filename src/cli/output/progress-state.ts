import type { Counter } from '../../core/index.ts';
import {
  formatBytes,
  formatBytesOf,
  formatClock,
  formatCount,
  formatCounted,
  formatRemaining,
} from './measures.ts';
import { RateWindow } from './rate-window.ts';

/** Totals that grew less than this long ago may grow again: the scan still runs. */
const settledAfterMs = 1500;

/** Parts of the line in the order in which they give way. */
const leastImportant = ['uploaded', 'rate', 'objects', 'files', 'bytes', 'clock'];

/** What is known about a running operation, and how it reads in one line. */
export class ProgressState {
  path: string | undefined;
  phase = '';
  problemCount = 0;
  readonly #counters = new Map<Counter, number>();
  readonly #startedAt: number;
  readonly #bytes = new RateWindow();
  readonly #objects = new RateWindow();
  #now: number;
  #totalsChangedAt: number;

  constructor(now: number) {
    this.#startedAt = now;
    this.#now = now;
    this.#totalsChangedAt = now;
  }

  count(counter: Counter, by: number): void {
    this.#counters.set(counter, this.get(counter) + by);
    if (counter.endsWith('Total') && by !== 0) this.#totalsChangedAt = this.#now;
  }

  get(counter: Counter): number {
    return this.#counters.get(counter) ?? 0;
  }

  /** Lets time pass; called before each display. */
  tick(now: number): void {
    this.#now = now;
    this.#bytes.add(now, this.get('bytesDone'));
    this.#objects.add(now, this.get('objectsDone'));
  }

  get elapsedMs(): number {
    return this.#now - this.#startedAt;
  }

  /** Between 0 and 1; undefined while the totals are not known. */
  get fraction(): number | undefined {
    const total = this.get('bytesTotal') || this.get('objectsTotal') || this.get('filesTotal');
    if (total === 0 || this.#now - this.#totalsChangedAt < settledAfterMs) return undefined;
    const done = this.get('bytesTotal')
      ? this.get('bytesDone')
      : this.get('objectsTotal')
        ? this.get('objectsDone')
        : this.get('filesDone');
    return Math.min(1, done / total);
  }

  /** Time left by the rate of the last two minutes; undefined if that cannot be told. */
  get remainingMs(): number | undefined {
    if (this.fraction === undefined) return undefined;
    const isBytes = this.get('bytesTotal') > 0;
    const rate = isBytes ? this.#bytes.perSecond : this.#objects.perSecond;
    const total = isBytes ? this.get('bytesTotal') : this.get('objectsTotal');
    const done = isBytes ? this.get('bytesDone') : this.get('objectsDone');
    if (rate === undefined || total <= done) return undefined;
    return ((total - done) / rate) * 1000;
  }

  /**
   * `[1:42]  37.2%  12,480/33,519 files  8.1/21.7 GiB  96.3 MiB/s  uploaded 2.4 GiB  ETA 2:21`;
   * where that is too wide, without the parts that matter least.
   */
  line({ exactBytes, width }: { readonly exactBytes: boolean; readonly width: number }): string {
    const { fraction, remainingMs } = this;
    const remaining = remainingMs === undefined ? undefined : formatRemaining(remainingMs);
    const rate = this.#bytes.perSecond;
    const uploaded = this.get('bytesUploaded');
    const isKnown = fraction !== undefined;
    const parts = new Map([
      ['clock', `[${formatClock(this.elapsedMs)}]`],
      ['done', isKnown ? `${(fraction * 100).toFixed(1)}%` : this.phase || 'working'],
      ['files', this.#countText('files', isKnown)],
      ['objects', this.#countText('objects', isKnown)],
      ['bytes', this.#bytesText(isKnown, exactBytes)],
      ['rate', rate === undefined ? '' : `${formatBytes(rate)}/s`],
      ['uploaded', uploaded === 0 ? '' : `uploaded ${formatBytes(uploaded, exactBytes)}`],
      ['left', remaining === undefined ? '' : `ETA ${remaining}`],
      ['problems', this.problemCount === 0 ? '' : formatCounted(this.problemCount, 'problem')],
    ]);
    const text = (): string => [...parts.values()].filter((part) => part !== '').join('  ');
    for (const name of leastImportant) if (text().length > width) parts.delete(name);
    return text().slice(0, width);
  }

  /** The same for programs. */
  document(): Readonly<Record<string, unknown>> & { readonly type: 'status' } {
    const { elapsedMs, fraction, remainingMs, phase } = this;
    return {
      type: 'status',
      phase,
      elapsedMs,
      fraction,
      remainingMs: remainingMs === undefined ? undefined : Math.round(remainingMs),
      ...Object.fromEntries(this.#counters),
      problems: this.problemCount,
    };
  }

  #countText(unit: 'files' | 'objects', isTotalKnown: boolean): string {
    const done = this.get(`${unit}Done`);
    const total = this.get(`${unit}Total`);
    if (done === 0 && total === 0) return '';
    const whole = isTotalKnown && total > 0 ? `/${formatCount(total)}` : '';
    return `${formatCount(done)}${whole} ${unit}`;
  }

  #bytesText(isTotalKnown: boolean, exactBytes: boolean): string {
    const done = this.get('bytesDone');
    const total = this.get('bytesTotal');
    if (done === 0 && total === 0) return '';
    if (isTotalKnown && total > 0) return formatBytesOf(done, total, exactBytes);
    return formatBytes(done, exactBytes);
  }
}
