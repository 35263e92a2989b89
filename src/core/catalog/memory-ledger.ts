import type { MirrorId } from '../base/index.ts';
import {
  assertTerm,
  endOf,
  leaseLost,
  nextLease,
  noHolder,
  type Lease,
  type LeaseTerm,
} from './leases.ts';
import type {
  CopyFilter,
  CopyState,
  Ledger,
  LedgerCopy,
  LedgerEvent,
  NextDue,
  ObjectLife,
} from './ledger.ts';
import {
  assertCopy,
  assertEvent,
  assertLimit,
  assertNextDue,
  isLookedAt,
  isVerifiable,
  withoutFuture,
} from './ledger-rules.ts';

/** The ledger of a `MemoryCatalog`. */
export class MemoryLedger implements Ledger {
  readonly #copies: Map<string, LedgerCopy> = new Map();
  /** Only those that are not live. */
  readonly #lives: Map<string, ObjectLife> = new Map();
  readonly #leases: Map<string, Lease> = new Map();
  readonly #events: LedgerEvent[] = [];

  async record(copies: readonly LedgerCopy[]): Promise<void> {
    for (const copy of copies) assertCopy(copy);
    for (const copy of copies) {
      this.#copies.set(keyOf(copy.object, copy.mirror), { ...copy });
      if (copy.life !== 'live') this.#setLife(copy.object, copy.life);
    }
  }

  async *copies(filter: CopyFilter = {}): AsyncIterable<LedgerCopy> {
    const { mirror, state, now } = filter;
    const wanted = this.#sorted(
      (copy) =>
        (mirror === undefined || copy.mirror === mirror) &&
        (state === undefined || copy.state === state),
    );
    for (const copy of wanted) yield withoutFuture(copy, now);
  }

  async copiesOf(object: string): Promise<readonly LedgerCopy[]> {
    return this.#sorted((copy) => copy.object === object);
  }

  async setState(object: string, mirror: MirrorId, state: CopyState, at: number): Promise<void> {
    const known = this.#copies.get(keyOf(object, mirror));
    const copy: LedgerCopy = known ?? { object, bytes: 0, life: 'live', mirror, state };
    const lastVerified = isLookedAt(state) ? at : copy.lastVerified;
    await this.record([{ ...copy, life: 'live', state, lastVerified }]);
  }

  async due(mirror: MirrorId, now: number, limit: number): Promise<readonly LedgerCopy[]> {
    assertLimit(limit);
    const found = this.#sorted(
      (copy) =>
        copy.mirror === mirror &&
        isVerifiable(copy.state) &&
        (copy.nextDue ?? 0) <= now &&
        this.#lives.get(copy.object) !== 'swept',
    );
    found.sort((a, b) => (a.nextDue ?? 0) - (b.nextDue ?? 0));
    return found.slice(0, limit);
  }

  async setDue(copies: readonly NextDue[]): Promise<void> {
    for (const copy of copies) assertNextDue(copy);
    for (const { object, mirror, nextDue } of copies) {
      const key = keyOf(object, mirror);
      const known = this.#copies.get(key);
      if (known !== undefined) this.#copies.set(key, { ...known, nextDue });
    }
  }

  async takeClaims(): Promise<number> {
    return 0;
  }

  async lifeOf(object: string): Promise<ObjectLife> {
    return this.#lives.get(object) ?? 'live';
  }

  async setLife(objects: readonly string[], life: ObjectLife): Promise<void> {
    for (const object of objects) {
      this.#setLife(object, life);
      if (life !== 'swept') continue;
      for (const { mirror } of this.#sorted((copy) => copy.object === object)) {
        this.#copies.delete(keyOf(object, mirror));
      }
    }
  }

  async acquireLease(name: string, holder: string, term: LeaseTerm): Promise<Lease> {
    const lease = nextLease(name, holder, term, this.#leases.get(name));
    this.#leases.set(name, lease);
    return lease;
  }

  async renewLease(lease: Lease, term: LeaseTerm): Promise<Lease> {
    const { name, holder } = lease;
    assertTerm(name, holder, term);
    if (!this.#holds(lease)) throw leaseLost(name);
    const renewed = { ...lease, expiresAt: endOf(term) };
    this.#leases.set(name, renewed);
    return renewed;
  }

  async releaseLease(lease: Lease): Promise<void> {
    if (this.#holds(lease)) this.#leases.set(lease.name, { ...lease, holder: noHolder });
  }

  async addEvent(event: LedgerEvent): Promise<void> {
    assertEvent(event);
    this.#events.push({ ...event });
  }

  async events(limit: number): Promise<readonly LedgerEvent[]> {
    return limit <= 0 ? [] : this.#events.slice(-limit).toReversed();
  }

  #holds({ name, holder, token }: Lease): boolean {
    const known = this.#leases.get(name);
    return known?.token === token && known.holder === holder;
  }

  #setLife(object: string, life: ObjectLife): void {
    if (this.#lives.get(object) === 'swept') return;
    if (life === 'live') this.#lives.delete(object);
    else this.#lives.set(object, life);
  }

  /** Copies of what is known, by object and mirror. */
  #sorted(wanted: (copy: LedgerCopy) => boolean): LedgerCopy[] {
    const found = [...this.#copies.entries()].filter(([, copy]) => wanted(copy));
    found.sort(([a], [b]) => (a < b ? -1 : 1));
    return found.map(([, copy]) => ({ ...copy, life: this.#lives.get(copy.object) ?? 'live' }));
  }
}

/** NUL sorts before every character of a name. */
function keyOf(object: string, mirror: MirrorId): string {
  return `${object}\0${mirror}`;
}
