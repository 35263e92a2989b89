import type {
  Catalog,
  CopyFilter,
  CopyState,
  EntryRow,
  Ledger,
  LedgerCopy,
  LedgerEvent,
  MetaValue,
  Tip,
} from '../../src/core/catalog/index.ts';
import type { MirrorId } from '../../src/core/base/index.ts';

/**
 * A catalog that tells each call before it reaches the catalog behind. What `before` throws, the
 * call throws.
 */
export class RecordingCatalog implements Catalog {
  readonly location: string;
  readonly ledger: Ledger;
  readonly #inner: Catalog;
  readonly #before: (method: string) => void | Promise<void>;

  constructor(inner: Catalog, before: (method: string) => void | Promise<void>) {
    this.location = inner.location;
    this.#inner = inner;
    this.#before = before;
    this.ledger = recordingLedger(inner.ledger, before);
  }

  async tip(): Promise<Tip | undefined> {
    await this.#before('tip');
    return this.#inner.tip();
  }

  async append(row: EntryRow, expected: Tip | undefined): Promise<void> {
    await this.#before('append');
    return this.#inner.append(row, expected);
  }

  async *read(afterNumber: number): AsyncIterable<EntryRow> {
    await this.#before('read');
    yield* this.#inner.read(afterNumber);
  }

  async clearPayloads(upToNumber: number): Promise<void> {
    await this.#before('clearPayloads');
    return this.#inner.clearPayloads(upToNumber);
  }

  async getMeta(key: string): Promise<MetaValue | undefined> {
    await this.#before('getMeta');
    return this.#inner.getMeta(key);
  }

  async setMeta(key: string, value: MetaValue): Promise<void> {
    await this.#before('setMeta');
    return this.#inner.setMeta(key, value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#before('close');
    await this.#inner[Symbol.asyncDispose]();
  }
}

function recordingLedger(inner: Ledger, before: (method: string) => void | Promise<void>): Ledger {
  return {
    async record(copies: readonly LedgerCopy[]) {
      await before('ledger.record');
      return inner.record(copies);
    },
    async *copies(filter?: CopyFilter) {
      await before('ledger.copies');
      yield* inner.copies(filter);
    },
    async setState(object: string, mirror: MirrorId, state: CopyState, at: number) {
      await before('ledger.setState');
      return inner.setState(object, mirror, state, at);
    },
    async addEvent(event: LedgerEvent) {
      await before('ledger.addEvent');
      return inner.addEvent(event);
    },
    async events(limit: number) {
      await before('ledger.events');
      return inner.events(limit);
    },
  };
}
