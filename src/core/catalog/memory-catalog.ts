import { assertRow, mayAppend } from './append-check.ts';
import type { Catalog, EntryRow, MetaValue, Tip } from './catalog.ts';
import type { Ledger } from './ledger.ts';
import { MemoryLedger } from './memory-ledger.ts';

/** A catalog that lives as long as the object: for tests, and for looking at a mirror alone. */
export class MemoryCatalog implements Catalog {
  readonly location: string = 'memory';
  readonly isShared: boolean = false;
  readonly ledger: Ledger = new MemoryLedger();
  readonly #rows: EntryRow[] = [];
  readonly #payloads: Map<number, Uint8Array> = new Map();
  readonly #meta: Map<string, MetaValue> = new Map();

  async tip(): Promise<Tip | undefined> {
    return this.#tip();
  }

  async append(row: EntryRow, expected: Tip | undefined): Promise<void> {
    assertRow(row);
    const found = { tip: this.#tip(), sameNumber: this.#rows[row.number - 1] };
    if (!mayAppend(row, expected, found)) return;
    const { number, lineage, hash, bytes, payload } = row;
    this.#rows.push({ number, lineage, hash, bytes: new Uint8Array(bytes) });
    if (payload !== undefined) this.#payloads.set(number, new Uint8Array(payload));
  }

  async *read(afterNumber: number): AsyncIterable<EntryRow> {
    for (let index = Math.max(0, afterNumber); index < this.#rows.length; index += 1) {
      const row = this.#rows[index];
      if (row === undefined) break;
      const payload = this.#payloads.get(row.number);
      const bytes = new Uint8Array(row.bytes);
      yield payload === undefined
        ? { ...row, bytes }
        : { ...row, bytes, payload: new Uint8Array(payload) };
    }
  }

  async clearPayloads(upToNumber: number): Promise<void> {
    for (const number of this.#payloads.keys()) {
      if (number <= upToNumber) this.#payloads.delete(number);
    }
  }

  async getMeta(key: string): Promise<MetaValue | undefined> {
    return copyOf(this.#meta.get(key));
  }

  async setMeta(key: string, value: MetaValue): Promise<void> {
    this.#meta.set(key, copyOf(value));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #tip(): Tip | undefined {
    const last = this.#rows.at(-1);
    return last && { lineage: last.lineage, number: last.number, hash: last.hash };
  }
}

function copyOf<T extends MetaValue | undefined>(value: T): T | Uint8Array {
  return value instanceof Uint8Array ? new Uint8Array(value) : value;
}
