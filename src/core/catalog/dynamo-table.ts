import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
  type DynamoDBClientConfig,
  type QueryCommandInput,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { assert } from '../errors/index.ts';
import type { Clock, Random } from '../base/index.ts';
import { catalogBusy } from './catalog-errors.ts';
import {
  dynamoError,
  isConditionFailed,
  isExpired,
  isTableInUse,
  isTableMissing,
  tableNotMade,
} from './dynamo-errors.ts';
import { DynamoItem, text, type Attributes } from './dynamo-item.ts';
import { dynamoLocation, type DynamoPlace } from './dynamo-place.ts';
import { tableDefinition } from './dynamo-schema.ts';

export interface ItemKey {
  readonly pk: string;
  readonly sk: string;
}

/** The condition of a write, in DynamoDB's own language. */
export interface Condition {
  readonly expression: string;
  readonly names?: Record<string, string>;
  readonly values?: Attributes;
}

export type TableQuery = Omit<QueryCommandInput, 'TableName' | 'ExclusiveStartKey'>;

export interface TablePage {
  readonly items: readonly DynamoItem[];
  readonly isLast: boolean;
}

export interface DynamoSurroundings {
  readonly clock: Clock;
  readonly random: Random;
}

const attemptsMax = 6;
const connectMsMax = 5_000;
const requestMsMax = 20_000;
/** What one call may hold, by DynamoDB's rules. */
const writesAtOnce = 25;
const readsAtOnce = 100;
const batchesAtOnce = 4;
/** Rounds for what a batch left undone: about a minute in all. */
const roundsMax = 10;
const roundMsMax = 10_000;
const creationMsMax = 120_000;

/**
 * The only place that knows the client of DynamoDB. Every error leaves as a `VersionsError`; what
 * can get better is tried again, for about a minute at most. All reads of items are consistent;
 * those of an index are not, because DynamoDB has none.
 */
export class DynamoTable implements Disposable {
  readonly location: string;
  readonly #place: DynamoPlace;
  readonly #surroundings: DynamoSurroundings;
  #client: DynamoDBClient;

  constructor(place: DynamoPlace, surroundings: DynamoSurroundings) {
    this.location = dynamoLocation(place);
    this.#place = place;
    this.#surroundings = surroundings;
    this.#client = new DynamoDBClient(clientConfig(place));
  }

  async get({ pk, sk }: ItemKey): Promise<DynamoItem | undefined> {
    const { Item } = await this.#send((client) =>
      client.send(
        new GetItemCommand({ ...this.#named, Key: keyOf({ pk, sk }), ConsistentRead: true }),
      ),
    );
    return Item && this.#item(Item);
  }

  /** Returns false if the condition does not hold. */
  async put(item: Attributes, condition?: Condition): Promise<boolean> {
    return this.#conditional((client) =>
      client.send(new PutItemCommand({ ...this.#named, Item: item, ...conditionOf(condition) })),
    );
  }

  /** Returns false if the condition does not hold. */
  async update(key: ItemKey, update: Condition, condition?: string): Promise<boolean> {
    return this.#conditional((client) =>
      client.send(
        new UpdateItemCommand({
          ...this.#named,
          Key: keyOf(key),
          UpdateExpression: update.expression,
          ExpressionAttributeNames: update.names,
          ExpressionAttributeValues: update.values,
          ConditionExpression: condition,
        }),
      ),
    );
  }

  /** Adds one to a counter and returns what it is then. */
  async count(key: ItemKey): Promise<number> {
    const { Attributes: found = {} } = await this.#send((client) =>
      client.send(
        new UpdateItemCommand({
          ...this.#named,
          Key: keyOf(key),
          UpdateExpression: 'ADD #n :one',
          ExpressionAttributeNames: { '#n': 'count' },
          ExpressionAttributeValues: { ':one': { N: '1' } },
          ReturnValues: 'UPDATED_NEW',
        }),
      ),
    );
    return this.#item(found).number('count');
  }

  /** Returns false if the condition does not hold. */
  async delete(key: ItemKey, condition?: Condition): Promise<boolean> {
    return this.#conditional((client) =>
      client.send(
        new DeleteItemCommand({ ...this.#named, Key: keyOf(key), ...conditionOf(condition) }),
      ),
    );
  }

  /** The items that a query finds, a page at a time, as they are asked for. */
  async *query(input: TableQuery): AsyncGenerator<DynamoItem, void, undefined> {
    for await (const { items } of this.pages(input)) yield* items;
  }

  /** The same, a page at a time. */
  async *pages(input: TableQuery): AsyncGenerator<TablePage, void, undefined> {
    const isOfIndex = input.IndexName !== undefined;
    let start: Attributes | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await this.#send((client) =>
        client.send(
          new QueryCommand({
            ConsistentRead: !isOfIndex,
            ...input,
            ...this.#named,
            ExclusiveStartKey: start,
          }),
        ),
      );
      start = LastEvaluatedKey;
      yield { items: Items.map((item) => this.#item(item)), isLast: start === undefined };
    } while (start !== undefined);
  }

  /** Those of the items that are there, in no order. */
  async getAll(keys: readonly ItemKey[]): Promise<readonly DynamoItem[]> {
    const found: DynamoItem[] = [];
    await inBatches(keys.map(keyOf), readsAtOnce, async (batch) => {
      let rest: Attributes[] = [...batch];
      for (let round = 1; rest.length > 0; round += 1) {
        const wanted = { Keys: rest, ConsistentRead: true };
        const { Responses = {}, UnprocessedKeys = {} } = await this.#send((client) =>
          client.send(new BatchGetItemCommand({ RequestItems: { [this.#place.table]: wanted } })),
        );
        for (const item of Responses[this.#place.table] ?? []) found.push(this.#item(item));
        rest = UnprocessedKeys[this.#place.table]?.Keys ?? [];
        if (rest.length > 0) await this.#pause(round);
      }
    });
    return found;
  }

  /** Puts items, each by itself; a later one with the same key wins. */
  async putAll(items: readonly Attributes[]): Promise<void> {
    const byKey = new Map(items.map((item) => [`${item['pk']?.S}\0${item['sk']?.S}`, item]));
    await this.#writeAll([...byKey.values()].map((Item) => ({ PutRequest: { Item } })));
  }

  async deleteAll(keys: readonly ItemKey[]): Promise<void> {
    await this.#writeAll(keys.map((key) => ({ DeleteRequest: { Key: keyOf(key) } })));
  }

  /** Makes the table unless it is there, and waits until it can be used. */
  async create(): Promise<void> {
    if (!(await this.#exists())) {
      try {
        await this.#client.send(new CreateTableCommand(tableDefinition(this.#place.table)));
      } catch (error) {
        if (!isTableInUse(error)) {
          const ours = dynamoError(error, this.location);
          throw ours.kind === 'Denied' && !isExpired(error)
            ? tableNotMade(this.location, this.#place.table, error)
            : ours;
        }
      }
    }
    await this.#waitUntilActive();
  }

  /** Lets DynamoDB drop leases that ended long ago. Not all servers and credentials know or may. */
  async dropOldLeases(): Promise<void> {
    const TimeToLiveSpecification = { AttributeName: 'dropAt', Enabled: true };
    try {
      await this.#client.send(
        new UpdateTimeToLiveCommand({ ...this.#named, TimeToLiveSpecification }),
      );
    } catch {
      // They stay: some bytes each.
    }
  }

  [Symbol.dispose](): void {
    this.#client.destroy();
  }

  get #named(): { readonly TableName: string } {
    return { TableName: this.#place.table };
  }

  #item(attributes: Attributes): DynamoItem {
    return new DynamoItem(this.location, attributes);
  }

  async #exists(): Promise<boolean> {
    try {
      await this.#client.send(new DescribeTableCommand(this.#named));
      return true;
    } catch (error) {
      if (isTableMissing(error)) return false;
      throw dynamoError(error, this.location);
    }
  }

  async #waitUntilActive(): Promise<void> {
    const { clock } = this.#surroundings;
    const until = clock.elapsed() + creationMsMax;
    for (let delayMs = 50; ; delayMs = Math.min(2 * delayMs, 2_000)) {
      const { Table } = await this.#send((client) =>
        client.send(new DescribeTableCommand(this.#named)),
      );
      const indexes = Table?.GlobalSecondaryIndexes ?? [];
      const states = [Table?.TableStatus, ...indexes.map(({ IndexStatus }) => IndexStatus)];
      if (!states.some((state) => state === 'CREATING')) return;
      if (clock.elapsed() > until) throw catalogBusy(this.location, 'is still being made');
      await clock.sleep(delayMs);
    }
  }

  async #writeAll(requests: readonly WriteRequest[]): Promise<void> {
    const { table } = this.#place;
    await inBatches(requests, writesAtOnce, async (batch) => {
      let rest: WriteRequest[] = [...batch];
      for (let round = 1; rest.length > 0; round += 1) {
        const { UnprocessedItems = {} } = await this.#send((client) =>
          client.send(new BatchWriteItemCommand({ RequestItems: { [table]: rest } })),
        );
        rest = UnprocessedItems[table] ?? [];
        if (rest.length > 0) await this.#pause(round);
      }
    });
  }

  /** What a batch leaves undone was throttled: a random time, so that clients do not march in step. */
  async #pause(round: number): Promise<void> {
    if (round >= roundsMax) throw catalogBusy(this.location, 'takes no more requests for now');
    const { clock, random } = this.#surroundings;
    const share = ((random.bytes(1)[0] ?? 0) + 1) / 256;
    await clock.sleep(share * Math.min(roundMsMax, 50 * 2 ** round));
  }

  async #conditional(call: (client: DynamoDBClient) => Promise<unknown>): Promise<boolean> {
    try {
      await this.#send(call, { conditional: true });
      return true;
    } catch (error) {
      if (isConditionFailed(error)) return false;
      throw error;
    }
  }

  /**
   * Credentials that have expired are looked up once more: whoever renews them writes them to a
   * file, which a new client reads.
   */
  async #send<T>(
    call: (client: DynamoDBClient) => Promise<T>,
    { conditional = false } = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call(this.#client);
      } catch (error) {
        if (conditional && isConditionFailed(error)) throw error;
        if (!isExpired(error) || attempt > 1) throw dynamoError(error, this.location);
        this.#client.destroy();
        this.#client = new DynamoDBClient(clientConfig(this.#place));
      }
    }
  }
}

export function keyOf({ pk, sk }: ItemKey): Attributes {
  return { pk: text(pk), sk: text(sk) };
}

function conditionOf(condition: Condition | undefined): {
  readonly ConditionExpression?: string;
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Attributes;
} {
  if (condition === undefined) return {};
  const { expression, names, values } = condition;
  return {
    ConditionExpression: expression,
    ...(names === undefined ? {} : { ExpressionAttributeNames: names }),
    ...(values === undefined ? {} : { ExpressionAttributeValues: values }),
  };
}

function clientConfig({ region, endpoint, profile }: DynamoPlace): DynamoDBClientConfig {
  // A server that is not AWS has no regions, but a signature needs one.
  const inRegion = region ?? (endpoint === undefined ? undefined : 'us-east-1');
  return {
    ...(inRegion === undefined ? {} : { region: inRegion }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(profile === undefined ? {} : { profile }),
    maxAttempts: attemptsMax,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: connectMsMax,
      requestTimeout: requestMsMax,
      throwOnRequestTimeout: true,
    },
  };
}

async function inBatches<T>(
  items: readonly T[],
  size: number,
  work: (batch: readonly T[]) => Promise<void>,
): Promise<void> {
  assert(size > 0, 'A batch holds something');
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const batch = items.slice(next, next + size);
      next += size;
      await work(batch);
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, lane));
}
