import type { MirrorId } from '../base/index.ts';
import type { CopyFilter, CopyState, Ledger, LedgerCopy, LedgerEvent } from './catalog.ts';
import { assertCopy, assertEvent, isLookedAt, withoutFuture } from './ledger-rules.ts';

/** The ledger of a `MemoryCatalog`. */
export class MemoryLedger implements Ledger {
  readonly #copies: Map<string, LedgerCopy> = new Map();
  readonly #events: LedgerEvent[] = [];

  async record(copies: readonly LedgerCopy[]): Promise<void> {
    for (const copy of copies) assertCopy(copy);
    for (const copy of copies) this.#copies.set(keyOf(copy.object, copy.mirror), { ...copy });
  }

  async *copies(filter: CopyFilter = {}): AsyncIterable<LedgerCopy> {
    const { mirror, state, now } = filter;
    const wanted = [...this.#copies.entries()].filter(
      ([, copy]) =>
        (mirror === undefined || copy.mirror === mirror) &&
        (state === undefined || copy.state === state),
    );
    wanted.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [, copy] of wanted) yield withoutFuture({ ...copy }, now);
  }

  async setState(object: string, mirror: MirrorId, state: CopyState, at: number): Promise<void> {
    const known = this.#copies.get(keyOf(object, mirror));
    const copy: LedgerCopy = known ?? { object, bytes: 0, life: 'live', mirror, state };
    const lastVerified = isLookedAt(state) ? at : copy.lastVerified;
    await this.record([{ ...copy, state, lastVerified }]);
  }

  async addEvent(event: LedgerEvent): Promise<void> {
    assertEvent(event);
    this.#events.push({ ...event });
  }

  async events(limit: number): Promise<readonly LedgerEvent[]> {
    return limit <= 0 ? [] : this.#events.slice(-limit).toReversed();
  }
}

/** NUL sorts before every character of a name. */
function keyOf(object: string, mirror: MirrorId): string {
  return `${object}\0${mirror}`;
}
