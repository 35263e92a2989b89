import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';

/** The version of what the table holds; a higher one is refused. */
export const dynamoSchemaVersion = 1;

/** The first part of every item's key: which list it belongs to. */
export const partitions = {
  meta: 'meta',
  entries: 'entry',
  payloads: 'payload',
  ledger: 'ledger',
  leases: 'lease',
  events: 'event',
  counters: 'counter',
} as const;

/** Copies by mirror, shard and time at which they are to be verified; sparse, keys only. */
export const dueIndex = 'due';
/** Copies that are not stored, by state; sparse, keys only. */
export const stateIndex = 'state';

/** What a table must be to hold a catalog: for `init`, and for whoever makes it by other means. */
export function tableDefinition(table: string): CreateTableCommandInput {
  return {
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['pk', 'sk', 'dueIn', 'dueAt', 'notStored'].map((AttributeName) => ({
      AttributeName,
      AttributeType: 'S',
    })),
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: dueIndex,
        KeySchema: [
          { AttributeName: 'dueIn', KeyType: 'HASH' },
          { AttributeName: 'dueAt', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
      {
        IndexName: stateIndex,
        KeySchema: [
          { AttributeName: 'notStored', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    ],
  };
}

/** A number that sorts as text as it does as a number; 2^53 has 16 digits. */
export function padded(value: number): string {
  return String(Math.max(0, value)).padStart(16, '0');
}
