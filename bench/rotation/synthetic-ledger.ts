import type { MirrorId } from '../../src/core/base/index.ts';
import type { Ledger, LedgerCopy, NextDue } from '../../src/core/catalog/index.ts';

const hourMs = 3_600_000;

export interface SyntheticOptions {
  readonly packs: number;
  readonly packBytes: number;
  readonly mirrors: readonly MirrorId[];
  /** When the copies become due first, in hours from `start`. */
  readonly firstDue: (pack: number) => number;
  readonly start: number;
  readonly hours: number;
}

/**
 * A ledger of as many packs as are wanted, for the planner alone. It answers like a table with an
 * index by mirror and time: what is due comes in order, without looking at the rest. Times are
 * kept to the hour, 4 bytes a copy, and once more in the list of their hour.
 */
export class SyntheticLedger implements Pick<Ledger, 'due' | 'setDue'> {
  readonly #options: SyntheticOptions;
  readonly #lines: ReadonlyMap<MirrorId, Line>;
  /** Copies that `due` has looked at, also those it passed over: what a table would charge for. */
  lookedAt = 0;

  constructor(options: SyntheticOptions) {
    this.#options = options;
    this.#lines = new Map(options.mirrors.map((id) => [id, new Line(options)]));
  }

  async due(mirror: MirrorId, now: number, limit: number): Promise<readonly LedgerCopy[]> {
    const line = this.#line(mirror);
    const found: LedgerCopy[] = [];
    const last = this.#hourOf(now);
    for (let hour = line.firstHour(last); hour <= last && found.length < limit; hour++) {
      for (const pack of line.at(hour)) {
        this.lookedAt += 1;
        if (line.dueHour(pack) !== hour) continue;
        found.push(this.#copy(mirror, pack, hour));
        if (found.length === limit) break;
      }
    }
    return found;
  }

  async setDue(copies: readonly NextDue[]): Promise<void> {
    for (const { object, mirror, nextDue } of copies) {
      this.#line(mirror).move(packOf(object), this.#hourOf(nextDue));
    }
  }

  #line(mirror: MirrorId): Line {
    const line = this.#lines.get(mirror);
    if (line === undefined) throw new Error(`No mirror ${mirror}`);
    return line;
  }

  #hourOf(at: number): number {
    return Math.floor((at - this.#options.start) / hourMs);
  }

  #copy(mirror: MirrorId, pack: number, hour: number): LedgerCopy {
    const { packBytes, start } = this.#options;
    const nextDue = start + hour * hourMs;
    const object = nameOf(pack);
    return { object, bytes: packBytes, life: 'live', mirror, state: 'stored', nextDue };
  }
}

/** The copies of one mirror. */
class Line {
  readonly #due: Int32Array;
  /** Packs by the hour in which they are due; those that were moved away since are passed over. */
  readonly #hours: (number[] | undefined)[] = [];
  #first = 0;

  constructor({ packs, firstDue }: SyntheticOptions) {
    this.#due = new Int32Array(packs);
    for (let pack = 0; pack < packs; pack++) this.#put(pack, firstDue(pack));
  }

  dueHour(pack: number): number {
    return this.#due[pack] ?? -1;
  }

  at(hour: number): Iterable<number> {
    return this.#hours[hour] ?? [];
  }

  /** The first hour in which something may be due; lists of hours that are over are dropped. */
  firstHour(last: number): number {
    while (this.#first <= last && !this.#isNeeded(this.#first)) {
      this.#hours[this.#first] = undefined;
      this.#first += 1;
    }
    return this.#first;
  }

  move(pack: number, hour: number): void {
    this.#put(pack, Math.max(hour, this.#first));
  }

  #isNeeded(hour: number): boolean {
    const list = this.#hours[hour];
    return list !== undefined && list.some((pack: number) => this.#due[pack] === hour);
  }

  #put(pack: number, hour: number): void {
    this.#due[pack] = hour;
    const list = (this.#hours[hour] ??= []);
    list.push(pack);
  }
}

/** Names that end in a hash of the number, like those of packs. */
export function nameOf(pack: number): string {
  const spread = Math.imul(pack, 0x9e3779b1) >>> 0;
  return `packs/00/${pack.toString(16).padStart(56, '0')}${spread.toString(16).padStart(8, '0')}`;
}

export function packOf(object: string): number {
  return Number.parseInt(object.slice(-16, -8), 16);
}
