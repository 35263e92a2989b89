import type { VersionsError } from '../errors/index.ts';

/** One thing that verify saw; the words are those of `versions verify --json`. */
export interface Finding {
  readonly kind: FindingKind;
  /** Name of the mirror. */
  readonly mirror: string;
  /** Key of the object in the mirror; the empty string if it is about the whole mirror. */
  readonly object: string;
  /** Another mirror is known to hold a good copy, or it can be put together. */
  readonly healable: boolean;
  /** No mirror at hand has it whole: it can be had only by putting damaged copies together. */
  readonly inParts?: boolean | undefined;
  /** One sentence that says more. */
  readonly detail?: string;
}

export type FindingKind =
  | 'missing'
  | 'truncated'
  | 'corrupt'
  | 'stale'
  | 'extra'
  | 'unreadable'
  | 'archived'
  | 'absent';

/** Something that happened to one item and did not stop the rest. */
export interface Item {
  readonly action: string;
  readonly path: string;
  readonly bytes?: number;
}

/** Work counters; the last word of each is its unit. */
export type Counter =
  | 'filesDone'
  | 'bytesDone'
  | 'bytesUploaded'
  | 'filesTotal'
  | 'bytesTotal'
  | 'objectsDone'
  | 'objectsTotal';

/**
 * The single channel from the core to whoever shows things. Calls are cheap and may come often;
 * implementations throttle. No method throws.
 */
export interface Monitor {
  /** False: `item` need not be called, which saves making its text. Absent: true. */
  readonly wantsItems?: boolean;
  /** Adds `by` to a counter. */
  count(counter: Counter, by: number): void;
  /** The path that is worked on now, and in which phase. */
  at(phase: string, path?: string): void;
  /** A file or directory was saved, restored, skipped, … (for `-v`). */
  item(item: Item): void;
  finding(finding: Finding): void;
  /** One item failed; the operation goes on. Counted in the exit code. */
  problem(error: VersionsError): void;
  /** Something the user should know that is not a failure. One sentence. */
  note(message: string): void;
}

/** A monitor that shows nothing. */
export const silentMonitor: Monitor = {
  wantsItems: false,
  count() {},
  at() {},
  item() {},
  finding() {},
  problem() {},
  note() {},
};

/** A monitor for tests and for callers that want everything afterwards. */
export class CollectingMonitor implements Monitor {
  readonly counters: Map<Counter, number> = new Map();
  readonly items: Item[] = [];
  readonly findings: Finding[] = [];
  readonly problems: VersionsError[] = [];
  readonly notes: string[] = [];

  count(counter: Counter, by: number): void {
    this.counters.set(counter, (this.counters.get(counter) ?? 0) + by);
  }
  at(): void {}
  item(item: Item): void {
    this.items.push(item);
  }
  finding(finding: Finding): void {
    this.findings.push(finding);
  }
  problem(error: VersionsError): void {
    this.problems.push(error);
  }
  note(message: string): void {
    this.notes.push(message);
  }
}
