import {
  type Clock,
  type LineageId,
  type ObjectHash,
  systemClock,
  systemRandom,
} from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { assertRow, mayAppend } from './append-check.ts';
import type { Catalog, EntryRow, MetaValue, Tip } from './catalog.ts';
import {
  catalogDamaged,
  catalogMissing,
  catalogReadOnly,
  catalogReplaced,
  catalogTooNew,
} from './catalog-errors.ts';
import { bytes, number, text, type DynamoItem } from './dynamo-item.ts';
import { DynamoLedger } from './dynamo-ledger.ts';
import type { DynamoPlace } from './dynamo-place.ts';
import { dynamoSchemaVersion, padded, partitions } from './dynamo-schema.ts';
import { DynamoTable, type DynamoSurroundings } from './dynamo-table.ts';
import type { Ledger } from './ledger.ts';
import { SeenRows } from './seen-rows.ts';

export interface DynamoCatalogOptions extends Partial<DynamoSurroundings> {
  /** Every change fails. */
  readonly readOnly?: boolean | undefined;
  /** Make the table if there is none, and a catalog in it if it is empty. */
  readonly create?: boolean | undefined;
}

/** The value that says that a table holds a catalog. Not a name that `setMeta` may be given. */
const versionKey = ' version';
/** An item has at most 400 KB, so payloads are kept in parts. */
const partBytes = 350 * 1024;

/**
 * A catalog in a table of DynamoDB, for any number of machines. A row is one item, and appending it
 * one conditional write; since rows never go, the row before it must be known, and is looked at if
 * this handle has not seen it yet.
 */
export class DynamoCatalog implements Catalog {
  readonly location: string;
  readonly isShared: boolean = true;
  readonly ledger: Ledger;
  readonly #table: DynamoTable;
  readonly #isReadOnly: boolean;
  /** As they were when it was opened; each is believed once, then asked for anew. */
  readonly #freshMeta: ReadonlyMap<string, MetaValue>;
  readonly #askedMeta = new Set<string>();
  readonly #clock: Clock;
  readonly #rows = new SeenRows();
  /** The last row that this handle has read or written. */
  #seen: Tip | undefined;

  private constructor(
    table: DynamoTable,
    { readOnly, clock }: { readonly readOnly: boolean; readonly clock: Clock },
    meta: ReadonlyMap<string, MetaValue>,
  ) {
    this.location = table.location;
    this.#table = table;
    this.#isReadOnly = readOnly;
    this.#freshMeta = meta;
    this.#clock = clock;
    this.ledger = new DynamoLedger(table, { readOnly });
  }

  /**
   * Opens the catalog in a table. Errors: `NotFound` (CATALOG_MISSING: no table, or an empty one),
   * `Denied` (CATALOG_DENIED, CATALOG_TABLE_DENIED), `Unsupported` (CATALOG_TOO_NEW), `Corrupt`
   * (CATALOG_DAMAGED: also if the table is another program's), `Unavailable`, `Usage`. Costs one
   * request.
   */
  static async open(
    place: DynamoPlace,
    options: DynamoCatalogOptions = {},
  ): Promise<DynamoCatalog> {
    const {
      readOnly = false,
      create = false,
      clock = systemClock,
      random = systemRandom,
    } = options;
    const table = new DynamoTable(place, { clock, random });
    try {
      if (create && !readOnly) await createCatalog(table);
      const meta = await readMeta(table);
      const version = meta.get(versionKey);
      if (version === undefined) throw catalogMissing(table.location);
      if (Number(version) > dynamoSchemaVersion) {
        throw catalogTooNew(table.location, Number(version));
      }
      return new DynamoCatalog(table, { readOnly, clock }, meta);
    } catch (error) {
      table[Symbol.dispose]();
      throw error;
    }
  }

  async tip(): Promise<Tip | undefined> {
    const query = this.#table.query({
      ...withPartition(partitions.entries),
      ScanIndexForward: false,
      Limit: 1,
      ProjectionExpression: 'sk, lineage, #h',
      ExpressionAttributeNames: { '#h': 'hash' },
    });
    for await (const item of query) return this.#see(tipOf(item));
    return undefined;
  }

  async append(row: EntryRow, expected: Tip | undefined): Promise<void> {
    assertRow(row);
    this.#assertWritable();
    if (row.number !== (expected?.number ?? 0) + 1 || !(await this.#holds(expected))) {
      await this.#refuse(row, expected);
      return;
    }
    const payload = row.payload === undefined ? 0 : await this.#putPayload(row, row.payload);
    const isNew = await this.#table.put(
      {
        pk: text(partitions.entries),
        sk: text(padded(row.number)),
        lineage: bytes(Buffer.from(row.lineage, 'hex')),
        hash: bytes(Buffer.from(row.hash, 'hex')),
        bytes: bytes(row.bytes),
        ...(payload === 0 ? {} : { payloadParts: number(payload) }),
      },
      { expression: 'attribute_not_exists(pk)' },
    );
    if (isNew) this.#see(row);
    else await this.#refuse(row, expected);
  }

  async *read(afterNumber: number): AsyncIterable<EntryRow> {
    let last = Math.max(0, afterNumber);
    for (let row = this.#rows.get(last + 1); row; row = this.#rows.get(last + 1)) {
      last = row.number;
      yield row;
    }
    if (this.#rows.takeEnd(last, this.#clock.elapsed())) return;
    const query = this.#table.pages(
      withPartition(partitions.entries, 'sk > :after', { ':after': text(padded(last)) }),
    );
    for await (const { items, isLast } of query) {
      const rows = items.map((item) => ({ item, row: rowOf(item) }));
      const at = this.#clock.elapsed();
      for (const { item, row } of rows) if (!item.has('payloadParts')) this.#rows.keep(row);
      let isTaken = false;
      try {
        for (const { item, row } of rows) {
          if (row.number !== last + 1) {
            throw catalogDamaged(this.location, `lacks entry ${last + 1}`);
          }
          last = row.number;
          this.#see(row);
          yield item.has('payloadParts')
            ? this.#withPayload(row, item.number('payloadParts'))
            : row;
        }
        isTaken = true;
      } finally {
        const end = rows.at(-1)?.row.number;
        if (!isTaken && isLast && end !== undefined) this.#rows.noteEnd(end, at);
      }
    }
  }

  async clearPayloads(upToNumber: number): Promise<void> {
    this.#assertWritable();
    const query = this.#table.query({
      ...withPartition(partitions.payloads, 'sk < :end', {
        ':end': text(padded(Math.max(0, upToNumber) + 1)),
      }),
      ProjectionExpression: 'pk, sk',
    });
    const keys: { pk: string; sk: string }[] = [];
    for await (const item of query) keys.push({ pk: item.text('pk'), sk: item.text('sk') });
    await this.#table.deleteAll(keys);
  }

  async getMeta(key: string): Promise<MetaValue | undefined> {
    if (!this.#askedMeta.has(key)) {
      this.#askedMeta.add(key);
      return this.#freshMeta.get(key);
    }
    const item = await this.#table.get({ pk: partitions.meta, sk: key });
    return item && metaValueOf(item);
  }

  async setMeta(key: string, value: MetaValue): Promise<void> {
    this.#assertWritable();
    this.#askedMeta.add(key);
    await this.#table.put({
      pk: text(partitions.meta),
      sk: text(key),
      value: typeof value === 'string' ? text(value) : bytes(value),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#table[Symbol.dispose]();
  }

  #assertWritable(): void {
    if (this.#isReadOnly) throw catalogReadOnly(this.location);
  }

  #see<T extends Tip>(row: T): T {
    if (row.number >= (this.#seen?.number ?? 0)) {
      this.#seen = { number: row.number, lineage: row.lineage, hash: row.hash };
    }
    return row;
  }

  /** Is that row in the table? Rows stay, so it need not be looked for twice. */
  async #holds(expected: Tip | undefined): Promise<boolean> {
    if (expected === undefined || expected.number === 0) return true;
    if (this.#seen?.number !== expected.number) {
      const row = await this.#row(expected.number);
      if (row === undefined) return false;
      this.#see(row);
      return row.hash === expected.hash && row.lineage === expected.lineage;
    }
    return this.#seen.hash === expected.hash && this.#seen.lineage === expected.lineage;
  }

  /** Returns if the very same row is there: the answer to an earlier try was lost. */
  async #refuse(row: EntryRow, expected: Tip | undefined): Promise<void> {
    const sameNumber = await this.#row(row.number);
    const tip = await this.tip();
    if (!mayAppend(row, expected, { tip, sameNumber })) return;
    // It follows the tip after all: then that row has come and gone, or the table was replaced.
    throw catalogReplaced(this.location);
  }

  async #row(rowNumber: number): Promise<EntryRow | undefined> {
    const item = await this.#table.get({ pk: partitions.entries, sk: padded(rowNumber) });
    return item && rowOf(item);
  }

  /** Written before the row, under a name of its own: only the row makes it count. */
  async #putPayload(row: EntryRow, payload: Uint8Array): Promise<number> {
    const count = Math.max(1, Math.ceil(payload.byteLength / partBytes));
    await this.#table.putAll(
      Array.from({ length: count }, (_, part) => ({
        pk: text(partitions.payloads),
        sk: text(partName(row, part)),
        bytes: bytes(payload.subarray(part * partBytes, (part + 1) * partBytes)),
      })),
    );
    return count;
  }

  /** Without it if it was cleared: the mirrors have it. */
  async #withPayload(row: EntryRow, count: number): Promise<EntryRow> {
    const keys = Array.from({ length: count }, (_, part) => ({
      pk: partitions.payloads,
      sk: partName(row, part),
    }));
    const parts = new Map<string, Uint8Array>();
    for (const item of await this.#table.getAll(keys))
      parts.set(item.text('sk'), item.bytes('bytes'));
    const found = keys.flatMap(({ sk }) => parts.get(sk) ?? []);
    return found.length === count ? { ...row, payload: Buffer.concat(found) } : row;
  }
}

/** A table that is there and holds entries is left as it is: opening tells what it is. */
async function createCatalog(table: DynamoTable): Promise<void> {
  try {
    const meta = await readMeta(table);
    if (meta.has(versionKey)) return;
  } catch (error) {
    if (!isVersionsError(error, 'NotFound')) throw error;
    await table.create();
    await table.dropOldLeases();
  }
  // If another process was faster, its item is the same.
  await table.put({
    pk: text(partitions.meta),
    sk: text(versionKey),
    value: text(String(dynamoSchemaVersion)),
  });
}

async function readMeta(table: DynamoTable): Promise<Map<string, MetaValue>> {
  const meta = new Map<string, MetaValue>();
  for await (const item of table.query(withPartition(partitions.meta))) {
    meta.set(item.text('sk'), metaValueOf(item));
  }
  return meta;
}

/** What asks for the items of one list, or those of them whose `sk` fits. */
function withPartition(
  partition: string,
  sk?: string,
  values: Record<string, ReturnType<typeof text>> = {},
): { readonly KeyConditionExpression: string; readonly ExpressionAttributeValues: typeof values } {
  return {
    KeyConditionExpression: sk === undefined ? 'pk = :pk' : `pk = :pk AND ${sk}`,
    ExpressionAttributeValues: { ':pk': text(partition), ...values },
  };
}

function partName(row: Tip, part: number): string {
  return `${padded(row.number)}-${row.hash}-${String(part).padStart(6, '0')}`;
}

function tipOf(item: DynamoItem): Tip {
  return {
    number: Number(item.text('sk')),
    // Sixteen and thirty-two bytes in hexadecimal are what these two types mean.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by `hex`
    lineage: item.hex('lineage', 16) as LineageId,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked by `hex`
    hash: item.hex('hash', 32) as ObjectHash,
  };
}

function rowOf(item: DynamoItem): EntryRow {
  return { ...tipOf(item), bytes: item.bytes('bytes') };
}

function metaValueOf(item: DynamoItem): MetaValue {
  return item.attributes['value']?.S ?? item.bytes('value');
}
