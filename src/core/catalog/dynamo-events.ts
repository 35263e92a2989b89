import { isHex16, type MirrorId } from '../base/index.ts';
import { number, text, type DynamoItem } from './dynamo-item.ts';
import { clientPrefix, PartitionRights, type PartitionPrefix } from './dynamo-rights.ts';
import { padded, partitions } from './dynamo-schema.ts';
import type { DynamoTable } from './dynamo-table.ts';
import type { LedgerEvent } from './ledger.ts';
import { mergeSorted } from './merge-sorted.ts';

const eventsMax = 1_000_000;
/** What only the reporter says: that people were told. Believed of a client, it would silence it. */
const reportersKind = 'reported';

/** The events of the ledger: those of the workers, and those of clients in a list of their own. */
export class DynamoEvents {
  readonly #table: DynamoTable;
  readonly #rights: PartitionRights = new PartitionRights();

  constructor(table: DynamoTable) {
    this.#table = table;
  }

  async add({ at, kind, by, detail, mirror, object }: LedgerEvent): Promise<void> {
    await this.#rights.write(async (prefix) => {
      const order = await this.#table.count({
        pk: prefix + partitions.counters,
        sk: partitions.events,
      });
      await this.#table.put({
        pk: text(prefix + partitions.events),
        sk: text(padded(order)),
        at: number(at),
        kind: text(kind),
        by: text(by),
        detail: text(detail),
        ...(mirror === undefined ? {} : { mirror: text(mirror) }),
        ...(object === undefined ? {} : { object: text(object) }),
      });
    });
  }

  /** The latest, at most `limit`, the last one first. */
  async latest(limit: number): Promise<readonly LedgerEvent[]> {
    const most = Math.min(Math.max(0, limit), eventsMax);
    const found: LedgerEvent[] = [];
    if (most === 0) return found;
    const lists = (['', clientPrefix] as const).map((prefix) => this.#list(prefix, most));
    for await (const event of mergeSorted(lists, (a, b) => b.at - a.at)) {
      found.push(event);
      if (found.length >= most) break;
    }
    return found;
  }

  async *#list(
    prefix: PartitionPrefix,
    most: number,
  ): AsyncGenerator<LedgerEvent, void, undefined> {
    const query = this.#table.query({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': text(prefix + partitions.events) },
      ScanIndexForward: false,
      Limit: Math.min(most, 1000),
    });
    for await (const item of query) {
      const event = eventOf(item);
      if (prefix === '' || event.kind !== reportersKind) yield event;
    }
  }
}

function eventOf(item: DynamoItem): LedgerEvent {
  const mirror = item.optionalText('mirror');
  return {
    at: item.number('at'),
    kind: item.text('kind'),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked here
    mirror: mirror !== undefined && isHex16(mirror) ? (mirror as MirrorId) : undefined,
    object: item.optionalText('object'),
    by: item.text('by'),
    detail: item.text('detail'),
  };
}
