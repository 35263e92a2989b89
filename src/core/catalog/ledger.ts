import type { MirrorId } from '../base/index.ts';
import type { EventRecord } from '../format/index.ts';
import type { Leases } from './leases.ts';

export type CopyState = 'stored' | 'debt' | 'suspect' | 'damaged' | 'quarantined' | 'absent';

/** Swept is for ever: such a name is never healed or written again. */
export type ObjectLife = 'live' | 'condemned' | 'swept';

/** What the ledger knows of one copy of one object. A hint, never a proof. */
export interface LedgerCopy {
  readonly object: string;
  readonly bytes: number;
  /** Of the object, so the same for all its copies. */
  readonly life: ObjectLife;
  readonly mirror: MirrorId;
  readonly state: CopyState;
  /** Milliseconds since 1970; undefined if never. */
  readonly lastVerified?: number | undefined;
  /** When it is to be verified next; undefined: it is due since ever. */
  readonly nextDue?: number | undefined;
}

/** The journal takes it in with the next backup, just as it is. */
export type LedgerEvent = EventRecord;

/** When one copy is to be verified next. */
export interface NextDue {
  readonly object: string;
  readonly mirror: MirrorId;
  readonly nextDue: number;
}

/**
 * Health in clear. Written by clients and keyless workers alike; lost, it is rebuilt by listing.
 * Nothing in it can make a bad copy good, or a good one bad: it causes work, or delays it.
 */
export interface Ledger extends Leases {
  /**
   * Inserts or replaces what is known of copies. Nothing is written if one of them is invalid; if
   * the catalog fails in between, some may be there. `life` is not lowered by it: `live` leaves the
   * life of the object as it is, anything else is set as `setLife` sets it.
   */
  record(copies: readonly LedgerCopy[]): Promise<void>;
  /** All copies that pass the filter, by object name, then by mirror. */
  copies(filter?: CopyFilter): AsyncIterable<LedgerCopy>;
  /** The copies of one object, by mirror. */
  copiesOf(object: string): Promise<readonly LedgerCopy[]>;
  /**
   * Changes the state of one copy; a copy that is not known is added with 0 bytes. `at` is when
   * somebody looked: it becomes `lastVerified`, except for the states debt and quarantined, which
   * nobody reads off a copy.
   */
  setState(object: string, mirror: MirrorId, state: CopyState, at: number): Promise<void>;
  /**
   * The copies in a mirror that are to be verified at `now`, those first that have waited longest;
   * at most `limit`. Not among them: debts and quarantined copies, which nobody can read, and what
   * was swept. A change of the last seconds may not show yet; asking twice without `setDue` in
   * between gives the same copies.
   */
  due(mirror: MirrorId, now: number, limit: number): Promise<readonly LedgerCopy[]>;
  /**
   * Sets when copies are to be verified next: later when they are handed to a verifier, later still
   * when that failed, so that nothing unverifiable starves the rest. Copies that are not known are
   * passed over.
   */
  setDue(copies: readonly NextDue[]): Promise<void>;
  /**
   * Takes over what clients said of copies who may not write here: at most `limit` of it, and returns
   * how much. Until then whoever reads sees it all the same, but for `due`. It makes copies due, and
   * none good, verified or due later. Nothing, where everybody who writes may write everything.
   */
  takeClaims(limit: number): Promise<number>;
  /** Live unless somebody said otherwise. */
  lifeOf(object: string): Promise<ObjectLife>;
  /**
   * Sets the life of objects; what was swept stays swept. A swept object has no copies any more:
   * what is known of them is dropped.
   */
  setLife(objects: readonly string[], life: ObjectLife): Promise<void>;
  addEvent(event: LedgerEvent): Promise<void>;
  /** The latest events, at most `limit`, the last one added first. */
  events(limit: number): Promise<readonly LedgerEvent[]>;
}

export interface CopyFilter {
  readonly mirror?: MirrorId | undefined;
  readonly state?: CopyState | undefined;
  /** If given, a `lastVerified` after it is left out: a date in the future proves nothing. */
  readonly now?: number | undefined;
}
