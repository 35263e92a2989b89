import {
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fill, makeRow, tipOf } from '../../../test/contract/catalog.ts';
import { collect } from '../../../test/contract/collect.ts';
import { type DynamoServer, startDynamo } from '../../../test/support/dynamo-server.ts';
import { type FaultyDynamo, startFaultyDynamo } from '../../../test/support/faulty-dynamo.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import type { MirrorId } from '../base/index.ts';
import type { Catalog } from './catalog.ts';
import { openCatalog, parseCatalogUrl } from './catalog-url.ts';
import { tableDefinition } from './dynamo-schema.ts';
import type { LedgerCopy } from './ledger.ts';

let server: DynamoServer;
let faulty: FaultyDynamo;
let url: string;
let client: DynamoDBClient;
beforeAll(async () => {
  server = await startDynamo();
  faulty = await startFaultyDynamo(server.endpoint);
  client = new DynamoDBClient({ endpoint: server.endpoint });
});
beforeEach(() => {
  url = server.catalogUrl().replace(server.endpoint, faulty.endpoint);
});
afterEach(() => {
  faulty.fault = () => undefined;
});
afterAll(async () => {
  client.destroy();
  await faulty[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const make = (): Promise<Catalog> => openCatalog(url, { create: true });
const missing = { kind: 'NotFound', code: 'CATALOG_MISSING' };
const damaged = { kind: 'Corrupt', code: 'CATALOG_DAMAGED' };
const mirror = '1'.repeat(32) as MirrorId;
const tableName = (): string => {
  const place = parseCatalogUrl(url);
  return place.kind === 'dynamodb' ? place.table : '';
};

async function putItem(item: Record<string, AttributeValue>): Promise<void> {
  await client.send(new PutItemCommand({ TableName: tableName(), Item: item }));
}

/** The operations that an action asks for. */
async function operationsOf(action: () => Promise<unknown>): Promise<string[]> {
  faulty.operations.length = 0;
  await action();
  return [...faulty.operations];
}

/** Fails the first so many requests of an operation. */
function failFirst(count: number, operation: string, fail: string): void {
  let left = count;
  faulty.fault = (request) =>
    request.operation === operation && left-- > 0
      ? { fail, status: fail === 'InternalServerError' ? 500 : 400 }
      : undefined;
}

describe('the table', () => {
  it('that is not there is told, and made only if wanted', async () => {
    await expect(openCatalog(url)).rejects.toMatchObject(missing);
    await expect(openCatalog(url, { readOnly: true, create: true })).rejects.toMatchObject({
      ...missing,
      hint: expect.stringContaining('versions catalog rebuild'),
    });
    await using catalog = await make();
    expect(catalog.isShared).toBe(true);
    expect(await catalog.tip()).toBeUndefined();
  });

  it('that somebody else made is taken when it is empty', async () => {
    await client.send(new CreateTableCommand(tableDefinition(tableName())));
    faulty.fault = ({ operation }) =>
      operation === 'CreateTable' ? { fail: 'AccessDeniedException' } : undefined;
    await expect
      .poll(() => openCatalog(url).catch((error: unknown) => error))
      .toMatchObject(missing);
    await using catalog = await make();
    await fill(catalog, 1);
  });

  it('that may not be made is told, with what to allow', async () => {
    faulty.fault = ({ operation }) =>
      operation === 'CreateTable' ? { fail: 'AccessDeniedException' } : undefined;
    await expect(make()).rejects.toMatchObject({
      kind: 'Denied',
      code: 'CATALOG_TABLE_DENIED',
      message: expect.stringContaining(tableName()),
      hint: expect.stringContaining('dynamodb:CreateTable'),
    });
  });

  it('of another program is refused and left alone', async () => {
    await client.send(
      new CreateTableCommand({
        TableName: tableName(),
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
    await expect
      .poll(() => openCatalog(url).catch((error: unknown) => error))
      .toMatchObject(damaged);
    const asked = await operationsOf(async () => {
      await expect(make()).rejects.toMatchObject(damaged);
    });
    expect(asked).not.toContain('PutItem');
  });

  it('of a newer version is refused', async () => {
    await (await make())[Symbol.asyncDispose]();
    await putItem({ pk: { S: 'meta' }, sk: { S: ' version' }, value: { S: '2' } });
    await expect(openCatalog(url)).rejects.toMatchObject({ code: 'CATALOG_TOO_NEW' });
  });

  it('that lacks a row or holds a wrong value is damaged', async () => {
    await using catalog = await make();
    await fill(catalog, 5);
    const Key = { pk: { S: 'entry' }, sk: { S: '0000000000000003' } };
    await client.send(new DeleteItemCommand({ TableName: tableName(), Key }));
    await expect(collect(catalog.read(0))).rejects.toMatchObject(damaged);
    await putItem({ ...Key, lineage: { S: 'x' }, hash: { S: 'y' }, bytes: { S: 'z' } });
    await expect(collect(catalog.read(0))).rejects.toMatchObject(damaged);
    await putItem({ pk: { S: 'ledger' }, sk: { S: 'packs/a#nowhere' }, state: { S: 'stored' } });
    await expect(collect(catalog.ledger.copies())).rejects.toMatchObject(damaged);
  });

  it('opened for reading is not written to', async () => {
    await (await make())[Symbol.asyncDispose]();
    await using catalog = await openCatalog(url, { readOnly: true });
    const readOnly = { kind: 'Denied', code: 'CATALOG_READ_ONLY' };
    const { ledger } = catalog;
    const asked = await operationsOf(async () => {
      await expect(catalog.append(makeRow(1), undefined)).rejects.toMatchObject(readOnly);
      await expect(catalog.setMeta('a', 'b')).rejects.toMatchObject(readOnly);
      await expect(catalog.clearPayloads(1)).rejects.toMatchObject(readOnly);
      await expect(ledger.setState('a', mirror, 'stored', 1)).rejects.toMatchObject(readOnly);
      await expect(ledger.setLife(['a'], 'swept')).rejects.toMatchObject(readOnly);
      await expect(ledger.acquireLease('a', 'b', { now: 1, ms: 1 })).rejects.toMatchObject(
        readOnly,
      );
    });
    expect(asked).toEqual([]);
  });
});

describe('requests', () => {
  it('are few: one to open, one for an entry, none by a scan', async () => {
    await using first = await make();
    await fill(first, 3);
    await first.setMeta('repository', 'r');
    let catalog: Catalog | undefined;
    expect(await operationsOf(async () => (catalog = await openCatalog(url)))).toEqual(['Query']);
    await using opened = catalog;
    // Named values came with the opening.
    expect(await operationsOf(() => opened!.getMeta('repository'))).toEqual([]);
    expect(await operationsOf(() => collect(opened!.read(0)))).toEqual(['Query']);
    expect(await operationsOf(() => fill(opened!, 1))).toEqual(['Query', 'PutItem']);
    expect(await operationsOf(() => opened!.append(makeRow(5), tipOf(makeRow(4))))).toEqual([
      'PutItem',
    ]);
  });

  it('do not grow with the ledger', async () => {
    await using catalog = await make();
    const names = Array.from({ length: 300 }, (_, index) => `packs/${index.toString(16)}`);
    const copies = names.map((object): LedgerCopy => ({
      object,
      bytes: 1,
      life: 'live',
      mirror,
      state: 'stored',
    }));
    await catalog.ledger.record(copies);
    await catalog.ledger.setState('packs/7', mirror, 'debt', 1);
    const { ledger } = catalog;
    const due = await operationsOf(() => ledger.due(mirror, 1, 10));
    expect(due.filter((operation) => operation === 'Query')).toHaveLength(16);
    expect(due.filter((operation) => operation !== 'Query')).toEqual(['BatchGetItem']);
    expect(await operationsOf(() => collect(ledger.copies({ state: 'debt' })))).toEqual([
      'Query',
      'BatchGetItem',
    ]);
    // Once it has seen that no client has said anything.
    await ledger.copiesOf('packs/7');
    expect(await operationsOf(() => ledger.copiesOf('packs/7'))).toEqual(['Query']);
  });
});

describe('when DynamoDB', () => {
  it.each(['ProvisionedThroughputExceededException', 'ThrottlingException', 'InternalServerError'])(
    'says %s now and then, it is asked again',
    async (fail) => {
      await using catalog = await make();
      failFirst(2, 'PutItem', fail);
      await fill(catalog, 2);
      expect(await catalog.tip()).toEqual(tipOf(makeRow(2)));
    },
  );

  it('keeps a part of a batch back, that part is sent again', async () => {
    await using catalog = await make();
    let kept = 0;
    faulty.fault = ({ operation, body }) => {
      if (operation !== 'BatchWriteItem' && operation !== 'BatchGetItem') return undefined;
      const isWrite = operation === 'BatchWriteItem';
      const all = body['RequestItems'] as Record<string, never>;
      const list: unknown[] = isWrite ? all[tableName()]! : all[tableName()]!['Keys'];
      if (list.length < 2) return undefined;
      kept += 1;
      const part = (items: unknown[]): Record<string, unknown> => ({
        [tableName()]: isWrite ? items : { Keys: items, ConsistentRead: true },
      });
      const rest = part(list.slice(Math.ceil(list.length / 2)));
      return {
        instead: { ...body, RequestItems: part(list.slice(0, Math.ceil(list.length / 2))) },
        answer: (answer) => ({
          ...answer,
          [isWrite ? 'UnprocessedItems' : 'UnprocessedKeys']: rest,
        }),
      };
    };
    const names = Array.from({ length: 28 }, (_, index) => `o${String(index).padStart(2, '0')}`);
    await catalog.ledger.record(
      names.map((object) => ({ object, bytes: 1, life: 'live', mirror, state: 'damaged' })),
    );
    const found = await collect(catalog.ledger.copies({ state: 'damaged' }));
    expect(found.map(({ object }) => object)).toEqual(names);
    expect(kept).toBeGreaterThan(6);
  });

  it('loses the answer to an append, the entry counts once', async () => {
    await using catalog = await make();
    await fill(catalog, 1);
    let lost = 0;
    faulty.fault = ({ operation }) =>
      operation === 'PutItem' && lost++ === 0 ? 'lose-answer' : undefined;
    await catalog.append(makeRow(2), tipOf(makeRow(1)));
    expect(lost).toBe(2);
    expect((await collect(catalog.read(0))).map(({ number }) => number)).toEqual([1, 2]);
  });

  it('loses the answer to a lease, the lease is held', async () => {
    await using catalog = await make();
    let lost = 0;
    faulty.fault = ({ operation }) =>
      operation === 'PutItem' && lost++ === 0 ? 'lose-answer' : undefined;
    const lease = await catalog.ledger.acquireLease('n', 'one', { now: 5, ms: 10 });
    expect(lease).toEqual({ name: 'n', holder: 'one', token: 5, expiresAt: 15 });
    expect(await catalog.ledger.renewLease(lease, { now: 6, ms: 10 })).toMatchObject({ token: 5 });
  });

  it('finds that credentials have expired, they are looked up once more', async () => {
    await using catalog = await make();
    failFirst(1, 'PutItem', 'ExpiredTokenException');
    await fill(catalog, 1);
    failFirst(99, 'PutItem', 'ExpiredTokenException');
    const asked = await operationsOf(async () => {
      await expect(catalog.append(makeRow(2), tipOf(makeRow(1)))).rejects.toMatchObject({
        kind: 'Denied',
        code: 'CATALOG_DENIED',
        message: expect.stringMatching(/^The credentials for .* have expired$/),
      });
    });
    expect(asked).toEqual(['PutItem', 'PutItem']);
  });

  it.each(['AccessDeniedException', 'UnrecognizedClientException', 'InvalidSignatureException'])(
    'says %s, it is not asked again',
    async (fail) => {
      await using catalog = await make();
      failFirst(99, 'PutItem', fail);
      const asked = await operationsOf(async () => {
        await expect(catalog.append(makeRow(1), undefined)).rejects.toMatchObject({
          kind: 'Denied',
          code: 'CATALOG_DENIED',
        });
      });
      expect(asked).toEqual(['PutItem']);
    },
  );

  it('is not there at all, that is one clear sentence', async () => {
    const nowhere = url.replace(/:\d+$/, ':9');
    await expect(openCatalog(nowhere)).rejects.toMatchObject({
      kind: 'Unavailable',
      code: 'CATALOG_FAILED',
      message: expect.stringContaining('cannot be reached'),
    });
  });
});

describe('payloads', () => {
  it('of any size are kept, in parts, until they are cleared', async () => {
    await using catalog = await make();
    const payload = seededBytes('payload', 1_500_000);
    await catalog.append({ ...makeRow(1), payload }, undefined);
    await catalog.append({ ...makeRow(2), payload: Buffer.from('small') }, tipOf(makeRow(1)));
    const [first, second] = await collect(catalog.read(0));
    expect(payload.equals(first?.payload ?? Buffer.alloc(0))).toBe(true);
    expect(Buffer.from(second?.payload ?? []).toString()).toBe('small');
    await catalog.clearPayloads(1);
    expect((await collect(catalog.read(0))).map((row) => row.payload?.length)).toEqual([
      undefined,
      5,
    ]);
  });

  it('of an entry that lost the race belong to nobody', async () => {
    await using catalog = await make();
    await using other = await openCatalog(url);
    await catalog.append({ ...makeRow(1), payload: Buffer.from('mine') }, undefined);
    const late = { ...makeRow(1, 'late'), payload: Buffer.from('yours') };
    await expect(other.append(late, undefined)).rejects.toMatchObject({ code: 'CATALOG_CONFLICT' });
    const [row] = await collect(other.read(0));
    expect(Buffer.from(row?.payload ?? []).toString()).toBe('mine');
  });
});
