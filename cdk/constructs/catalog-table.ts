import { RemovalPolicy } from 'aws-cdk-lib';
import {
  type Attribute,
  AttributeType,
  Billing,
  ProjectionType,
  TableEncryptionV2,
  TableV2,
} from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';

const named = (name: string): Attribute => ({ name, type: AttributeType.STRING });

/** The table of the catalog, as `tableDefinition` in `src/core/catalog` wants it: billed by request, restorable to any second, kept when its stack goes. */
export function catalogTable(scope: Construct, tableName: string): TableV2 {
  return new TableV2(scope, 'Catalog', {
    tableName,
    partitionKey: named('pk'),
    sortKey: named('sk'),
    globalSecondaryIndexes: [
      {
        indexName: 'due',
        partitionKey: named('dueIn'),
        sortKey: named('dueAt'),
        projectionType: ProjectionType.KEYS_ONLY,
      },
      {
        indexName: 'state',
        partitionKey: named('notStored'),
        sortKey: named('sk'),
        projectionType: ProjectionType.KEYS_ONLY,
      },
    ],
    timeToLiveAttribute: 'dropAt',
    billing: Billing.onDemand(),
    encryption: TableEncryptionV2.dynamoOwnedKey(),
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
}
