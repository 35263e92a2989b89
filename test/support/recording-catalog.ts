import type {
  Catalog,
  CopyFilter,
  EntryRow,
  Ledger,
  MetaValue,
  Tip,
} from '../../src/core/catalog/index.ts';

/**
 * A catalog that tells each call before it reaches the catalog behind. What `before` throws, the
 * call throws.
 */
export class RecordingCatalog implements Catalog {
  readonly location: string;
  readonly isShared: boolean;
  readonly ledger: Ledger;
  readonly #inner: Catalog;
  readonly #before: (method: string) => void | Promise<void>;

  constructor(inner: Catalog, before: (method: string) => void | Promise<void>) {
    this.location = inner.location;
    this.isShared = inner.isShared;
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

  async appendAll(rows: readonly EntryRow[], expected: Tip | undefined): Promise<void> {
    await this.#before('append');
    if (this.#inner.appendAll !== undefined) return this.#inner.appendAll(rows, expected);
    let before = expected;
    for (const row of rows) {
      await this.#inner.append(row, before);
      before = row;
    }
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
  const tell = async <T>(method: string, call: () => Promise<T>): Promise<T> => {
    await before(`ledger.${method}`);
    return call();
  };
  return {
    record: (copies) => tell('record', () => inner.record(copies)),
    async *copies(filter?: CopyFilter) {
      await before('ledger.copies');
      yield* inner.copies(filter);
    },
    copiesOf: (object) => tell('copiesOf', () => inner.copiesOf(object)),
    setState: (object, mirror, state, at) =>
      tell('setState', () => inner.setState(object, mirror, state, at)),
    due: (mirror, now, limit) => tell('due', () => inner.due(mirror, now, limit)),
    setDue: (copies) => tell('setDue', () => inner.setDue(copies)),
    takeClaims: (limit) => tell('takeClaims', () => inner.takeClaims(limit)),
    lifeOf: (object) => tell('lifeOf', () => inner.lifeOf(object)),
    setLife: (objects, life) => tell('setLife', () => inner.setLife(objects, life)),
    acquireLease: (name, holder, term) =>
      tell('acquireLease', () => inner.acquireLease(name, holder, term)),
    renewLease: (lease, term) => tell('renewLease', () => inner.renewLease(lease, term)),
    releaseLease: (lease) => tell('releaseLease', () => inner.releaseLease(lease)),
    addEvent: (event) => tell('addEvent', () => inner.addEvent(event)),
    events: (limit) => tell('events', () => inner.events(limit)),
  };
}
